//! Bytes to a JSON tree: JSON, whatever the content type says; then a form; then a careful repair.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::defect::Defect;
use super::json_text::without_lone_surrogates;
use super::{form, multipart, recovery};

/// What a body turned out to be.
#[derive(Debug)]
pub(super) enum Tree {
    /// It can be read.
    Read {
        /// The body as JSON.
        value: Value,
        /// Whether it had to be repaired first.
        recovered: bool,
    },
    /// Valid JSON that does not fit a tree; the sentence says why.
    Opaque(&'static str),
    /// Neither JSON nor a form, and beyond repair.
    Broken(Defect),
}

impl Tree {
    fn whole(value: Value) -> Self {
        Self::Read {
            value,
            recovered: false,
        }
    }
}

/// Reads a query string.
pub(super) fn parse_query(query: &[u8]) -> Tree {
    Tree::whole(form::parse_pairs(query))
}

/// Reads a body.
pub(super) fn parse_body(body: &[u8], content_type: Option<&str>) -> Tree {
    // The hot path: nearly every body is plain JSON.
    if let Ok(value) = serde_json::from_slice(body) {
        return Tree::whole(value);
    }
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    if let Some(value) = multipart::parse_parts(body, &content_type) {
        return Tree::whole(value);
    }
    let (text, repaired) = to_text(body, &content_type);
    let text = without_lone_surrogates(text);
    let error = match serde_json::from_str(&text) {
        Ok(value) => {
            return Tree::Read {
                value,
                recovered: repaired,
            };
        }
        Err(error) => error,
    };
    if serde_json::from_str::<IgnoredAny>(&text).is_ok() {
        return Tree::Opaque(if error.to_string().contains("recursion limit") {
            "the JSON is nested too deeply to be a message: send the fields directly in one object"
        } else {
            "the JSON uses a key or a number that cannot be read: send plain text fields in one object"
        });
    }
    if let Some(value) = form::parse_body(&text, &content_type) {
        return Tree::whole(value);
    }
    if let Some(value) = recovery::recover(&text) {
        return Tree::Read {
            value,
            recovered: true,
        };
    }
    Tree::Broken(Defect::from_json_error(&error))
}

/// The body as text, and whether bytes had to be replaced for that.
pub(super) fn to_text<'a>(body: &'a [u8], content_type: &str) -> (Cow<'a, str>, bool) {
    let utf16 = |from: fn([u8; 2]) -> u16, body: &[u8]| {
        let units: Vec<u16> = body
            .chunks_exact(2)
            .map(|pair| from([pair[0], pair[1]]))
            .collect();
        (Cow::Owned(String::from_utf16_lossy(&units)), false)
    };
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match body {
        [0xff, 0xfe, rest @ ..] => return utf16(u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => return utf16(u16::from_be_bytes, rest),
        _ => {}
    }
    match str::from_utf8(body) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(_) if is_latin1(content_type) => (
            Cow::Owned(body.iter().copied().map(char::from).collect()),
            false,
        ),
        Err(_) => (String::from_utf8_lossy(body), true),
    }
}

fn is_latin1(content_type: &str) -> bool {
    ["iso-8859-1", "latin1", "latin-1", "windows-1252"]
        .iter()
        .any(|charset| content_type.contains(charset))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &[u8]) -> (Value, bool) {
        match parse_body(body, None) {
            Tree::Read { value, recovered } => (value, recovered),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_byte_order_mark_and_utf_16_do_not_matter() {
        let expected = (json!({"text": "olá"}), false);
        let text = r#"{"text":"olá"}"#;
        assert_eq!(read(format!("\u{feff}{text}").as_bytes()), expected);
        let little: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        assert_eq!(read(&little), expected);
        let big: Vec<u8> = [0xfe, 0xff]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_be_bytes))
            .collect();
        assert_eq!(read(&big), expected);
    }

    #[test]
    fn a_lone_surrogate_is_replaced_and_a_pair_is_kept() {
        assert_eq!(read(br#"["a\ud800b"]"#), (json!(["a\u{fffd}b"]), false));
        assert_eq!(
            read(br#"["\udc00\ud83d\ude00"]"#),
            (json!(["\u{fffd}😀"]), false)
        );
        assert_eq!(
            read(br#"["\\ud800\ud800"]"#),
            (json!(["\\ud800\u{fffd}"]), false)
        );
    }

    #[test]
    fn a_body_that_is_not_utf_8_is_latin_1_if_declared_and_repaired_otherwise() {
        let body = b"{\"text\":\"ol\xe1\"}";
        assert_eq!(read(body), (json!({"text": "ol\u{fffd}"}), true));
        let Tree::Read { value, recovered } =
            parse_body(body, Some("application/json; charset=ISO-8859-1"))
        else {
            panic!()
        };
        assert_eq!((value, recovered), (json!({"text": "olá"}), false));
    }

    #[test]
    fn valid_json_that_does_not_fit_a_tree_is_not_a_defect() {
        let deep = "[".repeat(5000) + &"]".repeat(5000);
        assert!(
            matches!(parse_body(deep.as_bytes(), None), Tree::Opaque(text) if text.contains("nested"))
        );
        let token = br#"{"$serde_json::private::Number":"x"}"#;
        assert!(matches!(parse_body(token, None), Tree::Opaque(_)));
    }

    #[test]
    fn a_broken_body_names_the_place() {
        let Tree::Broken(defect) = parse_body(b"{\"a\":1,\n\"b\" 2}", None) else {
            panic!()
        };
        assert_eq!(defect.to_string(), "line 2, column 5: expected `:`");
    }
}
