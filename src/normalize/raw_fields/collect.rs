//! Reads the keys of an item, and of the objects inside it that are part of it.

use serde_json::{Map, Value};

use super::words::{direction, direction_of_event, direction_of_writer, is_platform_event, word};
use super::{Container, Rank, RawFields, Role};
use crate::normalize::extracted::Origin;
use crate::normalize::fields::{self, KnownField, find};
use crate::normalize::{json_text, scalar};

/// Containers inside containers are followed this far.
const MAX_DEPTH: usize = 6;
/// A handle among a person's variables counts less than their own.
const RANK_VARIABLE: u8 = 9;

impl<'v> RawFields<'v> {
    /// What the keys of an item say.
    pub(in crate::normalize) fn of_item(map: &'v Map<String, Value>) -> Self {
        let mut raw = Self::default();
        raw.add_object(map, Container::Root);
        raw
    }

    /// Adds what the keys of another object of the same item say.
    pub(in crate::normalize) fn add_object(&mut self, map: &'v Map<String, Value>, at: Container) {
        self.has_wrapped_words = false;
        self.add_keys(map, at, 0);
    }

    fn add_keys(&mut self, map: &'v Map<String, Value>, at: Container, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        for (key, value) in map {
            if let Some(field) = fields::known_field(key) {
                self.add_key(key, value, field, at, depth);
            } else if key == json_text::REPEATED {
                let known = |key: &&str| fields::known_field(key).is_some();
                self.repeated = self.repeated.or(value.as_str().filter(known));
            }
        }
    }

    /// A key that means the same in every container; the others are read by container.
    fn add_key(
        &mut self,
        key: &'v str,
        value: &'v Value,
        field: KnownField,
        at: Container,
        depth: usize,
    ) {
        match field {
            KnownField::Customer(alias) => {
                let in_data = alias == fields::RANK_CONTACT_ID && at == Container::Data;
                let alias = if in_data {
                    fields::RANK_DATA_CONTACT_ID
                } else {
                    alias
                };
                self.add_person(key, value, alias, at.role(), at);
            }
            KnownField::Writer(alias) => self.add_person(key, value, alias, Role::Writer, at),
            KnownField::Name(0) if at == Container::Message => {}
            KnownField::Handle(_)
            | KnownField::Name(_)
            | KnownField::WriterName
            | KnownField::FirstName
            | KnownField::LastName => self.add_name(value, field, at),
            KnownField::MessageId => self.id.offer(Rank::nth(0), Origin::id_of_owner(value)),
            // Next to the text an owner typed it, perhaps as a constant; Meta's own is inside the message.
            KnownField::Mid if at == Container::Root => {
                self.id.offer(Rank::nth(1), Origin::id_of_owner(value));
            }
            KnownField::Mid => self.id.offer(Rank::nth(2), Origin::id_of_meta(value)),
            KnownField::EventId => self.id.offer(Rank::nth(4), Origin::id_of_owner(value)),
            KnownField::Time(alias) => self.times.push((Rank::by_alias(alias, at), value)),
            KnownField::InputType => {
                self.input_type.offer(Rank::by_alias(0, at), word(value));
            }
            KnownField::Channel => self.add_channel(value, at),
            KnownField::ChatHistory => self.add_transcript(key, value),
            KnownField::RecordMark => self.is_record = true,
            KnownField::WriterType => self.add_writer_type(value, Rank::by_alias(0, at)),
            KnownField::KindWord(0) if at == Container::Sender => {
                self.add_writer_type(value, Rank::by_alias(1, at));
            }
            _ if at.is_person() => self.add_person_key(key, value, field, at),
            _ => self.add_message_key(key, value, field, at, depth),
        }
    }

    /// A key inside an object that describes a person.
    fn add_person_key(&mut self, key: &'v str, value: &'v Value, field: KnownField, at: Container) {
        match field {
            KnownField::Id => {
                let alias = fields::RANK_PERSON + (at as u8 - Container::From as u8);
                self.add_person(key, value, alias, at.role(), at);
            }
            KnownField::Variables => {
                let handle = value.as_object().and_then(|map| find(map, "username"));
                if let Some(handle) = handle {
                    self.add_name(handle, KnownField::Handle(RANK_VARIABLE), at);
                }
            }
            KnownField::Text(alias) | KnownField::Body(alias @ (0 | 2)) => {
                self.add_text(key, value, alias, at);
            }
            // A person's picture is mostly that of their profile.
            KnownField::Media("image") => {}
            KnownField::Media(_) | KnownField::Attachments => self.add_content(value, field, at),
            KnownField::CustomFields => {
                self.is_record = true;
                self.custom_fields = self.custom_fields.or(Some(value));
                self.has_words = true;
            }
            KnownField::DumpMark => self.is_record = true,
            _ => {}
        }
    }

    /// A key of the item, or of its `message` or `data`.
    fn add_message_key(
        &mut self,
        key: &'v str,
        value: &'v Value,
        field: KnownField,
        at: Container,
        depth: usize,
    ) {
        match field {
            KnownField::Recipient => {
                let id = match value {
                    Value::Object(map) => find(map, "id").and_then(scalar::id),
                    _ => scalar::id(value),
                };
                self.recipient.offer(Rank::by_alias(0, at), id);
            }
            KnownField::From => self.add_author(key, value, Container::From, at, depth),
            KnownField::Sender => {
                self.add_author(key, value, Container::Sender, Container::Sender, depth);
            }
            KnownField::User => self.add_customer(value, Container::User, depth),
            KnownField::Contact => self.add_customer(value, Container::Contact, depth),
            KnownField::Id => match at {
                Container::Message => self.id.offer(Rank::nth(3), Origin::id_of_owner(value)),
                Container::Data => self.data_id.offer(Rank::nth(0), scalar::id(value)),
                _ => {
                    self.is_top_id_behind_words |= self.is_behind_words();
                    self.top_id.offer(Rank::nth(0), scalar::id(value));
                }
            },
            KnownField::Message => self.add_message(key, value, at, depth),
            KnownField::Body(alias) => match value {
                Value::Object(map) if alias != 3 || at != Container::Root => {
                    self.add_keys(map, Container::Message, depth + 1);
                }
                Value::Object(_) | Value::Array(_) => self.add_wrapper(value),
                _ => self.add_text(key, value, alias, at),
            },
            KnownField::Text(alias) => self.add_text(key, value, alias, at),
            KnownField::CreatedAt => self.created_at = self.created_at.or(Some(value)),
            KnownField::Direction | KnownField::Dir | KnownField::Title => {
                let direction = direction(value, field);
                self.add_mark(direction);
                self.direction.offer(Rank::by_alias(0, at), direction);
            }
            KnownField::KindWord(alias) => {
                let word = self.add_event_word(value);
                self.kind_word.offer(Rank::by_alias(alias, at), word);
            }
            KnownField::Event => match value {
                Value::Object(_) | Value::Array(_) => self.add_wrapper(value),
                _ => {
                    let word = self.add_event_word(value);
                    self.event.offer(Rank::by_alias(0, at), word);
                }
            },
            KnownField::Messages => {
                self.lists.push(value);
                self.is_list_behind_words |= self.is_behind_words();
            }
            KnownField::Wrapper => self.add_wrapper(value),
            KnownField::Payload if value.is_object() || value.is_array() => {
                self.add_wrapper(value);
            }
            KnownField::CustomFields => {
                self.add_dump_mark();
                self.custom_fields = self.custom_fields.or(Some(value));
                self.has_words = true;
            }
            KnownField::DumpMark => self.add_dump_mark(),
            _ => self.add_content(value, field, at),
        }
    }

    fn add_dump_mark(&mut self) {
        self.add_record_mark();
        self.is_dump = true;
        self.is_record = true;
    }

    /// A word that may be the name of an event.
    fn add_event_word(&mut self, value: &Value) -> Option<String> {
        let word = word(value);
        self.add_mark(word.as_deref().and_then(direction_of_event));
        self.is_platform_event |=
            !self.is_behind_words() && word.as_deref().is_some_and(is_platform_event);
        word
    }

    fn add_writer_type(&mut self, value: &Value, rank: Rank) {
        let direction = direction_of_writer(value);
        self.add_mark(direction);
        self.writer_direction.offer(rank, direction);
    }

    /// `from` or `sender`: an object, or an id that counts as found in `id_at`. So a scalar `from` comes before
    /// a scalar `sender`.
    fn add_author(
        &mut self,
        key: &str,
        value: &'v Value,
        at: Container,
        id_at: Container,
        depth: usize,
    ) {
        match value {
            Value::Object(map) => self.add_keys(map, at, depth + 1),
            _ => self.add_person(key, value, fields::RANK_FROM, Role::Writer, id_at),
        }
    }

    fn add_customer(&mut self, value: &'v Value, at: Container, depth: usize) {
        if let Value::Object(map) = value {
            self.add_keys(map, at, depth + 1);
        }
    }

    fn add_message(&mut self, key: &str, value: &'v Value, at: Container, depth: usize) {
        match value {
            Value::Object(map) => self.add_keys(map, Container::Message, depth + 1),
            Value::Array(_) => {
                self.is_list_behind_words |= self.is_behind_words();
                self.message_list = Some(value);
            }
            _ => self.add_text(key, value, 1, at),
        }
    }
}
