//! JSON in a string.

use std::borrow::Cow;

use serde_json::Value;

/// A string that holds a JSON object or list, as that.
pub(super) fn in_string(text: &str) -> Option<Value> {
    let trimmed = text.trim_start_matches('\u{feff}').trim();
    if !trimmed.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(trimmed)
        .or_else(|_| serde_json::from_str(&without_lone_surrogates(Cow::Borrowed(trimmed))))
        .ok()
}

/// JSON text with every half of a surrogate pair (`\ud800`) replaced, which no string can hold.
pub(super) fn without_lone_surrogates(text: Cow<'_, str>) -> Cow<'_, str> {
    let mut fixed = String::new();
    let mut copied = 0;
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'\\') {
        at += found;
        match escaped_unit(bytes, at) {
            Some(0xd800..=0xdbff)
                if matches!(escaped_unit(bytes, at + 6), Some(0xdc00..=0xdfff)) =>
            {
                at += 12;
            }
            Some(0xd800..=0xdfff) => {
                fixed.push_str(&text[copied..at]);
                fixed.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            // Whatever is escaped is no backslash of its own.
            _ => at = (at + 2).min(bytes.len()),
        }
    }
    if copied == 0 {
        return text;
    }
    fixed.push_str(&text[copied..]);
    Cow::Owned(fixed)
}

/// The UTF-16 unit of a `\uXXXX` at this place.
fn escaped_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit: u16, digit| {
        Some(unit << 4 | u16::try_from(char::from(*digit).to_digit(16)?).ok()?)
    })
}
