//! When silence raises an alert, and where alerts go.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::Env;
use crate::crypto;
use crate::i18n::Text;

#[derive(Debug, Clone)]
pub struct SilenceSettings {
    pub after: Option<SilenceAfter>,
    /// Receives one POST when silence begins and one when it ends.
    pub alert: Option<AlertTarget>,
}

/// How long there may be no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceAfter {
    /// Learned from the usual rhythm.
    Auto,
    /// Always this long.
    Fixed(Duration),
}

/// Where alerts go. Printing it shows only the host: the rest of such a URL is often a credential.
#[derive(Clone)]
pub struct AlertTarget {
    pub url: SecretString,
    host: String,
    /// The key of the signatures.
    pub secret: SecretString,
}

impl AlertTarget {
    /// The secrets, which must never be shown.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        [&self.url, &self.secret].into_iter()
    }
}

impl fmt::Debug for AlertTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AlertTarget({})", self.host)
    }
}

impl SilenceSettings {
    pub fn read(env: &mut Env<'_>) -> Self {
        Self {
            after: silence_after(env),
            alert: alert(env),
        }
    }
}

fn silence_after(env: &mut Env<'_>) -> Option<SilenceAfter> {
    const VARIABLE: &str = "SILENCE_AFTER";
    if env
        .text(VARIABLE)
        .is_some_and(|text| text.eq_ignore_ascii_case("auto"))
    {
        return Some(SilenceAfter::Auto);
    }
    match env.duration(VARIABLE)? {
        Duration::ZERO => {
            env.mistake(VARIABLE, Text::new("config-longer-than-zero"));
            None
        }
        duration => Some(SilenceAfter::Fixed(duration)),
    }
}

fn alert(env: &mut Env<'_>) -> Option<AlertTarget> {
    const SECRET: &str = "ALERT_SECRET";
    let secret = env.secret(SECRET);
    if let Some(secret) = &secret
        && crypto::webhook_key(secret.expose_secret()).is_none()
    {
        env.mistake(SECRET, Text::new("config-no-base64"));
    }
    let url = env.http_url("ALERT_URL")?;
    let Some(secret) = secret else {
        env.mistake(SECRET, Text::new("config-alert-secret"));
        return None;
    };
    Some(AlertTarget {
        host: url.host_str().unwrap_or_default().to_owned(),
        url: SecretString::from(String::from(url)),
        secret,
    })
}
