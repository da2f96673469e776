//! Form bodies and query strings, as the JSON objects they encode.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::json_text;

/// Deeper bracket keys are not nested.
const MAX_SEGMENTS: usize = 4;
/// Longer keys are not keys of a form.
const MAX_KEY: usize = 128;

/// Reads a body as a form if its content type says so, or if it looks like one.
pub(super) fn parse_body(text: &str, content_type: &str) -> Option<Value> {
    let text = text.trim();
    let declared = content_type.contains("x-www-form-urlencoded");
    // A broken JSON body is not a form, even under the content type that clients send by default.
    if text.starts_with(['{', '[', '"', '<']) || !text.contains('=') {
        return (declared && text.starts_with('%')).then(|| parse_pairs(text.as_bytes()));
    }
    (declared || looks_like_one(text)).then(|| parse_pairs(text.as_bytes()))
}

/// Reads urlencoded pairs. Of repeated keys the last that is not empty counts.
pub(super) fn parse_pairs(text: &[u8]) -> Value {
    object_of_pairs(form_urlencoded::parse(text))
}

/// Makes an object of pairs. A single field that holds JSON is that JSON.
pub(super) fn object_of_pairs<K, V>(pairs: impl Iterator<Item = (K, V)>) -> Value
where
    K: AsRef<str> + Into<String>,
    V: AsRef<str> + Into<String>,
{
    let pairs: Vec<(String, String)> = pairs
        .map(|(key, value)| (key.into(), value.into()))
        .collect();
    if let [(key, value)] = &*pairs {
        // `{"text":"hi"}=` is what clients make of JSON sent as a form.
        let json = json_text::in_string(value)
            .or_else(|| json_text::in_string(key))
            .or_else(|| {
                key.starts_with('{')
                    .then(|| json_text::in_string(&format!("{key}={value}")))
                    .flatten()
            });
        if let Some(json) = json {
            return json;
        }
    }
    let mut object = Map::new();
    let mut lists = HashSet::new();
    for (key, value) in pairs {
        // A part of a list. Of those too the last counts, but that is no contradiction.
        let is_known_list = key.ends_with("[]") && !lists.insert(key.clone());
        add(&mut object, key, value, is_known_list);
    }
    Value::Object(object)
}

/// Adds a pair where its key says: `user[id]` and `user.id` as `{"user":{"id":…}}`, unless a text is in the way.
fn add(object: &mut Map<String, Value>, key: String, value: String, is_known_list: bool) {
    let is_list = key.ends_with("[]");
    let place = segments(&key).and_then(|(last, parents)| {
        let mut map = &mut *object;
        for parent in parents {
            map = map
                .entry(parent)
                .or_insert_with(|| Value::Object(Map::new()))
                .as_object_mut()?;
        }
        let is_free = !is_list || is_known_list || !map.contains_key(last);
        is_free.then_some((map, last.to_owned()))
    });
    let (map, key) = match place {
        Some(place) => place,
        None => (object, key),
    };
    match map.get(&key).map(Value::as_str) {
        Some(Some(_)) if value.is_empty() => {}
        Some(known) if known != Some("") && !is_known_list => {
            json_text::insert(map, key, Value::String(value));
        }
        _ => {
            map.insert(key, Value::String(value));
        }
    }
}

/// Whether every pair has a plain key and `=`, and nothing in it would have to be encoded.
fn looks_like_one(text: &str) -> bool {
    !text
        .bytes()
        .any(|byte| byte.is_ascii_control() || byte == b' ')
        && text.split('&').filter(|pair| !pair.is_empty()).all(|pair| {
            pair.split_once('=').is_some_and(|(key, _)| {
                !key.is_empty()
                    && key.len() <= MAX_KEY
                    && key
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"_-.+%[]".contains(&byte))
            })
        })
}

/// The last name of a bracket key and those before it.
fn segments(key: &str) -> Option<(&str, Vec<&str>)> {
    let mut parts: Vec<&str> = key
        .split(['[', '.'])
        .map(|part| part.strip_suffix(']').unwrap_or(part))
        .collect();
    if parts.len() > 1 && parts.last() == Some(&"") {
        parts.pop();
    }
    let simple = parts.len() <= MAX_SEGMENTS
        && parts
            .iter()
            .all(|part| !part.is_empty() && !part.contains(']') && part.len() <= MAX_KEY);
    let last = parts.pop()?;
    simple.then_some((last, parts))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_is_an_object_of_strings() {
        assert_eq!(
            parse_body("contact_id=1&text=hi+%26+bye&text=", ""),
            Some(json!({"contact_id": "1", "text": "hi & bye"}))
        );
        assert_eq!(
            parse_body("a=1&a=2", ""),
            Some(json!({"a": "2", json_text::REPEATED: "a"}))
        );
    }

    #[test]
    fn bracket_and_dotted_keys_become_objects() {
        assert_eq!(
            parse_pairs(b"user[id]=1&user.name=Ana&message[text]=hi&x[]=1&text=yo&text[a]=2&...=3"),
            json!({"user": {"id": "1", "name": "Ana"}, "message": {"text": "hi"}, "x": "1",
                   "text": "yo", "text[a]": "2", "...": "3"})
        );
    }

    #[test]
    fn a_key_that_is_repeated_in_an_object_is_marked_there() {
        let repeated = |form: &[u8]| parse_pairs(form)["user"][json_text::REPEATED].clone();
        assert_eq!(repeated(b"user[id]=1&user[id]=2"), "id");
        assert_eq!(repeated(b"user[id]=1&a=1&a=2&user.id=2"), "id");
        assert_eq!(repeated(b"user[id]=1&user[id]=1"), Value::Null);
        assert_eq!(
            parse_pairs(b"id=1&id[]=2&x[]=1&x[]=2"),
            json!({"id": "1", "id[]": "2", "x": "2"})
        );
    }

    #[test]
    fn a_single_field_of_json_is_that_json() {
        let expected = Some(json!({"text": "a=b"}));
        assert_eq!(
            parse_body("payload=%7B%22text%22%3A%22a%3Db%22%7D", ""),
            expected
        );
        let form = "application/x-www-form-urlencoded";
        assert_eq!(parse_body("%7B%22text%22%3A%22a%3Db%22%7D", form), expected);
        assert_eq!(
            parse_body("%7B%22text%22%3A%22a%3Db%22%7D=", form),
            expected
        );
        assert_eq!(parse_pairs(br#"{"text":"a=b"}"#), json!({"text": "a=b"}));
    }

    #[test]
    fn prose_and_broken_json_are_not_forms() {
        for body in [
            "hello",
            "1 + 1 = 2",
            r#"{"text":"a=b" c"}"#,
            "a=b\n\nc=d",
            "=x",
            "a=b&c",
        ] {
            assert_eq!(parse_body(body, ""), None, "{body}");
        }
        assert_eq!(
            parse_body("hello", "application/x-www-form-urlencoded"),
            None
        );
    }
}
