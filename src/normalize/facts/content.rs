//! What the keys for files, buttons, reactions and flags say.

use std::borrow::Cow;

use serde_json::Value;

use super::{Facts, Place};
use crate::message::Direction;
use crate::normalize::fields::{Means, find};
use crate::normalize::findings::{Act, Origin};
use crate::normalize::{attachment, scalar};

impl<'v> Facts<'v> {
    /// Files, buttons, reactions and flags.
    pub(super) fn of_content(&mut self, value: &'v Value, means: Means, place: Place) {
        match means {
            Means::Media(kind) => attachment::links(value, kind, &mut self.attachments),
            Means::Attachments => attachment::list(value, &mut self.attachments),
            Means::Url => self.url.offer(place.rank(0), scalar::label(value)),
            Means::MimeType => self.mime.offer(place.rank(0), scalar::label(value)),
            // A button has a name; a bare number is a frame's own code.
            Means::Action(rank) => self.action.offer(
                place.rank(rank),
                scalar::text(value)
                    .filter(|text| !value.is_boolean() && text.chars().any(char::is_alphabetic)),
            ),
            Means::Payload => self.payload.offer(3, scalar::text(value)),
            Means::QuickReply => self.payload.offer(2, inner_text(value, "payload")),
            Means::Postback => self.postback(value, place),
            Means::Reaction => self.reaction(value),
            Means::Edit => {
                if let Value::Object(map) = value {
                    self.id
                        .offer(1, find(map, "mid").and_then(Origin::id_of_meta));
                    self.text
                        .offer(place.rank(0), find(map, "text").and_then(scalar::text));
                    let number = find(map, "numedit").and_then(scalar::id);
                    self.did(Act::Edit {
                        number: number.map(Cow::into_owned),
                    });
                }
            }
            Means::Referral => self.referral(value),
            Means::ReplyTo => self.reply_to.offer(0, replied(value)),
            Means::IsEcho => {
                self.direction
                    .offer(0, scalar::flag(value).then_some(Direction::Outbound));
            }
            Means::IsDeleted if scalar::flag(value) => self.did(Act::Deletion),
            Means::IsUnsupported => self.is_unsupported |= scalar::flag(value),
            Means::Happening(what) if value.is_object() => self.did(Act::Happening(what)),
            _ => {}
        }
    }

    /// Notes what was done. Of several, the first kind of section 2 counts, whatever the order of the body.
    fn did(&mut self, act: Act) {
        if self
            .act
            .as_ref()
            .is_none_or(|known| act.rank() < known.rank())
        {
            self.act = Some(act);
        }
    }

    fn postback(&mut self, value: &'v Value, place: Place) {
        if let Value::Object(map) = value {
            self.id
                .offer(1, find(map, "mid").and_then(Origin::id_of_meta));
            self.text
                .offer(place.rank(0), find(map, "title").and_then(scalar::text));
            if let Some(referral) = find(map, "referral") {
                self.referral(referral);
            }
        }
        let payload = inner_text(value, "payload");
        if payload.is_some() || value.is_object() {
            self.payload.offer(1, payload);
            self.did(Act::Postback);
        }
    }

    fn reaction(&mut self, value: &'v Value) {
        let (action, sign) = match value {
            Value::Object(map) => {
                let mid = || find(map, "mid").or_else(|| find(map, "messageid"));
                self.id.offer(0, mid().and_then(Origin::id_of_meta));
                self.reply_to.offer(0, mid().and_then(scalar::id));
                let sign = find(map, "emoji")
                    .and_then(scalar::text)
                    .or_else(|| find(map, "reaction").and_then(scalar::text));
                let action = find(map, "action").and_then(scalar::label);
                // WhatsApp takes a reaction back by sending an empty one.
                let action = match action {
                    Some(action) => action,
                    None if sign.is_none() => Cow::Borrowed("unreact"),
                    None => Cow::Borrowed("react"),
                };
                (action, sign)
            }
            _ => match scalar::text(value) {
                None => return,
                Some(sign) if sign == "unreact" => (sign, None),
                Some(sign) => (Cow::Borrowed("react"), Some(sign)),
            },
        };
        let payload = if action == "unreact" {
            Some(Cow::Borrowed("unreact"))
        } else {
            sign.or_else(|| Some(action.clone()))
        };
        self.payload.offer(0, payload);
        self.did(Act::Reaction {
            action: action.into_owned(),
        });
    }

    fn referral(&mut self, value: &'v Value) {
        let reference = match value {
            Value::Object(map) => ["ref", "sourceurl", "source", "type"]
                .iter()
                .find_map(|key| find(map, key).and_then(scalar::text)),
            _ => scalar::text(value),
        };
        self.has_referral |= reference.is_some() || value.is_object();
        self.payload.offer(4, reference);
    }
}

fn inner_text<'v>(value: &'v Value, alias: &str) -> Option<Cow<'v, str>> {
    match value {
        Value::Object(map) => find(map, alias).and_then(scalar::text),
        _ => scalar::text(value),
    }
}

/// What a message answers: another message, or a story.
fn replied(value: &Value) -> Option<Cow<'_, str>> {
    let Value::Object(map) = value else {
        return scalar::id(value);
    };
    let story = || match find(map, "story")? {
        Value::Object(story) => ["id", "url"]
            .iter()
            .find_map(|key| find(story, key).and_then(scalar::label)),
        other => scalar::label(other),
    };
    find(map, "mid")
        .or_else(|| find(map, "id"))
        .and_then(scalar::id)
        .or_else(story)
}
