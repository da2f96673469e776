//! Where in a body the fields of a message stand.

use serde_json::Value;

use crate::message::Message;

/// How many places of a value are shown, and how many values of a body are looked at.
const PLACES: usize = 3;
const LOOKED_AT: usize = 10_000;

/// A field of a message, and where its value is in the body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FieldSource {
    /// Its name in the API.
    pub(super) field: &'static str,
    pub(super) value: String,
    /// As JSON Pointers (RFC 6901).
    pub(super) places: Vec<String>,
}

impl FieldSource {
    /// The fields of a message whose values stand in a body.
    pub(super) fn of(message: &Message, body: &Value) -> Vec<Self> {
        let mut values = Vec::new();
        collect(body, &mut String::new(), &mut values);
        let fields = [
            ("contactId", Some(&message.contact_id)),
            ("username", message.username.as_ref()),
            ("displayName", message.display_name.as_ref()),
            ("text", message.text.as_ref()),
            ("externalId", message.external_id.as_ref()),
            ("replyTo", message.reply_to.as_ref()),
            ("payload", message.payload.as_ref()),
        ];
        let attachments = message
            .attachments
            .iter()
            .filter_map(|one| one.url.as_ref());
        let attachments = attachments.map(|url| ("attachments", Some(url)));
        let sources = fields
            .into_iter()
            .chain(attachments)
            .filter_map(|(field, value)| {
                let value = value?;
                let places = values
                    .iter()
                    .filter(|(_, found)| found.trim().trim_start_matches('@') == value.as_str());
                Some(Self {
                    field,
                    value: value.clone(),
                    places: places
                        .take(PLACES)
                        .map(|(place, _)| place.clone())
                        .collect(),
                })
            });
        sources.collect()
    }
}

/// Every text and number of a body, with its place.
fn collect(value: &Value, place: &mut String, found: &mut Vec<(String, String)>) {
    if found.len() >= LOOKED_AT {
        return;
    }
    let length = place.len();
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                place.push('/');
                place.push_str(&name.replace('~', "~0").replace('/', "~1"));
                collect(value, place, found);
                place.truncate(length);
            }
        }
        Value::Array(items) => {
            for (number, value) in items.iter().enumerate() {
                place.push('/');
                place.push_str(&number.to_string());
                collect(value, place, found);
                place.truncate(length);
            }
        }
        Value::String(text) => found.push((place.clone(), text.clone())),
        Value::Number(number) => found.push((place.clone(), number.to_string())),
        Value::Null | Value::Bool(_) => {}
    }
}
