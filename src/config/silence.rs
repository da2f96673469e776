//! When silence becomes an alarm, and who is told.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::Env;
use crate::crypto;

/// When silence becomes an alarm, and who is told.
#[derive(Debug, Clone)]
pub struct SilenceSettings {
    /// After how long without a message.
    pub after: Option<SilenceAfter>,
    /// Where one POST goes when it begins and one when it ends.
    pub alert: Option<AlertTarget>,
}

/// The two ways to say how long silence may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceAfter {
    /// Learned from the usual rhythm.
    Auto,
    /// Always this long.
    Fixed(Duration),
}

/// Who is told. Printing it shows the host only: the rest of such a URL is often a credential.
#[derive(Clone)]
pub struct AlertTarget {
    /// The whole URL.
    pub url: SecretString,
    host: String,
    /// With what alerts are signed.
    pub secret: SecretString,
}

impl AlertTarget {
    /// What must never show anywhere.
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
    /// Reads the section.
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
            env.mistake(VARIABLE, "must be longer than zero, or auto");
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
        env.mistake(SECRET, "begins with whsec_, but is not base64 after that");
    }
    let url = env.http_url("ALERT_URL")?;
    let Some(secret) = secret else {
        env.mistake(
            SECRET,
            "is required with ALERT_URL, so that whoever is told can check who tells: set it to a long random text, \
             for example from `openssl rand -hex 32`",
        );
        return None;
    };
    Some(AlertTarget {
        host: url.host_str().unwrap_or_default().to_owned(),
        url: SecretString::from(String::from(url)),
        secret,
    })
}
