//! A template that is a form: `contact_id={{user_id}}&text={{last_input}}`.

use serde_json::Value;

use super::anchors::Anchors;
use super::skeleton::{Pair, Skeleton, kind_of};
use super::{Placeholder, Template};
use crate::i18n::Text;

/// Reads a form template.
pub(super) fn compile(text: &str) -> Result<Template, Text> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut placeholders = Vec::new();
    let mut anchors = vec![String::new()];
    for (number, pair) in text.split('&').enumerate() {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| Text::new("body-no-form"))?;
        if key.is_empty() || key.contains("{{") || pairs.iter().any(|other| other.key == key) {
            return Err(Text::new("body-form-key"));
        }
        let anchor = anchors.last_mut().expect("it begins with one");
        if number > 0 {
            anchor.push('&');
        }
        anchor.push_str(key);
        anchor.push('=');
        let value = if value.contains("{{") {
            anchors.push(String::new());
            placeholders.push(Placeholder {
                kind: kind_of(key, value),
                unfilled: value.to_owned(),
            });
            Err(placeholders.len() - 1)
        } else {
            anchor.push_str(value);
            Ok(decode(value).unwrap_or_else(|| value.to_owned()))
        };
        pairs.push(Pair {
            key: key.to_owned(),
            value,
        });
    }
    if placeholders.is_empty() {
        return Err(Text::new("body-without-placeholder"));
    }
    let anchors = anchors.into_iter().map(|anchor| vec![anchor]);
    Ok(Template {
        skeleton: Skeleton::Form(pairs),
        anchors: Anchors(anchors.collect()),
        placeholders,
    })
}

/// The object that a form is, if it has exactly the template's keys and constants, and every value is well encoded.
pub(super) fn conforming(pairs: &[Pair], text: &str) -> Option<Value> {
    let mut found = serde_json::Map::new();
    for pair in text.trim().split('&') {
        let (key, value) = pair.split_once('=')?;
        let known = pairs.iter().find(|known| known.key == key)?;
        let value = decode(value)?;
        let fits = known
            .value
            .as_ref()
            .is_ok_and(|constant| *constant == value)
            || known.value.is_err();
        if !fits || found.insert(key.to_owned(), Value::String(value)).is_some() {
            return None;
        }
    }
    (found.len() == pairs.len()).then_some(Value::Object(found))
}

/// A value without its encoding, if it is well encoded.
pub(super) fn decode(value: &str) -> Option<String> {
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        let is_well = match byte {
            b'%' => (0..2).all(|_| bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit())),
            byte => byte.is_ascii_alphanumeric() || b"-_.~*+!'()".contains(&byte),
        };
        if !is_well {
            return None;
        }
    }
    let bytes: Vec<u8> = value.replace('+', " ").into_bytes();
    percent_encoding::percent_decode(&bytes)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}
