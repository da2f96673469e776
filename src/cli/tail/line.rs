//! A message as one line. Its text is foreign: nothing in it may move the cursor of a terminal.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::text::one_line;

/// The message as JSON.
pub(super) fn json(message: &Value) -> String {
    one_line(&message.to_string()).into_owned()
}

/// The message for people: time, direction, name, text.
pub(super) fn readable(message: &Value, zone: &TimeZone, colour: bool) -> String {
    let text = |name: &str| message[name].as_str();
    let (arrow, tint) = if text("direction") == Some("outbound") {
        ("→", "36")
    } else {
        ("←", "32")
    };
    let time = text("sentAt").and_then(|time| time.parse::<Timestamp>().ok());
    let time = time.map_or_else(
        || "?".to_owned(),
        |time| {
            let time = time.to_zoned(zone.clone());
            time.strftime("%Y-%m-%d %H:%M:%S").to_string()
        },
    );
    let name = text("displayName").or(text("username"));
    let name = name.or(text("contactId")).unwrap_or("?");
    let mut what = Vec::new();
    match text("kind") {
        Some("text") | None => {}
        Some(kind) => what.push(format!("[{}]", one_line(kind))),
    }
    what.extend(text("text").map(|text| one_line(text).into_owned()));
    for attachment in message["attachments"].as_array().into_iter().flatten() {
        let kind = attachment["type"].as_str().unwrap_or("file");
        let url = attachment["url"].as_str().unwrap_or_default();
        what.push(one_line(&format!("<{kind} {url}>")).into_owned());
    }
    let name = one_line(name);
    let what = what.join(" ");
    if colour {
        format!("\x1b[2m{time}\x1b[0m \x1b[{tint}m{arrow} {name}\x1b[0m: {what}")
    } else {
        format!("{time} {arrow} {name}: {what}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_says_when_who_and_what() {
        let message = json!({
            "sentAt": "2026-11-22T16:21:22.000Z", "direction": "inbound", "kind": "media", "displayName": "Ana",
            "text": null, "attachments": [{"type": "image", "url": "https://cdn.example.test/a.jpg"}],
        });
        assert_eq!(
            readable(&message, &TimeZone::UTC, false),
            "2026-11-22 16:21:22 ← Ana: [media] <image https://cdn.example.test/a.jpg>"
        );
    }

    #[test]
    fn a_time_is_in_the_zone_of_the_reader() {
        let moscow = TimeZone::get("Europe/Moscow").unwrap();
        let message =
            json!({ "sentAt": "2026-11-22T22:21:22.000Z", "contactId": "1", "text": "x" });
        let line = readable(&message, &moscow, false);
        assert_eq!(line, "2026-11-23 01:21:22 ← 1: x");
    }

    #[test]
    fn no_foreign_text_reaches_the_terminal_as_a_command() {
        let hostile = "\u{1b}[2Jgone\u{9b}2J\r\nnew\u{202e}line";
        let message = json!({"direction": "outbound", "kind": "text", "displayName": hostile, "text": hostile});
        for line in [
            readable(&message, &TimeZone::UTC, false),
            json_line(&message),
        ] {
            assert!(
                !line.contains(|letter: char| letter.is_control() || letter == '\u{202e}'),
                "{line}"
            );
        }
        assert_eq!(
            serde_json::from_str::<Value>(&json_line(&message)).unwrap(),
            message
        );
    }

    fn json_line(message: &Value) -> String {
        super::json(message)
    }
}
