//! What the keys for files, buttons, reactions and flags say.

use std::borrow::Cow;

use serde_json::Value;

use super::{Container, Rank, RawFields};
use crate::message::Direction;
use crate::normalize::extracted::{Action, Origin};
use crate::normalize::fields::{KnownField, find};
use crate::normalize::{attachment, scalar};

impl<'v> RawFields<'v> {
    /// A key for files, buttons, reactions or flags.
    pub(super) fn add_content(&mut self, value: &'v Value, field: KnownField, at: Container) {
        match field {
            KnownField::Media(kind) => attachment::add_links(value, kind, &mut self.attachments),
            KnownField::Attachments => attachment::add_files(value, &mut self.attachments),
            KnownField::Url => self.url.offer(Rank::by_alias(0, at), scalar::label(value)),
            KnownField::MimeType => self.mime.offer(Rank::by_alias(0, at), scalar::label(value)),
            // A button has a name; a bare number is a frame's own code.
            KnownField::Action(alias) => self.button.offer(
                Rank::by_alias(alias, at),
                scalar::text(value)
                    .filter(|text| !value.is_boolean() && text.chars().any(char::is_alphabetic)),
            ),
            KnownField::Payload => self.payload.offer(Rank::nth(3), scalar::text(value)),
            KnownField::QuickReply => self
                .payload
                .offer(Rank::nth(2), inner_text(value, "payload")),
            KnownField::Postback => self.add_postback(value, at),
            KnownField::Reaction => self.add_reaction(value),
            KnownField::Edit => {
                if let Value::Object(map) = value {
                    self.id
                        .offer(Rank::nth(1), find(map, "mid").and_then(Origin::id_of_meta));
                    self.text.offer(
                        Rank::by_alias(0, at),
                        find(map, "text").and_then(scalar::text),
                    );
                    let number = find(map, "numedit").and_then(scalar::id);
                    self.set_action(Action::Edit {
                        number: number.map(Cow::into_owned),
                    });
                }
            }
            KnownField::Referral => self.add_referral(value),
            KnownField::ReplyTo => self.reply_to.offer(Rank::nth(0), answered_id(value)),
            KnownField::IsEcho => {
                let direction = scalar::flag(value).then_some(Direction::Outbound);
                self.add_mark(direction);
                self.direction.offer(Rank::nth(0), direction);
            }
            KnownField::IsDeleted if scalar::flag(value) => self.set_action(Action::Deletion),
            KnownField::IsUnsupported => self.is_unsupported |= scalar::flag(value),
            KnownField::SystemEvent(what) if value.is_object() => {
                self.set_action(Action::SystemEvent(what));
            }
            _ => {}
        }
    }

    /// Notes what was done. Of several, the first kind of section 2 counts, in any order of the body.
    fn set_action(&mut self, action: Action) {
        let known = self.action.as_ref();
        if known.is_none_or(|known| action.precedence() < known.precedence()) {
            self.action = Some(action);
        }
    }

    fn add_postback(&mut self, value: &'v Value, at: Container) {
        if let Value::Object(map) = value {
            self.id
                .offer(Rank::nth(1), find(map, "mid").and_then(Origin::id_of_meta));
            self.text.offer(
                Rank::by_alias(0, at),
                find(map, "title").and_then(scalar::text),
            );
            if let Some(referral) = find(map, "referral") {
                self.add_referral(referral);
            }
        }
        let payload = inner_text(value, "payload");
        if payload.is_some() || value.is_object() {
            self.payload.offer(Rank::nth(1), payload);
            self.set_action(Action::Postback);
        }
    }

    fn add_reaction(&mut self, value: &'v Value) {
        let (action, sign) = match value {
            Value::Object(map) => {
                let mid = || find(map, "mid").or_else(|| find(map, "messageid"));
                self.id
                    .offer(Rank::nth(0), mid().and_then(Origin::id_of_meta));
                self.reply_to
                    .offer(Rank::nth(0), mid().and_then(scalar::id));
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
        self.payload.offer(Rank::nth(0), payload);
        self.set_action(Action::Reaction {
            action: action.into_owned(),
        });
    }

    fn add_referral(&mut self, value: &'v Value) {
        let reference = match value {
            Value::Object(map) => ["ref", "sourceurl", "source", "type"]
                .iter()
                .find_map(|key| find(map, key).and_then(scalar::text)),
            _ => scalar::text(value),
        };
        self.has_referral |= reference.is_some() || value.is_object();
        self.payload.offer(Rank::nth(4), reference);
    }
}

fn inner_text<'v>(value: &'v Value, alias: &str) -> Option<Cow<'v, str>> {
    match value {
        Value::Object(map) => find(map, alias).and_then(scalar::text),
        _ => scalar::text(value),
    }
}

/// What a message answers: another message, or a story.
fn answered_id(value: &Value) -> Option<Cow<'_, str>> {
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
