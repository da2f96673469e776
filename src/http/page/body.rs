//! A body for people: pretty-printed, or with the place where it stops being JSON.

use serde_json::Value;

use super::super::deliveries::Readable;
use crate::delivery::Delivery;

/// A body as the page shows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ShownBody {
    /// JSON, with line breaks.
    Pretty(String),
    /// What looks like JSON and is not: what is before the first wrong character, that character, and what is behind.
    Broken {
        before: String,
        at: String,
        after: String,
        problem: String,
    },
    /// Anything else, as it came.
    Plain(String),
}

impl ShownBody {
    pub(super) fn of(text: &str) -> Self {
        match serde_json::from_str::<Value>(text) {
            Ok(value) => Self::Pretty(serde_json::to_string_pretty(&value).unwrap_or_default()),
            Err(error) if text.trim_start().starts_with(['{', '[']) => {
                let place = offset(text, error.line(), error.column());
                let (before, rest) = text.split_at(place);
                let length = rest.chars().next().map_or(0, char::len_utf8);
                let (at, after) = rest.split_at(length);
                Self::Broken {
                    before: before.to_owned(),
                    at: at.to_owned(),
                    after: after.to_owned(),
                    problem: error.to_string(),
                }
            }
            Err(_) => Self::Plain(text.to_owned()),
        }
    }
}

/// Where in a text the parser's line and column are: both count from 1, columns in bytes.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let place = (before + column.saturating_sub(1)).min(text.len());
    text.floor_char_boundary(place)
}

/// The command that sends a delivery once more, with what is shown of it.
pub(super) fn curl(delivery: &Delivery, readable: &Readable, webhook: &str) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let content_type = readable.headers.get("content-type");
    let content_type =
        content_type.map(|value| format!(" -H {}", quoted(&format!("Content-Type: {value}"))));
    let content_type = content_type.unwrap_or_default();
    if delivery.is_query {
        let address = format!("{webhook}?{}", readable.body);
        return format!(
            "curl -X {} -H \"X-Webhook-Secret: $WEBHOOK_SECRET\" {}",
            delivery.method,
            quoted(&address)
        );
    }
    format!(
        "curl -X {}{content_type} -H \"X-Webhook-Secret: $WEBHOOK_SECRET\" --data-raw {} {}",
        delivery.method,
        quoted(&readable.body),
        quoted(webhook)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_mistake_is_marked() {
        let shown = ShownBody::of("{\n \"a\": \"é\" x}");
        let ShownBody::Broken {
            before, at, after, ..
        } = shown
        else {
            panic!("{shown:?}");
        };
        assert_eq!((&*before, &*at, &*after), ("{\n \"a\": \"é\" ", "x", "}"));
        let shown = ShownBody::of("{\"a\":");
        assert!(
            matches!(&shown, ShownBody::Broken { after, .. } if after.is_empty()),
            "{shown:?}"
        );
    }

    #[test]
    fn json_gets_line_breaks_and_a_form_stays() {
        assert_eq!(
            ShownBody::of("{\"b\":1,\"a\":[]}"),
            ShownBody::Pretty("{\n  \"b\": 1,\n  \"a\": []\n}".to_owned())
        );
        assert_eq!(
            ShownBody::of("a=1&b=2"),
            ShownBody::Plain("a=1&b=2".to_owned())
        );
    }
}
