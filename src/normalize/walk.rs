//! From a tree to its items: finds out the shape of each object and descends into wrappers and lists.

use serde_json::{Map, Value};

use super::extracted::Inherited;
use super::fields::find;
use super::items::Items;
use super::raw_fields::{Best, Container, RawFields};
use super::{classify, envelope, history, json_text, meta, scalar, sendpulse};
use crate::delivery::{Item, ReasonCode};
use crate::message::Shape;

/// Wrappers and lists are followed this far.
const MAX_DEPTH: usize = 60;
/// How far `holds_items` looks into wrappers.
const MAX_LOOK: usize = 3;

/// Adds the items of a whole body.
pub(super) fn walk(items: &mut Items<'_>, body: &Value) {
    walk_value(items, body, &Inherited::default(), Shape::Flat, 0);
}

/// Adds the items in a value. `shape` is that of a plain object here.
fn walk_value(items: &mut Items<'_>, value: &Value, outer: &Inherited, shape: Shape, depth: usize) {
    if items.is_full() {
        return;
    }
    if depth > MAX_DEPTH {
        let text = "the body is nested too deeply: send the fields directly in one object";
        return items.push(Shape::Flat, classify::not_understood(text));
    }
    match value {
        Value::Object(map) => walk_object(items, map, outer, shape, depth),
        Value::Array(list) if !list.is_empty() => {
            for value in list {
                walk_value(items, value, outer, shape, depth + 1);
                if items.is_cut() {
                    break;
                }
            }
        }
        // What somebody typed is not parsed: where a person is named, this is a text.
        Value::String(text)
            if outer.parties.contact.is_none()
                && let Some(value) = json_text::in_string(text) =>
        {
            walk_value(items, &value, outer, shape, depth + 1);
        }
        _ => items.push(Shape::Flat, classify::nothing_understood()),
    }
}

fn walk_object(
    items: &mut Items<'_>,
    map: &Map<String, Value>,
    outer: &Inherited,
    mut shape: Shape,
    depth: usize,
) {
    let part = meta::detect_part(map);
    if part.is_some() || sendpulse::is_event(map) {
        if meta::stands_behind_words(map) {
            let text = "a platform's own form stands behind a text or name, which a customer could have typed: send it alone";
            return items.push(shape, Item::quarantined(ReasonCode::Ambiguous, text, None));
        }
        if let Some(part) = part {
            return meta::add_part(items, map, part, outer);
        }
        let extracted = sendpulse::extract_event(map, outer, items.context());
        return items.classify(extracted);
    }
    let mut raw = RawFields::of_item(map);
    let is_nobodys = !raw.has_person() && outer.parties.contact.is_none();
    let frame;
    if is_nobodys && raw.message_list.is_none() {
        frame = envelope::frame(map);
        if frame.is_some() {
            raw.message_list = frame.as_ref();
            raw.text = Best::default();
        }
    }
    let wrapped: Vec<&Value> = std::mem::take(&mut raw.wrappers)
        .into_iter()
        .filter(|value| holds_something(value))
        .collect();
    let mut inner: Vec<&Value> = Vec::new();
    // An object with content of its own has its `data` beside it; one without is only a wrapper.
    let is_item = raw.has_content() || raw.has_person() || raw.event.get().is_some();
    for value in wrapped {
        match value {
            Value::Object(data) if is_item && !holds_items(data, 0) => {
                if raw.event.get().is_some() {
                    shape = Shape::Event;
                }
                raw.add_object(data, Container::Data);
                raw.wrappers.clear();
            }
            value => inner.push(value),
        }
    }
    raw.is_dump &= raw.message_list.is_none();
    inner.extend(raw.lists.iter().filter(|list| holds_something(list)));
    let before = items.len();
    walk_inner(items, &raw, inner, outer, shape, depth);
    // An object with items inside is an item itself only if it has content of its own.
    if (items.len() == before && !items.is_cut()) || raw.has_content() {
        if raw.event.get().is_some()
            && (!raw.has_content() || map.get("user").is_some_and(Value::is_object))
        {
            shape = Shape::Event;
        }
        add_own_item(items, raw, outer, shape);
    }
}

/// The lists and wrappers in an object, its transcript and its list of messages, if it has any.
fn walk_inner(
    items: &mut Items<'_>,
    raw: &RawFields<'_>,
    inner: Vec<&Value>,
    outer: &Inherited,
    shape: Shape,
    depth: usize,
) {
    let frame = raw.message_list.filter(|list| is_filled(list));
    let transcript = raw.history.and_then(history::lines);
    if inner.is_empty() && frame.is_none() && transcript.is_none() {
        return;
    }
    let mut outer = raw.inherited(outer, items.context(), shape);
    for value in inner {
        walk_value(items, value, &outer, shape, depth + 1);
    }
    if let Some(lines) = transcript {
        let known = raw.text.get().map(AsRef::as_ref);
        for line in lines {
            if items.is_full() {
                return;
            }
            let item = history::classify_line(line, &outer, known, items.context());
            items.push(Shape::ChatHistory, item);
        }
    }
    if let Some(list) = frame {
        outer.id = raw.message_id();
        walk_value(items, list, &outer, Shape::Dashboard, depth + 1);
    }
}

/// Adds the item that an object is itself.
fn add_own_item(items: &mut Items<'_>, raw: RawFields<'_>, outer: &Inherited, shape: Shape) {
    let context = items.context();
    let line = if raw.has_content() {
        None
    } else {
        history::last_line(&raw)
    };
    let is_record = raw.is_dump || (raw.is_record && !raw.has_text_key);
    let shape = match shape {
        Shape::Flat if line.is_some() => Shape::ChatHistory,
        Shape::Flat if is_record => Shape::ContactDump,
        other => other,
    };
    let mut extracted = raw
        .resolve(outer, context, shape)
        .or_header_contact(context);
    if let Some(line) = line {
        extracted.text = Some(scalar::without_nul(line.text.into()).into_owned());
        // Two equal lines of one minute are two messages if the contact's last interaction differs.
        extracted.fine_time = extracted.time.map(|(time, _)| time);
        extracted.time = line.sent_at(context).or(extracted.time);
    }
    items.classify(extracted);
}

/// Whether a wrapper holds something: it is an object, or a list with objects or lists in it.
fn holds_something(value: &Value) -> bool {
    value.is_object() || is_filled(value)
}

fn is_filled(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|list| list.iter().any(|item| item.is_object() || item.is_array()))
}

/// Whether an object holds items rather than being part of one.
fn holds_items(map: &Map<String, Value>, depth: usize) -> bool {
    if meta::detect_part(map).is_some() || sendpulse::is_event(map) {
        return true;
    }
    ["messages", "message", "data", "sample", "chat_history"]
        .iter()
        .any(|key| match find(map, key) {
            Some(Value::Array(list)) => list.iter().any(Value::is_object),
            Some(Value::Object(inner)) => depth < MAX_LOOK && holds_items(inner, depth + 1),
            _ => false,
        })
}
