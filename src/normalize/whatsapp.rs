//! WhatsApp's form of Meta's `changes`: `value.messages[]` with `value.contacts[]` beside it.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::extracted::{Action, Extracted, Inherited, Origin};
use super::fields::find;
use super::items::Items;
use super::raw_fields::{Container, Rank, RawFields};
use super::{attachment, classify, scalar};
use crate::delivery::{Item, ReasonCode};
use crate::message::{Attachment, Channel, Direction, Shape};

/// Whether this `value` of a change has WhatsApp's form.
pub(super) fn is_value(map: &Map<String, Value>) -> bool {
    map.contains_key("messaging_product")
        || ["messages", "statuses", "message_echoes"]
            .iter()
            .any(|key| map.get(*key).is_some_and(Value::is_array))
}

/// Adds the messages and receipts of one `value`.
pub(super) fn add_value(items: &mut Items<'_>, map: &Map<String, Value>, outer: &Inherited) {
    let mut outer = outer.clone();
    if map.contains_key("messaging_product") {
        outer.channel = Some(Channel::Whatsapp);
    }
    outer.parties.business = map
        .get("metadata")
        .and_then(|metadata| metadata.get("phone_number_id"))
        .and_then(scalar::owned_id);
    let list = |key: &str| {
        map.get(key)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice)
    };
    let profiles: HashMap<_, _> = list("contacts")
        .iter()
        .filter_map(|contact| {
            // Who has a username need not show a number.
            let id = contact.get("wa_id").and_then(scalar::id);
            let id = id.or_else(|| contact.get("user_id").and_then(scalar::id));
            Some((id?, contact.get("profile")?))
        })
        .collect();
    let before = items.len();
    for (key, direction) in [
        ("messages", Direction::Inbound),
        ("message_echoes", Direction::Outbound),
    ] {
        for message in list(key) {
            if items.is_full() {
                return;
            }
            let Value::Object(message) = message else {
                items.push(Shape::Whatsapp, classify::nothing_understood());
                continue;
            };
            outer.direction = Some(direction);
            let mut extracted = extract_message(items, message, &outer);
            let parties = &mut extracted.parties;
            if let Some(profile) = parties.contact.as_deref().and_then(|id| profiles.get(id)) {
                let named = |key| Some(scalar::label(profile.get(key)?)?.into_owned());
                parties.display_name = named("name").or(parties.display_name.take());
                parties.username = named("username").or(parties.username.take());
            }
            items.classify(extracted);
        }
    }
    for _ in list("statuses") {
        let text = "a delivery receipt, not a message";
        items.push(
            Shape::Whatsapp,
            Item::ignored(ReasonCode::NotAMessage, text, None),
        );
    }
    if items.len() == before {
        items.push(Shape::Whatsapp, classify::nothing_understood());
    }
}

fn extract_message(
    items: &Items<'_>,
    message: &Map<String, Value>,
    outer: &Inherited,
) -> Extracted {
    let word = message
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let inner = message.get(word).and_then(Value::as_object);
    let mut raw = RawFields::of_item(message);
    let mut choice = None;
    if let Some(inner) = inner {
        match word {
            // A file has an id instead of a link, and perhaps a caption.
            _ if attachment::is_media_word(word) => {
                if raw.attachments.is_empty() {
                    let link = find(inner, "link").and_then(Value::as_str);
                    let link = link.and_then(attachment::url);
                    raw.attachments.push(Attachment::new(word, link));
                }
                let caption = inner.get("caption");
                raw.text.offer(Rank::nth(0), caption.and_then(scalar::text));
            }
            "interactive" => {
                choice = ["button_reply", "list_reply"]
                    .iter()
                    .find_map(|key| inner.get(*key)?.as_object());
            }
            "button" => raw.add_object(inner, Container::Message),
            _ => {}
        }
    }
    if let Some(choice) = choice {
        raw.text
            .offer(Rank::nth(0), choice.get("title").and_then(scalar::text));
        raw.payload
            .offer(Rank::nth(0), choice.get("id").and_then(scalar::text));
    }
    let answered = message.get("context").and_then(|context| context.get("id"));
    raw.reply_to
        .offer(Rank::nth(1), answered.and_then(scalar::id));
    let mut extracted = raw.resolve(outer, items.context(), Shape::Whatsapp);
    extracted.id = message
        .get("id")
        .and_then(scalar::owned_id)
        .map(|id| (id, Origin::Meta));
    if choice.is_some() || word == "button" {
        extracted.action = Some(Action::Postback);
    }
    extracted
}
