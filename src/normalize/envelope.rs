//! A body inside another one: what a relay or a gateway wraps around what it was sent.
//!
//! What a customer typed is never parsed. So JSON in a string is opened only where the object around it names no person
//! and says that it is an envelope.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::raw_fields::RawFields;
use super::{json_text, scalar};

/// The keys that only the event of a gateway or an automation has beside the body of a request.
const MARKS: [&str; 3] = ["httpMethod", "isBase64Encoded", "headers"];

/// A body in an envelope.
pub(super) struct Enclosed<'v> {
    pub(super) body: Cow<'v, [u8]>,
    pub(super) content_type: Option<&'v str>,
}

/// The body in an envelope: an object with one key, or the event of a gateway; or a list of one of them.
pub(super) fn open(value: &Value) -> Option<Enclosed<'_>> {
    let map = match value {
        Value::Object(map) => map,
        Value::Array(list) if list.len() == 1 => list[0].as_object()?,
        _ => return None,
    };
    let is_marked = MARKS.iter().any(|mark| map.contains_key(*mark));
    let text = if map.len() == 1 {
        map.values()
            .next()?
            .as_str()
            .filter(|text| json_text::in_string(text).is_some())?
    } else if is_marked && !RawFields::of_item(map).has_person() {
        map.get("body")?.as_str()?
    } else {
        return None;
    };
    let is_base64 = map.get("isBase64Encoded").is_some_and(scalar::flag);
    let body = if is_base64 {
        Cow::Owned(STANDARD.decode(text.trim()).ok()?)
    } else {
        Cow::Borrowed(text.as_bytes())
    };
    let headers = map.get("headers").and_then(Value::as_object);
    let content_type = headers.into_iter().flatten().find_map(|(name, value)| {
        let is_type = name.eq_ignore_ascii_case("content-type");
        value.as_str().filter(|_| is_type)
    });
    Some(Enclosed { body, content_type })
}

/// A whole body that is base64 of JSON.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let body = STANDARD.decode(text).ok()?;
    body.trim_ascii_start().starts_with(b"{").then_some(body)
}

/// The list of messages in a frame of Chatrace's own inbox, which has `dir` and the list as JSON in a string.
pub(super) fn frame(map: &Map<String, Value>) -> Option<Value> {
    let list = json_text::in_string(map.get("message")?.as_str()?)?;
    let is_frame = map.contains_key("dir")
        && list
            .as_array()
            .is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_object));
    is_frame.then_some(list)
}
