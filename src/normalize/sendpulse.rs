//! SendPulse's form: `service`, `title`, `bot`, `contact` and the platform's own message under `info`.

use serde_json::{Map, Value};

use super::extracted::{Context, Inherited};
use super::extracted::{Extracted, Origin};
use super::fields::find;
use super::raw_fields::{Container, RawFields};
use super::scalar;
use crate::message::{Direction, Shape};

/// Whether this object is one of SendPulse's events.
pub(super) fn is_event(map: &Map<String, Value>) -> bool {
    let is_object = |key: &str| map.get(key).is_some_and(Value::is_object);
    map.contains_key("title") && is_object("contact") && (is_object("info") || is_object("bot"))
}

/// Extracts the item of one event.
pub(super) fn extract_event(
    map: &Map<String, Value>,
    outer: &Inherited,
    context: &Context,
) -> Extracted {
    let inside = |path: &[&str]| {
        let mut value = map.get(path[0])?;
        for key in &path[1..] {
            value = value.get(key)?;
        }
        Some(value)
    };
    let mut raw = RawFields::of_item(map);
    let original = inside(&["info", "message", "channel_data", "message"]);
    if let Some(Value::Object(message)) = original {
        raw.add_object(message, Container::Message);
    }
    let mut extracted = raw.resolve(outer, context, Shape::Sendpulse);
    if extracted.id.is_none() {
        extracted.id = inside(&["info", "message", "id"])
            .and_then(scalar::owned_id)
            .map(|id| (id, Origin::Owner));
    }
    if extracted.parties.business.is_none() {
        extracted.parties.business = inside(&["bot", "external_id"]).and_then(scalar::owned_id);
    }
    let title = find(map, "title")
        .and_then(scalar::label)
        .unwrap_or_default();
    // `contact.last_message` is the last text of the customer; it is new only in an event for a message.
    let is_message = matches!(
        title.as_ref(),
        "incoming_message" | "inbound_message" | "outgoing_message" | "outbound_message"
    );
    if original.is_none() && (!is_message || extracted.direction == Direction::Outbound) {
        extracted.text = None;
    }
    extracted.is_event |= !is_message;
    extracted
}
