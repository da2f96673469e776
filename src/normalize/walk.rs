//! From a tree to its items: finds out the shape of each object and descends into wrappers and lists.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::facts::{self, Facts, Place};
use super::findings::Findings;
use super::resolve::{Context, Outer};
use super::{history, judge, meta, scalar, sendpulse, time, tree};
use crate::delivery::{Item, ReasonCode};
use crate::message::Shape;

/// One delivery has no more items than this; Meta sends at most 1000.
pub(crate) const MAX_ITEMS: usize = 10_000;
/// How many bytes the items of one delivery may hold of what they take from around them, such as the ids of the person whom
/// a list of messages is about. A hundred messages of one person take some kilobytes of it.
const MAX_COPIED: usize = 8 * 1024 * 1024;
/// How often an item may hold what it says itself: an id is kept as that of the contact and as that of the sender, and an
/// octet that is no text becomes three.
const OWN: usize = 4;
/// Wrappers and lists are followed this far.
const MAX_DEPTH: usize = 60;
/// How far `is_structured` looks into wrappers.
const MAX_LOOK: usize = 3;

/// How many bytes of text the items of a body of this length hold at most.
pub(crate) fn most_texts(body: usize) -> usize {
    body.saturating_mul(OWN).saturating_add(MAX_COPIED)
}

/// The items found so far.
pub(super) struct Walk<'c> {
    context: &'c Context,
    without_header: &'c Context,
    items: Vec<Item>,
    shape: Option<Shape>,
    is_cut: bool,
    /// How many more bytes of text the items may hold.
    room: usize,
}

impl<'c> Walk<'c> {
    /// Begins with a body of this length; `without_header` is the context of the shapes that know no `X-USER-ID`.
    pub(super) fn new(context: &'c Context, without_header: &'c Context, body: usize) -> Self {
        Self {
            context,
            without_header,
            items: Vec::new(),
            shape: None,
            is_cut: false,
            room: most_texts(body),
        }
    }

    /// The shape of the whole and its items, of which there is at least one.
    pub(super) fn finish(mut self) -> (Shape, Vec<Item>) {
        if self.is_cut {
            let text = if self.items.len() < MAX_ITEMS {
                "the items of one delivery repeat too much of what stands around them: the rest stands only in the raw body; send smaller lists"
            } else {
                "more than 10000 items in one delivery: the rest stands only in the raw body; send smaller lists"
            };
            self.items.push(judge::unknown(text));
        }
        if self.items.is_empty() {
            self.items.push(judge::nothing_understood());
        }
        (self.shape.unwrap_or(Shape::Unknown), self.items)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn without_header(&self) -> &'c Context {
        self.without_header
    }

    pub(super) fn believable(&self, value: &Value) -> Option<Timestamp> {
        time::believable(value, self.context.arrival)
    }

    /// Whether no more items are taken. Asking when it is so means that one more was there.
    pub(super) fn is_full(&mut self) -> bool {
        self.is_cut |= self.items.len() >= MAX_ITEMS;
        self.is_cut
    }

    /// Adds an item. The first shape that was understood is the delivery's.
    pub(super) fn push(&mut self, shape: Shape, item: Item) {
        if self.is_full() {
            return;
        }
        let Some(room) = self.room.checked_sub(item.texts()) else {
            self.is_cut = true;
            return;
        };
        self.room = room;
        let is_understood = !matches!(&item, Item::Quarantined { reason, .. } if reason.code == ReasonCode::NothingUnderstood);
        if is_understood || shape != Shape::Flat {
            self.shape.get_or_insert(shape);
        }
        self.items.push(item);
    }

    /// Judges and adds an item.
    pub(super) fn judge(&mut self, findings: Findings) {
        let shape = findings.shape;
        self.push(shape, judge::judge(findings, self.context));
    }

    /// Reads whatever stands at this place. `shape` is that of a plain object here.
    pub(super) fn value(&mut self, value: &Value, outer: &Outer, shape: Shape, depth: usize) {
        if self.is_full() {
            return;
        }
        if depth > MAX_DEPTH {
            let text = "the body is nested too deeply: send the fields directly in one object";
            return self.push(Shape::Flat, judge::unknown(text));
        }
        match value {
            Value::Object(map) => self.object(map, outer, shape, depth),
            Value::Array(list) if !list.is_empty() => {
                for value in list {
                    self.value(value, outer, shape, depth + 1);
                    if self.is_cut {
                        break;
                    }
                }
            }
            Value::String(text) => match tree::in_string(text) {
                Some(value) => self.value(&value, outer, shape, depth + 1),
                None => self.push(Shape::Flat, judge::nothing_understood()),
            },
            _ => self.push(Shape::Flat, judge::nothing_understood()),
        }
    }

    fn object(&mut self, map: &Map<String, Value>, outer: &Outer, shape: Shape, depth: usize) {
        if let Some(part) = meta::part(map) {
            return meta::read(self, map, part, outer);
        }
        if sendpulse::is_one(map) {
            let findings = sendpulse::read(map, outer, self.without_header);
            return self.judge(findings);
        }
        // Values that stood as JSON in a string; declared first, because the facts borrow from them.
        let wrapped: Vec<Cow<'_, Value>>;
        let mut facts = Facts::of(map);
        wrapped = std::mem::take(&mut facts.wrappers)
            .into_iter()
            .filter_map(unpack)
            .collect();
        let mut inner: Vec<&Value> = Vec::new();
        // What says something itself has its `data` beside it; what says nothing is only a wrapper.
        let is_item = facts.has_content() || facts.has_person() || facts.event.get().is_some();
        let mut shape = shape;
        for value in &wrapped {
            match value.as_ref() {
                Value::Object(data) if is_item && !is_structured(data, 0) => {
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
        let lists: Vec<Cow<'_, Value>> = facts.lists.iter().copied().filter_map(unpack).collect();
        inner.extend(lists.iter().map(AsRef::as_ref));
        let before = self.len();
        self.inner(&facts, inner, outer, shape, depth);
        // What has items inside is one itself only if it says something itself.
        if (self.len() == before && !self.is_cut) || facts.has_content() {
            if facts.event.get().is_some()
                && (!facts.has_content() || map.get("user").is_some_and(Value::is_object))
            {
                shape = Shape::Event;
            }
            self.flat(facts, outer, shape);
        }
    }

    /// The lists and wrappers in an object, its transcript and its list of messages, if it has any.
    fn inner(
        &mut self,
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
        let mut outer = facts.outer(outer, self.context);
        for value in inner {
            self.value(value, &outer, shape, depth + 1);
        }
        if let Some(Value::Array(lines)) = transcript.as_deref() {
            let known = facts.text.get().map(AsRef::as_ref);
            for line in lines {
                if self.is_full() {
                    return;
                }
                let item = history::read_item(line, &outer, known, self.context);
                self.push(Shape::ChatHistory, item);
            }
        }
        if let Some(list) = frame {
            outer.id = facts.message_id();
            self.value(list, &outer, Shape::Dashboard, depth + 1);
        }
    }

    /// The item that an object is itself.
    fn flat(&mut self, facts: Facts<'_>, outer: &Outer, shape: Shape) {
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
        let mut findings = facts.resolve(outer, self.context, shape);
        if let Some(line) = line {
            findings.text = Some(scalar::without_nul(line.text.into()).into_owned());
            // Two equal lines of one minute are two messages if the contact's last interaction differs.
            findings.fine_time = findings.time.map(|(time, _)| time);
            findings.time = line.sent_at(self.context).or(findings.time);
        }
        self.judge(findings);
    }
}

/// A wrapper that holds something: an object, a list with objects or lists in it, or either as JSON in a string.
fn unpack(value: &Value) -> Option<Cow<'_, Value>> {
    let value = match value {
        Value::String(text) => Cow::Owned(tree::in_string(text)?),
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
fn is_structured(map: &Map<String, Value>, depth: usize) -> bool {
    if meta::part(map).is_some() || sendpulse::is_one(map) {
        return true;
    }
    ["messages", "message", "data", "sample", "chat_history"]
        .iter()
        .any(|key| match facts::find(map, key) {
            Some(Value::Array(list)) => list.iter().any(Value::is_object),
            Some(Value::Object(inner)) => depth < MAX_LOOK && is_structured(inner, depth + 1),
            _ => false,
        })
}
