//! From a tree to its items: finds out the shape of each object and descends into wrappers and lists.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::extracted::Inherited;
use super::fields::find;
use super::items::Items;
use super::raw_fields::{Container, RawFields};
use super::{classify, history, json_text, meta, scalar, sendpulse};
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
        Value::String(text) if let Some(value) = json_text::in_string(text) => {
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
    if let Some(part) = meta::detect_part(map) {
        return meta::add_part(items, map, part, outer);
    }
    if sendpulse::is_event(map) {
        let extracted = sendpulse::extract_event(map, outer, items.context());
        return items.classify(extracted);
    }
    // Values that were JSON in a string; declared first, because the raw borrow from them.
    let wrapped: Vec<Cow<'_, Value>>;
    let mut raw = RawFields::of_item(map);
    wrapped = std::mem::take(&mut raw.wrappers)
        .into_iter()
        .filter_map(unwrapped)
        .collect();
    let mut inner: Vec<&Value> = Vec::new();
    // An object with content of its own has its `data` beside it; one without is only a wrapper.
    let is_item = raw.has_content() || raw.has_person() || raw.event.get().is_some();
    for value in &wrapped {
        match value.as_ref() {
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
    let lists: Vec<Cow<'_, Value>> = raw.lists.iter().copied().filter_map(unwrapped).collect();
    inner.extend(lists.iter().map(AsRef::as_ref));
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
    let frame = raw.message_list.as_deref().filter(|list| is_filled(list));
    let transcript = raw.history.and_then(history::lines);
    if inner.is_empty() && frame.is_none() && transcript.is_none() {
        return;
    }
    let mut outer = raw.inherited(outer, items.context());
    for value in inner {
        walk_value(items, value, &outer, shape, depth + 1);
    }
    if let Some(Value::Array(lines)) = transcript.as_deref() {
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

/// A wrapper that holds something: an object, a list with objects or lists in it, or either as JSON in a string.
fn unwrapped(value: &Value) -> Option<Cow<'_, Value>> {
    let value = match value {
        Value::String(text) => Cow::Owned(json_text::in_string(text)?),
        other => Cow::Borrowed(other),
    };
    (value.is_object() || is_filled(&value)).then_some(value)
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
