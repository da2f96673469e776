//! Reads a body by the template that its owner typed, so that nothing a customer types can change what it says.
//!
//! Whether a platform escapes the variables that it fills in is mostly unknown (`docs/chatrace.md`, fact 11). If it
//! does not, a customer's quote breaks the body, and a customer who types JSON can add keys to it. Who knows the
//! template can tell: what lies between its fixed parts is what was filled in.
//!
//! A body is read in one of two ways:
//!
//! * it is JSON with exactly the template's keys, in any order: then it is read as JSON;
//! * the template's fixed parts stand in it in their order (`anchors`). They are looked for once from the left and once
//!   from the right. If both find the same places there is one reading, otherwise there are two.

use std::fmt;

use serde_json::{Number, Value};

use anchors::Anchors;
use skeleton::Skeleton;

use crate::i18n::Text;

mod anchors;
mod compile;
mod form;
mod skeleton;

/// The body that is recommended to an account's owner. What a customer types comes last, and the text very last.
pub const RECOMMENDED: &str = r#"{
  "contact_id": "{{user_id}}",
  "external_id": "{{user_external_id}}",
  "last_input_type": "{{last_input_type}}",
  "last_interaction": "{{last_interaction}}",
  "channel": "instagram",
  "username": "{{ig_user_name}}",
  "full_name": "{{full_name}}",
  "text": "{{last_input}}"
}"#;

/// The body that was recommended earlier, with the text in the middle.
const EARLIER: &str = r#"{
  "contact_id": "{{user_id}}",
  "external_id": "{{user_external_id}}",
  "username": "{{ig_user_name}}",
  "full_name": "{{full_name}}",
  "text": "{{last_input}}",
  "last_input_type": "{{last_input_type}}",
  "last_interaction": "{{last_interaction}}",
  "channel": "instagram"
}"#;

/// Whether the platform escapes the variables that it fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Escaping {
    /// Unknown. Values that are all well escaped are decoded, others are taken as they are.
    #[default]
    Auto,
    /// It does, as JSON or as a form demands.
    Escaped,
    /// It does not: values are taken as they are.
    Raw,
}

/// What stands in a placeholder's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlaceholderKind {
    /// In a string, and filled in by the platform: an id, a time, a word.
    Platform,
    /// In a string, and filled in with what a customer typed, or with what is not known to be the platform's.
    Typed,
    /// Outside of any string: a number, a word, or nothing.
    Bare,
}

/// A placeholder of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Placeholder {
    kind: PlaceholderKind,
    /// The string as the template has it, which arrives if nothing was filled in.
    unfilled: String,
}

impl Placeholder {
    /// Whether this can have been filled in.
    fn fits(&self, value: &str) -> bool {
        let all = |test: fn(u8) -> bool| value.bytes().all(test);
        value == self.unfilled
            || match self.kind {
                PlaceholderKind::Typed => true,
                PlaceholderKind::Platform => {
                    all(|byte| byte.is_ascii_alphanumeric() || b"_:+.@-".contains(&byte))
                }
                PlaceholderKind::Bare => {
                    all(|byte| byte.is_ascii_alphanumeric() || b"_+.-".contains(&byte))
                }
            }
    }
}

/// A body as its owner typed it, with `{{placeholders}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    skeleton: Skeleton,
    anchors: Anchors,
    placeholders: Vec<Placeholder>,
}

impl Template {
    /// Reads a template: JSON or a form.
    ///
    /// # Errors
    ///
    /// A sentence about what is wrong with it.
    pub fn new(text: &str) -> Result<Self, Text> {
        let text = text.trim().trim_start_matches('\u{feff}');
        if text.starts_with(['{', '[']) {
            compile::json(text)
        } else {
            form::compile(text)
        }
    }

    /// The body, if it has exactly this template's keys. `json` is the body if it is JSON.
    fn by_keys(&self, text: &str, json: Option<&Value>) -> ByTemplate {
        let value = match (&self.skeleton, json) {
            (Skeleton::Json(skeleton), Some(json)) => {
                skeleton::conforms(skeleton, json).then(|| json.clone())
            }
            (Skeleton::Form(pairs), _) => form::conforming(pairs, text),
            _ => None,
        };
        value.map_or(ByTemplate::None, ByTemplate::One)
    }

    /// The body, if this template's fixed parts stand in it in their order.
    fn by_anchors(&self, text: &str, escaping: Escaping) -> ByTemplate {
        match self.anchors.split(text) {
            Some(Ok(values)) => {
                let read = self.fill(&values, escaping);
                read.map_or(ByTemplate::None, ByTemplate::One)
            }
            Some(Err(anchors::TwoSplits)) => ByTemplate::Two,
            None => ByTemplate::None,
        }
    }

    /// The template with these values.
    fn fill(&self, values: &[&str], escaping: Escaping) -> Option<Value> {
        let placeholders = || self.placeholders.iter().zip(values);
        let bare = |placeholder: &Placeholder| placeholder.kind == PlaceholderKind::Bare;
        if !placeholders().all(|(placeholder, value)| {
            placeholder.fits(if bare(placeholder) {
                value.trim()
            } else {
                value
            })
        }) {
            return None;
        }
        let decode: fn(&str) -> Option<String> = match &self.skeleton {
            Skeleton::Json(_) => |value| serde_json::from_str(&format!("\"{value}\"")).ok(),
            Skeleton::Form(_) => form::decode,
        };
        let decoded = || -> Option<Vec<Value>> {
            placeholders()
                .map(|(placeholder, value)| {
                    if bare(placeholder) {
                        Some(bare_value(value.trim()))
                    } else {
                        decode(value).map(Value::String)
                    }
                })
                .collect()
        };
        let verbatim = || {
            placeholders()
                .map(|(placeholder, value)| {
                    if bare(placeholder) {
                        bare_value(value.trim())
                    } else {
                        Value::from(*value)
                    }
                })
                .collect()
        };
        let values = match escaping {
            Escaping::Auto => decoded().unwrap_or_else(verbatim),
            Escaping::Escaped => decoded()?,
            Escaping::Raw => verbatim(),
        };
        Some(self.skeleton.filled(&values))
    }
}

/// What stands outside of any string.
fn bare_value(text: &str) -> Value {
    match text {
        "" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => text
            .parse::<Number>()
            .map_or_else(|_| Value::from(text), Value::Number),
    }
}

/// What the known templates make of a body.
#[derive(Debug, PartialEq)]
pub(super) enum ByTemplate {
    /// It is not the body of any of them.
    None,
    /// It is read so.
    One(Value),
    /// It can be read in two ways.
    Two,
}

impl ByTemplate {
    fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::None => other(),
            found => found,
        }
    }
}

/// The templates that are known: those that are declared, and those that were recommended.
#[derive(Clone)]
pub struct Templates {
    list: Vec<Template>,
    is_any_declared: bool,
    escaping: Escaping,
}

impl Default for Templates {
    fn default() -> Self {
        Self::new(Vec::new(), Escaping::Auto)
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.list.len();
        write!(formatter, "Templates({count}, {:?})", self.escaping)
    }
}

impl Templates {
    /// The declared ones, and those that were recommended.
    pub fn new(mut declared: Vec<Template>, escaping: Escaping) -> Self {
        let is_any_declared = !declared.is_empty();
        declared.extend(
            [RECOMMENDED, EARLIER]
                .map(|text| Template::new(text).unwrap_or_else(|error| unreachable!("{error}"))),
        );
        Self {
            list: declared,
            is_any_declared,
            escaping,
        }
    }

    pub(super) fn is_any_declared(&self) -> bool {
        self.is_any_declared
    }

    /// Reads a body by the template it was made of. `json` is the body if it is JSON.
    pub(super) fn read(&self, text: &str, json: Option<&Value>) -> ByTemplate {
        let text = text.trim_start_matches('\u{feff}');
        let by_keys = || self.agreed(|template| template.by_keys(text, json));
        let by_anchors = || self.agreed(|template| template.by_anchors(text, self.escaping));
        // What is not escaped is no JSON, even if it looks like it.
        match self.escaping {
            Escaping::Raw => by_anchors().or_else(by_keys),
            Escaping::Auto | Escaping::Escaped => by_keys().or_else(by_anchors),
        }
    }

    /// What all templates that know the body make of it.
    fn agreed(&self, read: impl Fn(&Template) -> ByTemplate) -> ByTemplate {
        let mut found = ByTemplate::None;
        for template in &self.list {
            match (read(template), &found) {
                (ByTemplate::None, _) => {}
                (ByTemplate::One(value), ByTemplate::One(other)) if value == *other => {}
                (ByTemplate::One(value), ByTemplate::None) => found = ByTemplate::One(value),
                _ => return ByTemplate::Two,
            }
        }
        found
    }
}
