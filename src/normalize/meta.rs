//! Meta's form: `entry[]` with `messaging[]`, `standby[]` and `changes[]` (`docs/chatrace.md`, section 5).
//!
//! It comes when the same URL is given to a Meta app. Parts of it come alone, too: a bare `field` and `value` from
//! the dashboard's test button, or a bare item of `messaging`.

use serde_json::{Map, Value};

use super::facts::{self, Facts};
use super::fields::find;
use super::findings::Outer;
use super::findings::{Act, Findings, Origin};
use super::items::Items;
use super::{json_text, judge, scalar, time, whatsapp};
use crate::delivery::ReasonCode;
use crate::message::{Direction, SentAtSource, Shape};

/// Which part of Meta's form an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The whole, around `entry`.
    Body,
    /// One of `entry`.
    Entry,
    /// One of `changes`.
    Change,
    /// One of `messaging`.
    Messaging,
    /// The `value` of a change in WhatsApp's form.
    Whatsapp,
}

/// The members that only an item of `messaging` has beside `sender` and `recipient`.
const MEMBERS: [&str; 7] = [
    "message",
    "reaction",
    "postback",
    "referral",
    "read",
    "message_edit",
    "delivery",
];

/// Which part of Meta's form this object is, if any.
pub(super) fn part(map: &Map<String, Value>) -> Option<Part> {
    let holds = |key: &str| {
        map.get(key)
            .is_some_and(|value| value.is_object() || value.is_array())
    };
    let has = |key: &str| map.contains_key(key);
    if holds("entry") || (has("entry") && has("object")) {
        Some(Part::Body)
    } else if holds("messaging") || holds("standby") || holds("changes") {
        Some(Part::Entry)
    } else if map.get("field").is_some_and(Value::is_string) && holds("value") {
        Some(Part::Change)
    } else if has("messaging_product") && (holds("messages") || holds("statuses")) {
        Some(Part::Whatsapp)
    } else if holds("sender") && holds("recipient") && MEMBERS.iter().any(|key| has(key)) {
        Some(Part::Messaging)
    } else {
        None
    }
}

/// Reads it, whichever part it is.
pub(super) fn read(items: &mut Items<'_>, map: &Map<String, Value>, part: Part, outer: &Outer) {
    let mut outer = outer.clone();
    let object = map.get("object").filter(|_| part != Part::Messaging);
    if let Some(channel) = object.and_then(facts::channel) {
        outer.channel = Some(channel);
    }
    match part {
        Part::Body => each(items, map.get("entry"), &outer, Shape::MetaMessaging, entry),
        Part::Entry => entry(items, map, &outer),
        Part::Change => change(items, map, &outer),
        Part::Messaging => item(items, map, &outer, Shape::MetaMessaging),
        Part::Whatsapp => whatsapp::read(items, map, &outer),
    }
}

/// Reads each object of a list, or the one object that stands in its place. What is none is quarantined.
fn each(
    items: &mut Items<'_>,
    value: Option<&Value>,
    outer: &Outer,
    shape: Shape,
    read: impl Fn(&mut Items<'_>, &Map<String, Value>, &Outer),
) {
    let one = |items: &mut Items<'_>, value: &Value| match value {
        Value::Object(map) => read(items, map, outer),
        _ => items.push(shape, judge::nothing_understood()),
    };
    match value {
        Some(Value::Array(list)) if !list.is_empty() => {
            for value in list {
                if items.is_full() {
                    break;
                }
                one(items, value);
            }
        }
        Some(value @ Value::Object(_)) => one(items, value),
        // A form has the list as JSON in a string.
        Some(Value::String(text)) if let Some(list) = json_text::in_string(text) => {
            each(items, Some(&list), outer, shape, read);
        }
        _ => items.push(
            shape,
            judge::unknown("one of Meta's lists of updates is empty"),
        ),
    }
}

fn entry(items: &mut Items<'_>, map: &Map<String, Value>, outer: &Outer) {
    let mut outer = outer.clone();
    let time = map
        .get("time")
        .and_then(|time| time::believable(time, items.context().arrival));
    outer.time = time.map(|time| (time, SentAtSource::Entry)).or(outer.time);
    let before = items.len();
    for (key, shape) in [
        ("messaging", Shape::MetaMessaging),
        ("standby", Shape::MetaStandby),
    ] {
        if let Some(list) = map.get(key) {
            each(items, Some(list), &outer, shape, |items, map, outer| {
                item(items, map, outer, shape);
            });
        }
    }
    // Who the entry belongs to is the business, where an update does not say it itself.
    outer.person.business = map
        .get("id")
        .and_then(scalar::id)
        .filter(|id| id != "0")
        .map(std::borrow::Cow::into_owned);
    if let Some(list) = map.get("changes") {
        each(items, Some(list), &outer, Shape::MetaChanges, change);
    }
    if map.contains_key("field") {
        change(items, map, &outer);
    }
    if items.len() == before {
        items.push(
            Shape::MetaMessaging,
            judge::unknown("one of Meta's entries holds no update"),
        );
    }
}

fn change(items: &mut Items<'_>, map: &Map<String, Value>, outer: &Outer) {
    let field = map.get("field").and_then(scalar::label).unwrap_or_default();
    each(
        items,
        map.get("value"),
        outer,
        Shape::MetaChanges,
        |items, value, outer| {
            if whatsapp::is_one(value) {
                return whatsapp::read(items, value, outer);
            }
            match field.as_ref() {
                "comments" | "live_comments" => comment(items, value, outer),
                "feed" if value.get("item").and_then(Value::as_str) == Some("comment") => {
                    comment(items, value, outer);
                }
                "mentions" | "mention" => {
                    nothing(items, value, outer, "a mention without its text")
                }
                "story_insights" => nothing(items, value, outer, "the figures of a story"),
                _ => {
                    // Only a comment's business stands on the entry; a message names its own.
                    let mut outer = outer.clone();
                    outer.person.business = None;
                    item(items, value, &outer, Shape::MetaChanges);
                }
            }
        },
    );
}

/// One of `messaging`, `standby`, or a message in `changes`.
fn item(items: &mut Items<'_>, map: &Map<String, Value>, outer: &Outer, shape: Shape) {
    let mut facts = Facts::of(map);
    facts.top_id = facts::Best::default();
    let findings = facts.resolve(outer, items.without_header(), shape);
    items.classify(findings);
}

fn comment(items: &mut Items<'_>, map: &Map<String, Value>, outer: &Outer) {
    let mut findings = Facts::of(map).resolve(outer, items.without_header(), Shape::MetaChanges);
    let id = find(map, "commentid").or_else(|| find(map, "id"));
    findings.id = id
        .and_then(scalar::id)
        .map(|id| (id.into_owned(), Origin::Meta));
    findings.act = Some(match map.get("verb").and_then(Value::as_str) {
        Some("remove") => Act::Deletion,
        _ => Act::Comment,
    });
    findings.reply_to = if findings.act == Some(Act::Deletion) {
        findings.id.as_ref().map(|(id, _)| id.clone())
    } else {
        find(map, "parentid")
            .and_then(scalar::id)
            .map(std::borrow::Cow::into_owned)
    };
    // The business answers under its own post; nobody else is named there.
    if findings.person.contact.is_some() && findings.person.contact == findings.person.business {
        findings.direction = Direction::Outbound;
    }
    items.classify(findings);
}

fn nothing(items: &mut Items<'_>, map: &Map<String, Value>, outer: &Outer, what: &str) {
    let findings: Findings =
        Facts::of(map).resolve(outer, items.without_header(), Shape::MetaChanges);
    let text = format!("{what}: nothing that a customer wrote to the business");
    items.push(
        Shape::MetaChanges,
        judge::ignored(&findings, ReasonCode::NotAMessage, text),
    );
}
