//! Credentials in JSON.
//!
//! The text is copied except for the removed values: numbers keep their digits, keys their order, and duplicate keys
//! stay. In valid JSON every quote begins or ends a string, so finding strings is enough.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::de::IgnoredAny;

use super::{REDACTED, Redactor, WORDS};

/// How deep JSON may be nested in strings of JSON. Each level doubles the length of its quotes.
const DEEPEST: u32 = 8;

/// The text without credentials; `None` if it is not JSON.
pub(super) fn redact(redactor: &Redactor, text: &str, depth: u32) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        redacted.push_str(&rest[..start]);
        let (string, behind) = rest[start..].split_at(string_length(&rest[start..]));
        let value = behind.trim_start().strip_prefix(':').map(str::trim_start);
        rest = behind;
        let Some(value) = value else {
            redacted.push_str(&redact_string(redactor, string, depth));
            continue;
        };
        redacted.push_str(string);
        if !value.starts_with("null") && is_credential(string) {
            redacted.push_str(&behind[..behind.len() - value.len()]);
            redacted.extend(["\"", REDACTED, "\""]);
            rest = &value[value_length(value)..];
        }
    }
    redacted.push_str(rest);
    Some(redacted)
}

/// A string of JSON, in its quotes, without the credentials in it.
fn redact_string<'a>(redactor: &Redactor, string: &'a str, depth: u32) -> Cow<'a, str> {
    let Ok(text) = serde_json::from_str::<String>(string) else {
        // Half of a surrogate pair.
        return redactor.places.redact(string).into();
    };
    let inner = if depth < DEEPEST && text.trim_start().starts_with(['{', '[', '"']) {
        redact(redactor, &text, depth + 1)
    } else {
        None
    };
    let inner = inner.unwrap_or_else(|| redactor.places.redact(&text));
    let inner = redactor.without_values(inner);
    if inner == text {
        string.into()
    } else {
        serde_json::Value::String(inner).to_string().into()
    }
}

/// Whether a quoted key is a credential's.
fn is_credential(key: &str) -> bool {
    let key = serde_json::from_str(key).unwrap_or_else(|_| key.to_owned());
    let key = percent_decode_str(&key).decode_utf8_lossy().to_lowercase();
    let is_letter = |letter: &char| letter.is_alphanumeric();
    let key: String = key.chars().filter(is_letter).collect();
    WORDS
        .iter()
        .any(|word| key.contains(&word.replace('_', "")))
}

/// The length of the string that a text begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of the value that a text begins with.
fn value_length(text: &str) -> usize {
    let (mut at, mut depth) = (0_usize, 0_usize);
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'"' => at += string_length(&text[at..]),
            b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b']' | b'}' if depth == 0 => return at,
            b']' | b'}' => {
                depth -= 1;
                at += 1;
            }
            _ if depth > 0 => at += 1,
            // A number or a word.
            _ => {
                let end = text[at..].find([',', ']', '}', ' ', '\t', '\r', '\n']);
                return end.map_or(text.len(), |end| at + end);
            }
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}
