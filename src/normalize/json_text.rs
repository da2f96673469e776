//! JSON text to a tree, for whole bodies and for JSON in a string.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::fields;

/// A tree has no more values than this. A body of 10,000 messages with nine fields each has 100,000.
const MAX_VALUES: usize = 100_000;
/// Stands in an object in which a key came twice. Its value is that key if the two had different values: nobody can
/// tell which of them is meant. A known key comes before an unknown one.
pub(super) const REPEATED: &str = "\0repeated";
/// How `serde_json` hands over a number of any length: as an object with this key.
const NUMBER: &str = "$serde_json::private::Number";

/// Reads one JSON value and nothing behind it.
///
/// # Errors
///
/// If it is no JSON, or has too many values or levels for a tree.
pub(super) fn parse(text: &[u8]) -> serde_json::Result<Value> {
    let mut parser = serde_json::Deserializer::from_slice(text);
    let value = next(&mut parser)?;
    parser.end()?;
    Ok(value)
}

/// Reads a value, and another behind it, and so on: lines of JSON. `None` if there are fewer than two.
pub(super) fn parse_lines(text: &str) -> Option<Value> {
    let mut values = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if !rest.starts_with(['{', '[']) {
            return None;
        }
        let mut stream =
            serde_json::Deserializer::from_str(rest).into_iter::<serde::de::IgnoredAny>();
        stream.next()?.ok()?;
        let (line, behind) = rest.split_at(stream.byte_offset());
        values.push(parse(line.as_bytes()).ok()?);
        rest = behind.trim_start();
    }
    (values.len() > 1).then_some(Value::Array(values))
}

fn next<'de, R: serde_json::de::Read<'de>>(
    parser: &mut serde_json::Deserializer<R>,
) -> serde_json::Result<Value> {
    let mut room = MAX_VALUES;
    TreeSeed { room: &mut room }.deserialize(parser)
}

/// Adds a member. Of a repeated key the last value counts, and the object is marked.
pub(super) fn insert(map: &mut Map<String, Value>, key: String, value: Value) {
    match map.entry(key) {
        serde_json::map::Entry::Vacant(entry) => {
            entry.insert(value);
        }
        serde_json::map::Entry::Occupied(mut entry) => {
            let key = (*entry.get() != value).then(|| entry.key().clone());
            entry.insert(value);
            match key {
                Some(key) if fields::known_field(&key).is_some() => {
                    map.insert(REPEATED.to_owned(), Value::String(key));
                }
                key => {
                    map.entry(REPEATED).or_insert(key.into());
                }
            }
        }
    }
}

/// Builds a [`Value`] as `serde_json` does, but with bounds and with [`insert`].
struct TreeSeed<'r> {
    /// How many more values the tree may have.
    room: &'r mut usize,
}

impl TreeSeed<'_> {
    fn inner(&mut self) -> TreeSeed<'_> {
        TreeSeed { room: self.room }
    }
}

impl<'de> DeserializeSeed<'de> for TreeSeed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, parser: D) -> Result<Value, D::Error> {
        let Some(room) = self.room.checked_sub(1) else {
            return Err(D::Error::custom("too many values"));
        };
        *self.room = room;
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TreeSeed<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self.inner())? {
            values.push(value);
        }
        values.shrink_to_fit();
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if map.is_empty() && key == NUMBER {
                let number = members.next_value::<Cow<'_, str>>()?.parse::<Number>();
                return number.map(Value::Number).map_err(A::Error::custom);
            }
            let value = members.next_value_seed(self.inner())?;
            insert(&mut map, key, value);
        }
        Ok(Value::Object(map))
    }
}

/// A string that holds a JSON object or list, as that.
pub(super) fn in_string(text: &str) -> Option<Value> {
    let trimmed = text.trim_start_matches('\u{feff}').trim();
    if !trimmed.starts_with(['{', '[']) {
        return None;
    }
    parse(trimmed.as_bytes())
        .or_else(|_| parse(without_lone_surrogates(Cow::Borrowed(trimmed)).as_bytes()))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tree_of_too_many_values_is_not_built() {
        let list = |values: usize| format!("[{}1]", "1,".repeat(values - 2));
        assert!(parse(list(MAX_VALUES).as_bytes()).is_ok());
        let error = parse(list(MAX_VALUES + 1).as_bytes()).unwrap_err();
        assert!(error.to_string().contains("too many values"), "{error}");
        let in_string = format!("{{\"text\":\"{}\"}}", list(MAX_VALUES + 1));
        assert!(parse(in_string.as_bytes()).is_ok(), "a text is one value");
    }

    #[test]
    fn an_object_with_a_repeated_key_is_marked_wherever_it_stands() {
        for body in [
            r#"{"text":"a","text":"b"}"#,
            r#"[{"text":"a","text":"b"}]"#,
            r#"{"data":[[{"text":"a","text":"b"}]]}"#,
        ] {
            let tree = parse(body.as_bytes()).unwrap().to_string();
            assert!(tree.contains("repeated"), "{tree}");
        }
        let same = parse(br#"{"x":1,"x":1,"y":1,"y":2,"text":1,"text":2}"#).unwrap();
        assert_eq!(same[REPEATED], json!("text"));
    }
}
