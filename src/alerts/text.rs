//! What an alert says, and how each receiver wants it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::config::AlertFormat;
use crate::diagnose::{Status, WatchedCheck};
use crate::i18n::{Locale, Text};
use crate::time::millis;

/// What an alert says: as it is kept, and as a receiver gets it that knows no other form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AlertText {
    r#type: String,
    timestamp: String,
    data: AlertData,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AlertData {
    check: String,
    /// The destination that it is about, if it is about one.
    destination: Option<String>,
    /// The name of the installation, if it has one.
    instance: Option<String>,
    /// Who says so, if it is about this process and its machine.
    replica: Option<String>,
    /// Since when it is, or was, bad.
    since: String,
    status: Status,
    sentence: String,
    meaning: String,
    /// What to do about it; empty when it is over.
    next_step: String,
}

/// Who tells.
#[derive(Debug, Clone, Default)]
pub(super) struct Teller {
    pub(super) instance: Option<String>,
    /// The name of this machine.
    pub(super) replica: String,
    /// The language that it tells in.
    pub(super) locale: Locale,
}

impl AlertText {
    /// That a check has turned bad since then, or well again.
    pub(super) fn of(
        watched: &WatchedCheck,
        is_bad: bool,
        since: Timestamp,
        teller: &Teller,
        now: Timestamp,
    ) -> Self {
        let words = |text: &Text| text.in_locale(teller.locale);
        let check = &watched.check;
        let verb = if is_bad { "began" } else { "ended" };
        Self {
            r#type: format!("{}.{verb}", check.name),
            timestamp: millis::format(now),
            data: AlertData {
                check: check.name.clone(),
                destination: watched.destination.clone(),
                instance: teller.instance.clone(),
                replica: (!watched.is_shared).then(|| teller.replica.clone()),
                since: millis::format(since),
                status: check.status,
                sentence: words(&check.observed),
                meaning: words(&check.meaning),
                next_step: if is_bad {
                    words(&check.next_step)
                } else {
                    String::new()
                },
            },
        }
    }

    /// One to see whether alerts arrive.
    pub(super) fn test(now: Timestamp) -> Self {
        Self {
            r#type: "alert.test".to_owned(),
            timestamp: millis::format(now),
            data: AlertData {
                check: "alert".to_owned(),
                destination: None,
                instance: None,
                replica: None,
                since: millis::format(now),
                status: Status::Ok,
                sentence: "This is a test of chatrace-webhook.".to_owned(),
                meaning: "Alerts arrive here.".to_owned(),
                next_step: String::new(),
            },
        }
    }

    /// The type of the alert.
    pub(super) fn name(&self) -> &str {
        &self.r#type
    }

    /// What was observed.
    pub(super) fn sentence(&self) -> &str {
        &self.data.sentence
    }

    pub(super) fn to_json(&self) -> String {
        // Texts can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// An alert that is kept, as its receiver wants it.
    pub(super) fn rendered(kept: &str, format: AlertFormat) -> Vec<u8> {
        let text = |kept: &str| match serde_json::from_str::<Self>(kept) {
            Ok(text) => text.for_people(),
            // Made by another version.
            Err(_) => kept.to_owned(),
        };
        let body = match format {
            AlertFormat::Standard => return kept.as_bytes().to_vec(),
            AlertFormat::Telegram => json!({ "text": text(kept) }),
            AlertFormat::Slack => json!({ "text": escaped_for_slack(&text(kept)) }),
        };
        body.to_string().into_bytes()
    }

    fn for_people(&self) -> String {
        let data = &self.data;
        let mut lines = vec![match self.r#type.rsplit_once('.') {
            Some((_, "ended")) => format!("OK: {}", data.sentence),
            _ => data.sentence.clone(),
        }];
        if !data.next_step.is_empty() {
            lines.push(data.next_step.clone());
        }
        let who: Vec<_> = data.instance.iter().chain(&data.replica).cloned().collect();
        if !who.is_empty() {
            lines.push(format!("({})", who.join(", ")));
        }
        lines.join("\n")
    }
}

/// <https://docs.slack.dev/messaging/formatting-message-text#escaping>
fn escaped_for_slack(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::diagnose::Check;

    fn alert(is_bad: bool) -> String {
        let check = if is_bad {
            let check = Check::problem("disk", "12 MiB < 100 MiB & less.".to_owned().into());
            Check {
                meaning: "It fills.".to_owned().into(),
                ..check.with_next("Free some space.".to_owned().into())
            }
        } else {
            Check::ok("disk", "There is room.".to_owned().into())
        };
        let watched = WatchedCheck {
            check,
            destination: None,
            is_shared: false,
            is_bad: Some(is_bad),
            lasts: SignedDuration::ZERO,
        };
        let at = |time: &str| time.parse().unwrap();
        let (since, now) = (at("2026-11-28T14:02:00Z"), at("2026-11-28T14:03:00Z"));
        let teller = Teller {
            instance: Some("Shop".to_owned()),
            replica: "web-1".to_owned(),
            locale: Locale::En,
        };
        AlertText::of(&watched, is_bad, since, &teller, now).to_json()
    }

    fn rendered(is_bad: bool, format: AlertFormat) -> String {
        String::from_utf8(AlertText::rendered(&alert(is_bad), format)).unwrap()
    }

    #[test]
    fn the_standard_form_has_everything() {
        insta::assert_snapshot!(rendered(true, AlertFormat::Standard), @r#"{"type":"disk.began","timestamp":"2026-11-28T14:03:00.000Z","data":{"check":"disk","destination":null,"instance":"Shop","replica":"web-1","since":"2026-11-28T14:02:00.000Z","status":"problem","sentence":"12 MiB < 100 MiB & less.","meaning":"It fills.","nextStep":"Free some space."}}"#);
    }

    #[test]
    fn the_others_have_a_text_for_people() {
        assert_eq!(
            rendered(true, AlertFormat::Telegram),
            r#"{"text":"12 MiB < 100 MiB & less.\nFree some space.\n(Shop, web-1)"}"#
        );
        assert_eq!(
            rendered(true, AlertFormat::Slack),
            r#"{"text":"12 MiB &lt; 100 MiB &amp; less.\nFree some space.\n(Shop, web-1)"}"#
        );
        assert_eq!(
            rendered(false, AlertFormat::Telegram),
            r#"{"text":"OK: There is room.\n(Shop, web-1)"}"#
        );
    }
}
