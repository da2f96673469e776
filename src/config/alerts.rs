//! Where alerts go, and how they are written.

use std::time::Duration;

use url::Url;

use super::Env;
use super::forward::{Destination, signing_keys};
use crate::i18n::Text;

/// How often the checks are looked at that alerts are about.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Where alerts go, and how they are written.
#[derive(Debug, Clone)]
pub struct AlertTarget {
    pub destination: Destination,
    pub format: AlertFormat,
    /// How often the checks are looked at. Only tests change it.
    pub look_every: Duration,
}

/// How an alert is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertFormat {
    /// Signed JSON, as Standard Webhooks recommends.
    Standard,
    /// A message of a Telegram bot.
    Telegram,
    /// A message for an incoming webhook of Slack.
    Slack,
}

impl AlertTarget {
    /// `None` without a URL, and after a mistake.
    pub fn read(env: &mut Env<'_>) -> Option<Self> {
        const SECRET: &str = "ALERT_SECRET";
        let format = env.one_of(
            "ALERT_FORMAT",
            &[
                ("standard", AlertFormat::Standard),
                ("telegram", AlertFormat::Telegram),
                ("slack", AlertFormat::Slack),
            ],
        );
        let format = format.unwrap_or(AlertFormat::Standard);
        let keys = signing_keys(env, SECRET);
        let url = env.http_url(Destination::OF_ALERTS)?;
        if format == AlertFormat::Standard && keys.is_empty() {
            env.mistake(SECRET, Text::new("config-alert-secret"));
        }
        if format == AlertFormat::Telegram && !is_for_telegram(&url) {
            env.mistake(Destination::OF_ALERTS, Text::new("config-not-telegram"));
        }
        Some(Self {
            destination: Destination::of_alerts(&url, keys),
            format,
            look_every: LOOK_EVERY,
        })
    }
}

fn is_for_telegram(url: &Url) -> bool {
    url.path().starts_with("/bot")
        && url.path().ends_with("/sendMessage")
        && url
            .query_pairs()
            .any(|(name, value)| name == "chat_id" && !value.is_empty())
}
