//! Transcripts: `chat_history` as a list, and as the text that Chatrace writes into a custom field.

use jiff::Timestamp;
use serde_json::Value;

use super::extracted::{Context, Doubt, Inherited};
use super::fields::find;
use super::raw_fields::RawFields;
use super::{classify, scalar, time};
use crate::delivery::{Item, ReasonCode};
use crate::message::{Direction, SentAtSource, Shape};

/// A name and a time have at most this many bytes.
const MAX_HEADER: usize = 240;

/// The items of a transcript that is a list, if it is one.
pub(super) fn lines(value: &Value) -> Option<&[Value]> {
    let lines = value.as_array()?;
    let has_roles = lines.iter().any(|line| line.get("role").is_some());
    has_roles.then_some(lines)
}

/// One line of such a list: a message if it has its own time, else only context. `known` is the text next to the
/// transcript; the line that repeats it is not a second message.
pub(super) fn classify_line(
    value: &Value,
    outer: &Inherited,
    known: Option<&str>,
    context: &Context,
) -> Item {
    let Value::Object(map) = value else {
        return classify::nothing_understood();
    };
    let raw = RawFields::of_item(map);
    let own_time = raw.own_time(context);
    let role = find(map, "role").and_then(scalar::label);
    let direction = match role.as_deref() {
        Some("user" | "customer" | "contact") => Some(Direction::Inbound),
        Some("assistant" | "bot" | "agent" | "model") => Some(Direction::Outbound),
        _ => None,
    };
    let mut extracted = raw
        .resolve(outer, context, Shape::ChatHistory)
        .or_header_contact(context);
    extracted.time = own_time;
    let reason = if own_time.is_none() {
        "a transcript line without its own time"
    } else if direction.is_none() {
        "a transcript line that neither the customer nor the business wrote"
    } else if direction == Some(Direction::Inbound)
        && known.is_some()
        && extracted.text.as_deref() == known
    {
        "a transcript line that repeats the message next to it"
    } else if !extracted.has_content() {
        "a transcript line without text"
    } else {
        extracted.direction = direction.unwrap_or(Direction::Inbound);
        if outer.is_behind_words && direction == Some(Direction::Outbound) && !context.is_known_form
        {
            extracted.doubt = Some(Doubt::Outbound);
        }
        return classify::classify(extracted, context);
    };
    classify::ignored(&extracted, ReasonCode::Transcript, reason)
}

/// The last words of the customer in a transcript's text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LastLine<'t> {
    /// The text, which may have several lines.
    pub(super) text: &'t str,
    /// When, to the minute.
    pub(super) time: Option<Timestamp>,
}

impl LastLine<'_> {
    /// The time with its source, if it can be believed.
    pub(super) fn sent_at(&self, context: &Context) -> Option<(Timestamp, SentAtSource)> {
        let time = self.time?;
        time::is_believable(time, context.arrival).then_some((time, SentAtSource::Message))
    }
}

/// The transcript among a body's fields: `chat_history` itself, or a custom field that holds one.
pub(super) fn last_line<'v>(raw: &RawFields<'v>) -> Option<LastLine<'v>> {
    let fields: Box<dyn Iterator<Item = &'v Value>> = match raw.custom_fields {
        Some(Value::Array(fields)) => {
            Box::new(fields.iter().filter_map(|field| field.get("value")))
        }
        Some(Value::Object(fields)) => Box::new(fields.values()),
        _ => Box::new(std::iter::empty()),
    };
    raw.history
        .into_iter()
        .chain(fields)
        .filter_map(Value::as_str)
        .find_map(last_user_line)
}

/// The last `User (2026-07-9 2:56pm): …` of a text that begins with such a line.
fn last_user_line(text: &str) -> Option<LastLine<'_>> {
    let text = text.trim();
    line_header(text)?;
    let mut end = text.len();
    let mut starts: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    starts.insert(0, 0);
    for start in starts.into_iter().rev() {
        let line = &text[start..end];
        let Some((who, clock, words)) = line_header(line) else {
            continue;
        };
        if who == "User" {
            let words = words.trim_end_matches(['\n', '\r']);
            return (!scalar::is_absent(words)).then(|| LastLine {
                text: words,
                time: time::parse_transcript_time(clock),
            });
        }
        end = start;
    }
    None
}

/// Who, when and what of a line like `I (2026-07-9 2:56pm): hello`.
fn line_header(line: &str) -> Option<(&str, &str, &str)> {
    // Looks no further than a name and a time can reach, so that many lines stay cheap.
    let head = &line[..line.floor_char_boundary(MAX_HEADER)];
    let open = head.find(" (")?;
    let close = open + head[open..].find("):")?;
    let (who, clock) = (&head[..open], &head[open + 2..close]);
    let is_header = !who.contains('\n') && clock.starts_with(|sign: char| sign.is_ascii_digit());
    let words = &line[close + 2..];
    is_header.then(|| (who, clock, words.strip_prefix(' ').unwrap_or(words)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_user_line_is_the_message() {
        let line = last_user_line(
            "User (2026-07-9 2:55pm): hi\nI (2026-07-9 2:56pm): hello\nUser (2026-07-9 2:57pm): one\ntwo\nI (2026-07-9 2:58pm): ok",
        );
        assert_eq!(
            line,
            Some(LastLine {
                text: "one\ntwo",
                time: Some("2026-07-09T14:57:00Z".parse().unwrap())
            })
        );
    }

    #[test]
    fn other_texts_are_not_transcripts() {
        for text in [
            "",
            "150",
            "User: hi",
            "hello (2026): x\nUser",
            "I (2026-07-9 2:56pm): hello",
            "(2026",
        ] {
            assert_eq!(last_user_line(text), None, "{text}");
        }
    }

    #[test]
    fn long_transcripts_take_linear_time() {
        let start = std::time::Instant::now();
        last_user_line(&format!("I (2026-07-9 2:56pm): x{}", "\n(".repeat(500_000)));
        assert!(start.elapsed().as_secs() < 60);
    }
}
