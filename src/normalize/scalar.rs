//! Ids, texts and flags out of single values.
//!
//! Empty strings and unfilled `{{placeholders}}` do arrive, and count as absent everywhere
//! (`docs/chatrace.md`, section 1).

use std::borrow::Cow;

use serde_json::Value;

/// Longer values are not treated as ids.
pub(super) const MAX_ID_CHARS: usize = 512;
/// The same in bytes: a key of an index has room for two such ids and no more.
const MAX_ID_BYTES: usize = 1024;

/// A reason shows this many characters of a key or a placeholder.
const MAX_SHOWN: usize = 80;

/// No number in a body needs more digits than this; `1e999999999` must not become a gigabyte of zeros.
const MAX_EXPONENT: i64 = 40;

/// A scalar as text: a string as it is, a number or boolean as the body spells it.
///
/// Lists, objects and `null` have no text.
pub(super) fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(true) => Some(Cow::Borrowed("true")),
        Value::Bool(false) => Some(Cow::Borrowed("false")),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The text in a value, neither trimmed nor changed, but for NUL, which no database can hold.
///
/// White space alone and an unfilled placeholder count as absent.
pub(super) fn text(value: &Value) -> Option<Cow<'_, str>> {
    let text = scalar(value)?;
    (!is_absent(&text)).then(|| without_nul(text))
}

/// A name, a word or a link: text without white space around it, cut to a sane length.
pub(super) fn label(value: &Value) -> Option<Cow<'_, str>> {
    if matches!(value, Value::Bool(_)) {
        return None;
    }
    text(value).map(|text| cut(trim(text), MAX_ID_CHARS))
}

/// An id, which a body may give as text or as a number. Never through a float: Instagram's ids have 17 digits.
pub(super) fn id(value: &Value) -> Option<Cow<'_, str>> {
    let id = match value {
        Value::String(text) if is_absent(text) => return None,
        // A spreadsheet or a script in between may have made a float of it, and then text.
        Value::String(text) if text.contains('.') && text.contains(['e', 'E']) => {
            let text = trim(without_nul(Cow::Borrowed(text)));
            expand(&text).map_or(text, Cow::Owned)
        }
        Value::String(text) => trim(without_nul(Cow::Borrowed(text))),
        Value::Number(number) => {
            let literal = number.to_string();
            Cow::Owned(expand(&literal).unwrap_or(literal))
        }
        _ => return None,
    };
    let sane = !id.is_empty()
        && id.len() <= MAX_ID_BYTES
        && (id.len() <= MAX_ID_CHARS || id.chars().count() <= MAX_ID_CHARS);
    sane.then_some(id)
}

/// The same, owned.
pub(super) fn owned_id(value: &Value) -> Option<String> {
    id(value).map(Cow::into_owned)
}

/// Whether a flag is set: `true`, `1`, or the same as text, as a form sends it.
pub(super) fn flag(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_u64() == Some(1),
        Value::String(text) => matches!(text.trim(), "true" | "True" | "TRUE" | "1"),
        _ => false,
    }
}

/// Whether a string has no value: white space, or a placeholder that was not filled.
pub(super) fn is_absent(text: &str) -> bool {
    text.trim().is_empty() || placeholder(text).is_some()
}

/// The placeholder, if the whole value is one: `^\s*\{\{[^}]*\}\}\s*$`.
pub(super) fn placeholder(text: &str) -> Option<&str> {
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains('}')).then_some(trimmed)
}

/// A key or a placeholder as a reason shows it. Reasons are logged: nothing in it may begin a new line of the log.
pub(super) fn shown(text: &str) -> String {
    let printable = |sign: char| match sign {
        '"' | '\'' | '\\' => sign.to_string(),
        sign => sign.escape_debug().to_string(),
    };
    text.chars().take(MAX_SHOWN).map(printable).collect()
}

/// Cuts to at most `limit` characters.
pub(super) fn cut(text: Cow<'_, str>, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return text;
    }
    match text.char_indices().nth(limit) {
        None => text,
        Some((end, _)) => match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
            Cow::Owned(mut text) => {
                text.truncate(end);
                Cow::Owned(text)
            }
        },
    }
}

fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// Neither TEXT nor JSONB can hold NUL.
pub(super) fn without_nul(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        text
    }
}

/// The exact integer of a decimal literal: `1.78e3` is `1780`. `None` if it is not whole.
pub(super) fn expand(literal: &str) -> Option<String> {
    let (sign, whole, fraction) = decimal(literal)?;
    if fraction.bytes().any(|digit| digit != b'0') {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    Some(if whole.is_empty() {
        "0".to_owned()
    } else {
        format!("{sign}{whole}")
    })
}

/// A decimal literal without its exponent: its sign, the digits before the point, and those after it.
pub(super) fn decimal(literal: &str) -> Option<(&'static str, String, String)> {
    let (sign, rest) = match literal.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", literal.strip_prefix('+').unwrap_or(literal)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = !whole.is_empty()
        && whole
            .bytes()
            .chain(fraction.bytes())
            .all(|byte| byte.is_ascii_digit());
    if !is_number || exponent.abs() > MAX_EXPONENT {
        return None;
    }
    let mut digits = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len()).ok()? + exponent;
    let point = usize::try_from(point).ok()?;
    if point > digits.len() {
        digits.extend(std::iter::repeat_n('0', point - digits.len()));
    }
    let fraction = digits.split_off(point);
    Some((sign, digits, fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_id_is_the_same_as_text_as_a_number_and_as_a_float() {
        for body in [
            "\"17841400538867190\"",
            "17841400538867190",
            "1.7841400538867190e16",
            "1.784140053886719E+16",
            "17841400538867190.0",
            "\" 17841400538867190 \"",
            "\"1.7841400538867190e16\"",
        ] {
            assert_eq!(
                id(&json(body)).as_deref(),
                Some("17841400538867190"),
                "{body}"
            );
        }
    }

    #[test]
    fn a_value_that_names_nobody_is_not_an_id() {
        for body in [
            "true",
            "false",
            "null",
            "\"\"",
            "\"  \"",
            "\"{{id}}\"",
            "[1]",
            "{}",
        ] {
            assert_eq!(id(&json(body)), None, "{body}");
        }
        assert_eq!(id(&Value::String("x".repeat(513))), None);
        assert_eq!(id(&Value::String("😀".repeat(257))), None);
        assert_eq!(
            id(&Value::String("é".repeat(512))).map(|id| id.chars().count()),
            Some(512)
        );
    }

    #[test]
    fn numbers_are_expanded_exactly_or_left_alone() {
        assert_eq!(expand("1.5e1").as_deref(), Some("15"));
        assert_eq!(expand("120e-1").as_deref(), Some("12"));
        assert_eq!(expand("-2e2").as_deref(), Some("-200"));
        assert_eq!(expand("0.0").as_deref(), Some("0"));
        assert_eq!(expand("1.5"), None);
        assert_eq!(expand("1e999999999"), None);
        assert_eq!(expand("1e-999999999"), None);
        assert_eq!(expand("abc"), None);
    }

    #[test]
    fn only_a_whole_placeholder_is_absent() {
        assert_eq!(placeholder(" {{last_input}}\n"), Some("{{last_input}}"));
        assert_eq!(placeholder("{{}}"), Some("{{}}"));
        assert_eq!(placeholder("hi {{name}}"), None);
        assert_eq!(placeholder("{{a}} {{b}}"), None);
    }

    #[test]
    fn text_keeps_its_blanks_and_loses_only_nul() {
        assert_eq!(text(&json(r#"" a\n""#)).as_deref(), Some(" a\n"));
        assert_eq!(text(&json(r#""a\u0000b""#)).as_deref(), Some("a\u{fffd}b"));
        assert_eq!(text(&json("42")).as_deref(), Some("42"));
        assert_eq!(text(&json(r#"" \n""#)), None);
        assert_eq!(text(&json(r#"{"text":"x"}"#)), None);
    }
}
