//! WhatsApp's form of Meta's `changes`: `value.messages[]` with `value.contacts[]` beside it.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::facts::{Facts, Place};
use super::fields::find;
use super::findings::Outer;
use super::findings::{Act, Findings, Origin};
use super::items::Items;
use super::{attachment, judge, scalar};
use crate::delivery::ReasonCode;
use crate::message::{Attachment, Channel, Direction, Shape};

/// Whether this `value` of a change has WhatsApp's form.
pub(super) fn is_one(map: &Map<String, Value>) -> bool {
    map.contains_key("messaging_product")
        || ["messages", "statuses", "message_echoes"]
            .iter()
            .any(|key| map.get(*key).is_some_and(Value::is_array))
}

/// Reads the messages and receipts of one `value`.
pub(super) fn read(items: &mut Items<'_>, map: &Map<String, Value>, outer: &Outer) {
    let mut outer = outer.clone();
    if map.contains_key("messaging_product") {
        outer.channel = Some(Channel::Whatsapp);
    }
    outer.person.business = map
        .get("metadata")
        .and_then(|metadata| metadata.get("phone_number_id"))
        .and_then(scalar::id)
        .map(std::borrow::Cow::into_owned);
    let list = |key: &str| {
        map.get(key)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice)
    };
    let names: HashMap<_, _> = list("contacts")
        .iter()
        .filter_map(|contact| {
            let name = contact
                .get("profile")?
                .get("name")
                .and_then(scalar::label)?;
            Some((scalar::id(contact.get("wa_id")?)?, name))
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
                items.push(Shape::Whatsapp, judge::nothing_understood());
                continue;
            };
            outer.direction = Some(direction);
            let mut findings = one(items, message, &outer);
            let person = &mut findings.person;
            if let Some(name) = person.contact.as_deref().and_then(|id| names.get(id)) {
                person.display_name = Some(name.clone().into_owned());
            }
            items.classify(findings);
        }
    }
    for _ in list("statuses") {
        let text = "a delivery receipt: nothing that anybody wrote";
        items.push(
            Shape::Whatsapp,
            judge::ignored_alone(ReasonCode::NotAMessage, text),
        );
    }
    if items.len() == before {
        items.push(Shape::Whatsapp, judge::nothing_understood());
    }
}

fn one(items: &Items<'_>, message: &Map<String, Value>, outer: &Outer) -> Findings {
    let word = message
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let inner = message.get(word).and_then(Value::as_object);
    let mut facts = Facts::of(message);
    let mut choice = None;
    if let Some(inner) = inner {
        match word {
            // A file has an id instead of a link, and perhaps a caption.
            _ if attachment::is_media_word(word) => {
                if facts.attachments.is_empty() {
                    facts.attachments.push(Attachment {
                        kind: word.to_owned(),
                        url: find(inner, "link")
                            .and_then(Value::as_str)
                            .and_then(attachment::url)
                            .map(str::to_owned),
                    });
                }
                let caption = inner.get("caption");
                facts.text.offer(0, caption.and_then(scalar::text));
            }
            "interactive" => {
                choice = ["button_reply", "list_reply"]
                    .iter()
                    .find_map(|key| inner.get(*key)?.as_object());
            }
            "button" => facts.add(inner, Place::Message),
            _ => {}
        }
    }
    if let Some(choice) = choice {
        facts
            .text
            .offer(0, choice.get("title").and_then(scalar::text));
        facts
            .payload
            .offer(0, choice.get("id").and_then(scalar::text));
    }
    let answered = message.get("context").and_then(|context| context.get("id"));
    facts.reply_to.offer(1, answered.and_then(scalar::id));
    let mut findings = facts.resolve(outer, items.without_header(), Shape::Whatsapp);
    findings.id = message
        .get("id")
        .and_then(scalar::id)
        .map(|id| (id.into_owned(), Origin::Meta));
    if choice.is_some() || word == "button" {
        findings.act = Some(Act::Postback);
    }
    findings
}
