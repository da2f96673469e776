//! SendPulse's form: `service`, `title`, `bot`, `contact` and the platform's own message under `info`.

use serde_json::{Map, Value};

use super::facts::{Facts, Place};
use super::fields::find;
use super::findings::{Context, Outer};
use super::findings::{Findings, Origin};
use super::scalar;
use crate::message::{Direction, Shape};

/// Whether this object is one of SendPulse's events.
pub(super) fn is_one(map: &Map<String, Value>) -> bool {
    let is_object = |key: &str| map.get(key).is_some_and(Value::is_object);
    map.contains_key("title") && is_object("contact") && (is_object("info") || is_object("bot"))
}

/// Reads one event.
pub(super) fn read(map: &Map<String, Value>, outer: &Outer, context: &Context) -> Findings {
    let inside = |path: &[&str]| {
        let mut value = map.get(path[0])?;
        for key in &path[1..] {
            value = value.get(key)?;
        }
        Some(value)
    };
    let mut facts = Facts::of(map);
    let original = inside(&["info", "message", "channel_data", "message"]);
    if let Some(Value::Object(message)) = original {
        facts.add(message, Place::Message);
    }
    let mut findings = facts.resolve(outer, context, Shape::Sendpulse);
    if findings.id.is_none() {
        findings.id = inside(&["info", "message", "id"])
            .and_then(scalar::id)
            .map(|id| (id.into_owned(), Origin::Owner));
    }
    if findings.person.business.is_none() {
        findings.person.business = inside(&["bot", "external_id"])
            .and_then(scalar::id)
            .map(std::borrow::Cow::into_owned);
    }
    let title = find(map, "title")
        .and_then(scalar::label)
        .unwrap_or_default();
    // `contact.last_message` is what the customer wrote last, which is news only in this event.
    let is_message = matches!(
        title.as_ref(),
        "incoming_message" | "inbound_message" | "outgoing_message" | "outbound_message"
    );
    if original.is_none() && (!is_message || findings.direction == Direction::Outbound) {
        findings.text = None;
    }
    findings.is_event |= !is_message;
    findings
}
