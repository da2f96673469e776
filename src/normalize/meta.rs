//! Meta's form: `entry[]` with `messaging[]`, `standby[]` and `changes[]` (`docs/chatrace.md`, section 5).
//!
//! It arrives when the same URL is given to a Meta app. Its parts also arrive alone: a bare `field` and `value` from
//! the dashboard's test button, or a bare item of `messaging`.

use serde_json::{Map, Value};

use super::extracted::{Action, Inherited, Origin};
use super::fields::{self, KnownField, find};
use super::items::Items;
use super::raw_fields::{self, Best, RawFields};
use super::{classify, json_text, scalar, time, whatsapp};
use crate::delivery::{Item, ReasonCode};
use crate::message::{Direction, SentAtSource, Shape};

/// Which part of Meta's form an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MetaPart {
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

/// The members that only an item of `messaging` has besides `sender` and `recipient`.
const MEMBERS: [&str; 8] = [
    "message",
    "reaction",
    "postback",
    "optin",
    "referral",
    "read",
    "message_edit",
    "delivery",
];

/// Which part of Meta's form this object is, if any.
pub(super) fn detect_part(map: &Map<String, Value>) -> Option<MetaPart> {
    let holds = |key: &str| {
        map.get(key)
            .is_some_and(|value| value.is_object() || value.is_array())
    };
    let has = |key: &str| map.contains_key(key);
    if holds("entry") || (has("entry") && has("object")) {
        Some(MetaPart::Body)
    } else if holds("messaging") || holds("standby") || holds("changes") {
        Some(MetaPart::Entry)
    } else if map.get("field").is_some_and(Value::is_string) && holds("value") {
        Some(MetaPart::Change)
    } else if has("messaging_product") && (holds("messages") || holds("statuses")) {
        Some(MetaPart::Whatsapp)
    } else if holds("sender") && holds("recipient") && MEMBERS.iter().any(|key| has(key)) {
        Some(MetaPart::Messaging)
    } else {
        None
    }
}

/// Whether a text or a name stands before what makes this object a platform's own form: no platform puts one there, but
/// a customer can type the rest.
pub(super) fn stands_behind_words(map: &Map<String, Value>) -> bool {
    let is_words = |key: &str| {
        matches!(
            fields::known_field(key),
            Some(
                KnownField::Text(_)
                    | KnownField::Body(_)
                    | KnownField::Message
                    | KnownField::Handle(_)
                    | KnownField::Name(_)
                    | KnownField::WriterName
                    | KnownField::FirstName
                    | KnownField::LastName
            )
        )
    };
    let words = map
        .iter()
        .position(|(key, value)| scalar::scalar(value).is_some() && is_words(key));
    // A message that is a string stands beside the sender in one of Meta's samples.
    words.is_some_and(|words| {
        map.iter()
            .skip(words + 1)
            .any(|(_, value)| value.is_object() || value.is_array())
    })
}

/// Adds the items of such a part.
pub(super) fn add_part(
    items: &mut Items<'_>,
    map: &Map<String, Value>,
    part: MetaPart,
    outer: &Inherited,
) {
    let mut outer = outer.clone();
    let object = map.get("object").filter(|_| part != MetaPart::Messaging);
    if let Some(channel) = object.and_then(raw_fields::channel) {
        outer.channel = Some(channel);
    }
    match part {
        MetaPart::Body => add_each(
            items,
            map.get("entry"),
            &outer,
            Shape::MetaMessaging,
            add_entry,
        ),
        MetaPart::Entry => add_entry(items, map, &outer),
        MetaPart::Change => add_change(items, map, &outer),
        MetaPart::Messaging => add_update(items, map, &outer, Shape::MetaMessaging),
        MetaPart::Whatsapp => whatsapp::add_value(items, map, &outer),
    }
}

/// Adds each object of a list, or the one object in place of a list. Anything else is quarantined.
fn add_each(
    items: &mut Items<'_>,
    value: Option<&Value>,
    outer: &Inherited,
    shape: Shape,
    add: impl Fn(&mut Items<'_>, &Map<String, Value>, &Inherited),
) {
    let one = |items: &mut Items<'_>, value: &Value| match value {
        Value::Object(map) => add(items, map, outer),
        _ => items.push(shape, classify::nothing_understood()),
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
            add_each(items, Some(&list), outer, shape, add);
        }
        _ => items.push(
            shape,
            classify::not_understood("one of Meta's lists of updates is empty"),
        ),
    }
}

fn add_entry(items: &mut Items<'_>, map: &Map<String, Value>, outer: &Inherited) {
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
            add_each(items, Some(list), &outer, shape, |items, map, outer| {
                add_update(items, map, outer, shape);
            });
        }
    }
    // The owner of the entry is the business, unless an update names it itself.
    outer.parties.business = map
        .get("id")
        .and_then(scalar::owned_id)
        .filter(|id| id != "0");
    if let Some(list) = map.get("changes") {
        add_each(items, Some(list), &outer, Shape::MetaChanges, add_change);
    }
    if map.contains_key("field") {
        add_change(items, map, &outer);
    }
    if items.len() == before {
        items.push(
            Shape::MetaMessaging,
            classify::not_understood("one of Meta's entries has no update"),
        );
    }
}

fn add_change(items: &mut Items<'_>, map: &Map<String, Value>, outer: &Inherited) {
    let field = map.get("field").and_then(scalar::label).unwrap_or_default();
    add_each(
        items,
        map.get("value"),
        outer,
        Shape::MetaChanges,
        |items, value, outer| {
            if whatsapp::is_value(value) {
                return whatsapp::add_value(items, value, outer);
            }
            match field.as_ref() {
                "comments" | "live_comments" => add_comment(items, value, outer),
                "feed" if value.get("item").and_then(Value::as_str) == Some("comment") => {
                    add_comment(items, value, outer);
                }
                "feed" if is_own(value, outer) => {
                    let text = "what the page itself posted, not a message to the business";
                    let item = Item::ignored(ReasonCode::NotAMessage, text, None);
                    items.push(Shape::MetaChanges, item);
                }
                "feed" if is_reaction(value) => {
                    add_ignored(items, value, outer, "a reaction to a post");
                }
                "mentions" | "mention" => {
                    add_ignored(items, value, outer, "a mention without its text");
                }
                "story_insights" => add_ignored(items, value, outer, "the insights of a story"),
                _ => {
                    // Only for a comment is the business the entry's owner; a message names its own.
                    let mut outer = outer.clone();
                    outer.parties.business = None;
                    add_update(items, value, &outer, Shape::MetaChanges);
                }
            }
        },
    );
}

/// Whether somebody liked something: a busy page has thousands.
fn is_reaction(value: &Map<String, Value>) -> bool {
    matches!(
        value.get("item").and_then(Value::as_str),
        Some("reaction" | "like")
    )
}

/// Whether the owner of the entry wrote it.
fn is_own(value: &Map<String, Value>, outer: &Inherited) -> bool {
    let author = value.get("from").and_then(|from| from.get("id"));
    let author = author.and_then(scalar::owned_id);
    author.is_some() && author == outer.parties.business
}

/// One of `messaging`, `standby`, or a message in `changes`.
fn add_update(items: &mut Items<'_>, map: &Map<String, Value>, outer: &Inherited, shape: Shape) {
    let mut raw = RawFields::of_item(map);
    raw.top_id = Best::default();
    let extracted = raw.resolve(outer, items.context(), shape);
    items.classify(extracted);
}

fn add_comment(items: &mut Items<'_>, map: &Map<String, Value>, outer: &Inherited) {
    let mut extracted = RawFields::of_item(map).resolve(outer, items.context(), Shape::MetaChanges);
    let id = find(map, "commentid").or_else(|| find(map, "id"));
    extracted.id = id.and_then(scalar::owned_id).map(|id| (id, Origin::Meta));
    extracted.action = Some(match map.get("verb").and_then(Value::as_str) {
        Some("remove") => Action::Deletion,
        _ => Action::Comment,
    });
    extracted.reply_to = if extracted.action == Some(Action::Deletion) {
        extracted.id.as_ref().map(|(id, _)| id.clone())
    } else {
        find(map, "parentid").and_then(scalar::owned_id)
    };
    // The business answers under its own post; nobody else is named there.
    if extracted.parties.contact.is_some()
        && extracted.parties.contact == extracted.parties.business
    {
        extracted.direction = Direction::Outbound;
    }
    items.classify(extracted);
}

fn add_ignored(items: &mut Items<'_>, map: &Map<String, Value>, outer: &Inherited, what: &str) {
    let extracted = RawFields::of_item(map).resolve(outer, items.context(), Shape::MetaChanges);
    let text = format!("{what}, not a message to the business");
    items.push(
        Shape::MetaChanges,
        classify::ignored(&extracted, ReasonCode::NotAMessage, text),
    );
}
