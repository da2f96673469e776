//! Bytes to a JSON tree: JSON, whatever the content type says; then a form; then a careful repair.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::defect::Defect;
use super::json_text::{self, without_lone_surrogates};
use super::template::{ByTemplate, Templates};
use super::{envelope, form, lenient, multipart, recovery};
use crate::delivery::ReasonCode;

/// Envelopes in envelopes are opened this far.
const MAX_ENVELOPES: usize = 4;

/// What a body turned out to be.
#[derive(Debug)]
pub(super) enum Tree {
    /// It can be read.
    Read(ReadTree),
    /// It is not to be read, for this reason.
    Kept(ReasonCode, &'static str),
    /// Neither JSON nor a form, and beyond repair.
    Broken(Defect),
}

/// A body as JSON.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ReadTree {
    pub(super) value: Value,
    /// Whether it had to be repaired first.
    pub(super) recovered: bool,
    /// Whether it was read by a template, so that nothing a customer typed can have changed it.
    pub(super) is_known_form: bool,
}

impl Tree {
    fn whole(value: Value) -> Self {
        Self::read(value, false)
    }

    fn read(value: Value, recovered: bool) -> Self {
        Self::Read(ReadTree {
            value,
            recovered,
            is_known_form: false,
        })
    }

    /// What the templates make of it, if it is the body of any of them. `json` is the body if it is JSON.
    fn by_template(templates: &Templates, text: &str, json: Option<&Value>) -> Option<Self> {
        match templates.read(text, json) {
            ByTemplate::None => None,
            ByTemplate::One(value) => Some(Self::Read(ReadTree {
                value,
                recovered: json.is_none() && text.starts_with(['{', '[']),
                is_known_form: true,
            })),
            ByTemplate::Two => Some(Self::Kept(
                ReasonCode::Ambiguous,
                "a customer typed a part of the template, so the body can be read in two ways: set BODY_TEMPLATE_ESCAPING if the platform escapes variables, and read it again",
            )),
        }
    }
}

/// Reads a query string.
pub(super) fn parse_query(query: &[u8], templates: &Templates) -> Tree {
    str::from_utf8(query)
        .ok()
        .and_then(|text| Tree::by_template(templates, text, None))
        .unwrap_or_else(|| Tree::whole(form::parse_pairs(query)))
}

/// Reads a body, and the body in it if it is an envelope.
pub(super) fn parse_body(body: &[u8], content_type: Option<&str>, templates: &Templates) -> Tree {
    let mut tree = parse(body, content_type, templates);
    for _ in 0..MAX_ENVELOPES {
        let Tree::Read(outer) = &tree else {
            return tree;
        };
        let enclosed = match envelope::open(&outer.value) {
            Some(enclosed) if !outer.is_known_form => enclosed,
            _ => return tree,
        };
        match parse(&enclosed.body, enclosed.content_type, templates) {
            Tree::Broken(_) => return tree,
            inner => tree = inner,
        }
    }
    tree
}

fn parse(body: &[u8], content_type: Option<&str>, templates: &Templates) -> Tree {
    // The hot path: nearly every body is plain JSON.
    let plain = match (json_text::parse(body), str::from_utf8(body)) {
        (Ok(value), Ok(text)) => {
            return Tree::by_template(templates, text, Some(&value))
                .unwrap_or_else(|| Tree::whole(value));
        }
        (plain, _) => plain,
    };
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    if let Some(value) = multipart::parse_parts(body, &content_type) {
        return Tree::whole(value);
    }
    let (text, repaired) = to_text(body, &content_type);
    let text = without_lone_surrogates(text);
    let json = if text.as_bytes() == body {
        plain
    } else {
        json_text::parse(text.as_bytes())
    };
    if let Some(tree) = Tree::by_template(templates, &text, json.as_ref().ok()) {
        return tree;
    }
    let error = match json {
        Ok(value) => return Tree::read(value, repaired),
        Err(error) => error,
    };
    if serde_json::from_str::<IgnoredAny>(&text).is_ok() {
        return Tree::Kept(ReasonCode::NothingUnderstood, why_no_tree(&error));
    }
    if is_lines(&content_type)
        && let Some(value) = json_text::parse_lines(&text)
    {
        return Tree::whole(value);
    }
    if let Some(value) = form::parse_body(&text, &content_type) {
        return Tree::whole(value);
    }
    if let Some(value) = lenient::parse(&text).or_else(|| recovery::recover(&text)) {
        return Tree::read(value, true);
    }
    if let Some(body) = envelope::from_base64(&text)
        && let Ok(value) = json_text::parse(&body)
    {
        return Tree::read(value, true);
    }
    Tree::Broken(Defect::of(&text, &error))
}

/// Whether the body is said to be lines of JSON. A customer could have typed the second line of a body that is not.
fn is_lines(content_type: &str) -> bool {
    ["ndjson", "jsonl", "json-seq", "jsonlines", "stream+json"]
        .iter()
        .any(|lines| content_type.contains(lines))
}

/// Why valid JSON does not fit a tree.
fn why_no_tree(error: &serde_json::Error) -> &'static str {
    let error = error.to_string();
    if error.contains("recursion limit") {
        "the JSON is nested too deeply to be a message: send the fields directly in one object"
    } else if error.contains("too many values") {
        "the JSON has more than 100000 values: send smaller lists"
    } else {
        "the JSON uses a key or a number that cannot be read: send plain text fields in one object"
    }
}

/// The body as text, and whether bytes had to be replaced for that. A declared charset is believed where the bytes are
/// not UTF-8. Byte order marks mean nothing, however many there are.
pub(super) fn to_text<'a>(body: &'a [u8], content_type: &str) -> (Cow<'a, str>, bool) {
    let mut body = body;
    while let Some(rest) = body.strip_prefix("\u{feff}".as_bytes()) {
        body = rest;
    }
    if let Ok(text) = str::from_utf8(body) {
        return (Cow::Borrowed(text), false);
    }
    let charset = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or(("charset", parameter));
        (name.trim() == "charset").then(|| value.trim().trim_matches(['"', '\'']))
    });
    let declared = charset.and_then(|charset| Encoding::for_label(charset.as_bytes()));
    // A byte order mark of UTF-16 counts more than what is declared.
    let (text, _, replaced) = declared.unwrap_or(UTF_8).decode(body);
    (text, replaced)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &[u8]) -> (Value, bool) {
        match parse_body(body, None, &Templates::default()) {
            Tree::Read(tree) => (tree.value, tree.recovered),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_byte_order_mark_and_utf_16_do_not_matter() {
        let expected = (json!({"text": "olá"}), false);
        let text = r#"{"text":"olá"}"#;
        assert_eq!(read(format!("\u{feff}{text}").as_bytes()), expected);
        assert_eq!(read(format!("\u{feff}\u{feff}{text}").as_bytes()), expected);
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
        let declared = Some("application/json; charset=ISO-8859-1");
        let Tree::Read(tree) = parse_body(body, declared, &Templates::default()) else {
            panic!()
        };
        assert_eq!(
            (tree.value, tree.recovered),
            (json!({"text": "olá"}), false)
        );
    }

    #[test]
    fn valid_json_that_does_not_fit_a_tree_is_not_a_defect() {
        let deep = "[".repeat(5000) + &"]".repeat(5000);
        assert!(
            matches!(parse_body(deep.as_bytes(), None, &Templates::default()), Tree::Kept(_, text) if text.contains("nested"))
        );
        let token = br#"{"$serde_json::private::Number":"x"}"#;
        assert!(matches!(
            parse_body(token, None, &Templates::default()),
            Tree::Kept(..)
        ));
    }

    #[test]
    fn a_broken_body_names_the_place() {
        let Tree::Broken(defect) = parse_body(b"{\"a\":1,\n\"b\" 2}", None, &Templates::default())
        else {
            panic!()
        };
        assert!(
            defect
                .to_string()
                .starts_with("line 2, column 5: expected `:`; likely"),
            "{defect}"
        );
    }
}
