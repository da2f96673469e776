//! From a tree to its items: finds out the shape of each object and descends into wrappers and lists.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::facts::{Facts, Place};
use super::fields::find;
use super::findings::Outer;
use super::items::Items;
use super::{history, json_text, judge, meta, scalar, sendpulse};
use crate::message::Shape;

/// Wrappers and lists are followed this far.
const MAX_DEPTH: usize = 60;
/// How far `holds_items` looks into wrappers.
const MAX_LOOK: usize = 3;

/// Adds the items of a whole body.
pub(super) fn walk(items: &mut Items<'_>, body: &Value) {
    walk_value(items, body, &Outer::default(), Shape::Flat, 0);
}

/// Adds the items in a value. `shape` is that of a plain object here.
fn walk_value(items: &mut Items<'_>, value: &Value, outer: &Outer, shape: Shape, depth: usize) {
    if items.is_full() {
        return;
    }
    if depth > MAX_DEPTH {
        let text = "the body is nested too deeply: send the fields directly in one object";
        return items.push(Shape::Flat, judge::unknown(text));
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
        _ => items.push(Shape::Flat, judge::nothing_understood()),
    }
}

fn walk_object(
    items: &mut Items<'_>,
    map: &Map<String, Value>,
    outer: &Outer,
    mut shape: Shape,
    depth: usize,
) {
    if let Some(part) = meta::part(map) {
        return meta::read(items, map, part, outer);
    }
    if sendpulse::is_one(map) {
        let findings = sendpulse::read(map, outer, items.without_header());
        return items.classify(findings);
    }
    // Values that were JSON in a string; declared first, because the facts borrow from them.
    let wrapped: Vec<Cow<'_, Value>>;
    let mut facts = Facts::of(map);
    wrapped = std::mem::take(&mut facts.wrappers)
        .into_iter()
        .filter_map(unwrapped)
        .collect();
    let mut inner: Vec<&Value> = Vec::new();
    // An object with content of its own has its `data` beside it; one without is only a wrapper.
    let is_item = facts.has_content() || facts.has_person() || facts.event.get().is_some();
    for value in &wrapped {
        match value.as_ref() {
            Value::Object(data) if is_item && !holds_items(data, 0) => {
                if facts.event.get().is_some() {
                    shape = Shape::Event;
                }
                facts.add(data, Place::Data);
                facts.wrappers.clear();
            }
            value => inner.push(value),
        }
    }
    facts.is_dump &= facts.message_list.is_none();
    let lists: Vec<Cow<'_, Value>> = facts.lists.iter().copied().filter_map(unwrapped).collect();
    inner.extend(lists.iter().map(AsRef::as_ref));
    let before = items.len();
    walk_inner(items, &facts, inner, outer, shape, depth);
    // An object with items inside is an item itself only if it has content of its own.
    if (items.len() == before && !items.is_cut()) || facts.has_content() {
        if facts.event.get().is_some()
            && (!facts.has_content() || map.get("user").is_some_and(Value::is_object))
        {
            shape = Shape::Event;
        }
        add_own_item(items, facts, outer, shape);
    }
}

/// The lists and wrappers in an object, its transcript and its list of messages, if it has any.
fn walk_inner(
    items: &mut Items<'_>,
    facts: &Facts<'_>,
    inner: Vec<&Value>,
    outer: &Outer,
    shape: Shape,
    depth: usize,
) {
    let frame = facts.message_list.as_deref().filter(|list| is_filled(list));
    let transcript = facts.history.and_then(history::list);
    if inner.is_empty() && frame.is_none() && transcript.is_none() {
        return;
    }
    let mut outer = facts.outer(outer, items.context());
    for value in inner {
        walk_value(items, value, &outer, shape, depth + 1);
    }
    if let Some(Value::Array(lines)) = transcript.as_deref() {
        let known = facts.text.get().map(AsRef::as_ref);
        for line in lines {
            if items.is_full() {
                return;
            }
            let item = history::read_item(line, &outer, known, items.context());
            items.push(Shape::ChatHistory, item);
        }
    }
    if let Some(list) = frame {
        outer.id = facts.message_id();
        walk_value(items, list, &outer, Shape::Dashboard, depth + 1);
    }
}

/// Adds the item that an object is itself.
fn add_own_item(items: &mut Items<'_>, facts: Facts<'_>, outer: &Outer, shape: Shape) {
    let context = items.context();
    let line = if facts.has_content() {
        None
    } else {
        history::last_line(&facts)
    };
    let is_record = facts.is_dump || (facts.is_record && !facts.has_text_key);
    let shape = match shape {
        Shape::Flat if line.is_some() => Shape::ChatHistory,
        Shape::Flat if is_record => Shape::ContactDump,
        other => other,
    };
    let mut findings = facts.resolve(outer, context, shape);
    if let Some(line) = line {
        findings.text = Some(scalar::without_nul(line.text.into()).into_owned());
        // Two equal lines of one minute are two messages if the contact's last interaction differs.
        findings.fine_time = findings.time.map(|(time, _)| time);
        findings.time = line.sent_at(context).or(findings.time);
    }
    items.classify(findings);
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
    if meta::part(map).is_some() || sendpulse::is_one(map) {
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
