//! A template as a tree that is filled in, and what a placeholder can be filled in with.

use serde_json::{Map, Value};

use super::PlaceholderKind;
use crate::normalize::fields::{self, KnownField};
use crate::normalize::scalar;

/// Begins the string that stands for a placeholder in a skeleton; the placeholder's number follows.
pub(super) const MARK: char = '\u{e000}';

/// A pair of a form template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) key: String,
    /// A constant, or the number of a placeholder.
    pub(super) value: Result<String, usize>,
}

/// What is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Skeleton {
    Json(Value),
    Form(Vec<Pair>),
}

impl Skeleton {
    /// With these values in place of the placeholders.
    pub(super) fn filled(&self, values: &[Value]) -> Value {
        match self {
            Self::Json(skeleton) => filled(skeleton, values),
            Self::Form(pairs) => {
                let pairs = pairs.iter().map(|pair| {
                    let value = match &pair.value {
                        Ok(constant) => Value::from(constant.as_str()),
                        Err(placeholder) => values[*placeholder].clone(),
                    };
                    (pair.key.clone(), value)
                });
                Value::Object(pairs.collect())
            }
        }
    }
}

/// Which placeholder this string of a skeleton stands for.
fn placeholder_number(text: &str) -> Option<usize> {
    text.strip_prefix(MARK)?.parse().ok()
}

fn filled(skeleton: &Value, values: &[Value]) -> Value {
    match skeleton {
        Value::String(text) => match placeholder_number(text) {
            Some(number) => values[number].clone(),
            None => skeleton.clone(),
        },
        Value::Array(list) => list.iter().map(|value| filled(value, values)).collect(),
        Value::Object(map) => {
            let members = map
                .iter()
                .map(|(key, value)| (key.clone(), filled(value, values)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// Whether a body has exactly the template's keys, its constants, and scalars in place of its placeholders.
pub(super) fn conforms(skeleton: &Value, body: &Value) -> bool {
    match (skeleton, body) {
        (Value::Object(skeleton), Value::Object(body)) => {
            skeleton.len() == body.len()
                && skeleton
                    .iter()
                    .all(|(key, value)| body.get(key).is_some_and(|body| conforms(value, body)))
        }
        (Value::Array(skeleton), Value::Array(body)) => {
            skeleton.len() == body.len()
                && skeleton
                    .iter()
                    .zip(body)
                    .all(|(value, body)| conforms(value, body))
        }
        (Value::String(text), body) if placeholder_number(text).is_some() => {
            !body.is_object() && !body.is_array()
        }
        (constant, body) => {
            constant == body
                || scalar::scalar(constant).is_some_and(|text| scalar::scalar(body) == Some(text))
        }
    }
}

/// What a placeholder under this key is filled in with.
pub(super) fn kind_of(key: &str, unfilled: &str) -> PlaceholderKind {
    let variable = || {
        let name = scalar::placeholder(unfilled)?;
        let name = name.trim_matches(['{', '}', ' ']);
        name.split('|').next()?.rsplit('.').next()
    };
    let is_platforms = |name: &str| {
        matches!(
            fields::known_field(name.trim()),
            Some(
                KnownField::Customer(0..fields::RANK_PHONE)
                    | KnownField::Writer(_)
                    | KnownField::Recipient
                    | KnownField::MessageId
                    | KnownField::Mid
                    | KnownField::EventId
                    | KnownField::Id
                    | KnownField::Time(_)
                    | KnownField::CreatedAt
                    | KnownField::Channel
                    | KnownField::Direction
                    | KnownField::Dir
                    | KnownField::InputType
                    | KnownField::KindWord(_)
            )
        )
    };
    // A string with more in it than one placeholder may hold anything.
    if variable().is_some_and(|name| is_platforms(key) || is_platforms(name)) {
        PlaceholderKind::Platform
    } else {
        PlaceholderKind::Typed
    }
}
