//! Whether a body that nobody understood names a person, however its text is encoded.

use std::borrow::Cow;
use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};

use crate::delivery::Delivery;
use crate::normalize;
use crate::store::Erasure;

/// How many encodings may lie on top of each other: a form that holds JSON that holds JSON.
const LAYERS: usize = 4;

/// How many bytes an encoded character has at most: four octets, or two units of UTF-16.
const LONGEST_CHAR: usize = 12;

/// Octets of a form or a query.
static PERCENT: LazyLock<Regex> = LazyLock::new(|| pattern("(?:%[0-9A-Fa-f]{2})+"));
/// Escapes of JSON.
static ESCAPES: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?:\\u[0-9A-Fa-f]{4})+|\\["\\/bfnrt]"#));

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// Whether one of the person's ids stands in a delivery, as a word of its own: in its body, or in the one header that
/// names a person. (The others hold numbers and words of their own.)
pub(super) fn names(delivery: &Delivery, erasure: &Erasure) -> bool {
    let ids: Vec<_> = erasure.ids.iter().map(|(_, id)| id.as_str()).collect();
    let header = delivery.header("x-user-id").unwrap_or_default();
    if ids.iter().any(|id| holds(header, id)) {
        return true;
    }
    let text = normalize::readable_text(delivery);
    // In a form a space is a `+`.
    let spaced = (text.contains('+') && ids.iter().any(|id| id.contains(' ')))
        .then(|| text.replace('+', " "));
    holds_in_any_layer(text, &ids) || spaced.is_some_and(|text| holds_in_any_layer(text, &ids))
}

/// Whether one of the ids stands in a text as it is, or once it is decoded.
fn holds_in_any_layer(mut text: String, ids: &[&str]) -> bool {
    let holds_one = |text: &str| ids.iter().any(|id| holds(text, id));
    if holds_one(&text) {
        return true;
    }
    for _ in 0..LAYERS {
        let mut is_plain = true;
        for decode in [without_percent, without_escapes] {
            if let Cow::Owned(decoded) = decode(&text) {
                if holds_one(&decoded) {
                    return true;
                }
                text = decoded;
                is_plain = false;
            }
        }
        if is_plain {
            break;
        }
    }
    false
}

/// What is no UTF-8 is taken for Latin-1, so that a letter stays a letter beside what might be an id.
fn without_percent(text: &str) -> Cow<'_, str> {
    PERCENT.replace_all(text, |found: &Captures<'_>| {
        let octets: Vec<u8> = percent_decode_str(&found[0]).collect();
        String::from_utf8(octets)
            .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect())
    })
}

fn without_escapes(text: &str) -> Cow<'_, str> {
    ESCAPES.replace_all(text, |found: &Captures<'_>| match &found[0] {
        r"\b" | r"\f" | r"\n" | r"\r" | r"\t" => " ".to_owned(),
        units if units.starts_with(r"\u") => {
            let units = units.split(r"\u").skip(1);
            let units: Vec<_> = units
                .filter_map(|unit| u16::from_str_radix(unit, 16).ok())
                .collect();
            String::from_utf16_lossy(&units)
        }
        itself => itself[1..].to_owned(),
    })
}

/// Whether an id stands in a text as a word. One that begins or ends with something else than a letter or a digit is no
/// word, but for a phone's `+`: a colon or a space would be found in every body.
fn holds(text: &str, id: &str) -> bool {
    let word = id.strip_prefix('+').unwrap_or(id);
    word.starts_with(char::is_alphanumeric)
        && word.ends_with(char::is_alphanumeric)
        && text.match_indices(id).any(|(start, _)| {
            let before = text[..start].chars().next_back();
            !before.is_some_and(char::is_alphanumeric) && !goes_on(&text[start + id.len()..])
        })
}

/// Whether a text begins with a letter or a digit, encoded or not.
fn goes_on(text: &str) -> bool {
    let end = text.floor_char_boundary(LONGEST_CHAR);
    without_percent(&without_escapes(&text[..end]))
        .chars()
        .next()
        .is_some_and(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_as_a_word_only() {
        assert!(holds(r#"{"x":"1784140"}"#, "1784140"));
        assert!(holds("a=1&x=1784140", "1784140"));
        assert!(holds("17841401 1784140", "1784140"));
        assert!(!holds(r#"{"x":"17841401"}"#, "1784140"));
        assert!(!holds("", "1"));
        assert!(holds(r#"{"tel":"+49170123"}"#, "+49170123"));
    }

    #[test]
    fn what_is_no_word_is_not_found() {
        let text = r#"{"x": "a b", "+": ["%20", "_id"]}"#;
        for id in ["", " ", ":", "%20", "+", "\"", "_id", "x:"] {
            assert!(!holds_in_any_layer(text.to_owned(), &[id]), "{id}");
        }
    }

    #[test]
    fn an_id_is_found_however_it_is_encoded() {
        for text in [
            "a=1&tel=%2B49170123",
            "tel=%2b49170123&a=1",
            "%252B49170123",
            r#"{"tel":"\u002b49170123"}"#,
            r#"{"tel":"\u002B4\u0039170123"}"#,
            r#"{"tel":"call\n+49170123"}"#,
            r#"{"x":"{\"tel\":\"\\u002b49170123\"}"}"#,
            "json=%7B%22tel%22%3A%22%5Cu002b49170123%22%7D",
        ] {
            assert!(
                holds_in_any_layer(text.to_owned(), &["ana", "+49170123"]),
                "{text}"
            );
        }
        assert!(holds_in_any_layer(
            r"\ud83d\ude00 Jos\u00e9".to_owned(),
            &["José"]
        ));
        assert!(holds_in_any_layer("Jos%C3%A9".to_owned(), &["José"]));
        assert!(holds_in_any_layer("Jos%E9".to_owned(), &["José"]));
    }

    #[test]
    fn a_part_of_something_longer_is_not_found_behind_an_encoding_either() {
        for text in [
            "tel=%2B492110",
            r"\u0031211",
            r"211\u0031",
            r"\u00e9211",
            "%C3%A9211",
            "%E9211",
            "211%31",
            "%32110",
            r"\\u0031211",
            r"211\ud835\udfce",
            "211%C3%A9",
        ] {
            assert!(!holds_in_any_layer(text.to_owned(), &["211"]), "{text}");
        }
    }
}
