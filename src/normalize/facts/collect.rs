//! Reads the keys of one object and of the objects inside that belong to it.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::words::{direction, word};
use super::{Facts, Place, Role};
use crate::normalize::fields::{self, Means, find};
use crate::normalize::findings::Origin;
use crate::normalize::{json_text, scalar};

/// Places within places are followed this far.
const MAX_DEPTH: usize = 6;
/// A handle among a person's variables counts less than their own.
const RANK_VARIABLE: u8 = 9;

impl<'v> Facts<'v> {
    /// What an item says.
    pub(in crate::normalize) fn of(map: &'v Map<String, Value>) -> Self {
        let mut facts = Self::default();
        facts.collect(map, Place::Root, 0);
        facts
    }

    /// Adds what an object at another place says.
    pub(in crate::normalize) fn add(&mut self, map: &'v Map<String, Value>, place: Place) {
        self.collect(map, place, 0);
    }

    fn collect(&mut self, map: &'v Map<String, Value>, place: Place, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        for (key, value) in map {
            if let Some(means) = fields::means(key) {
                if place.is_person() {
                    self.of_person(key, value, means, place);
                } else {
                    self.of_message(key, value, means, place, depth);
                }
            }
        }
    }

    /// Keys that mean the same under a person as anywhere.
    fn of_person(&mut self, key: &'v str, value: &'v Value, means: Means, place: Place) {
        match means {
            Means::Id => {
                let rank = fields::RANK_PERSON + (place as u8 - Place::From as u8);
                self.person(key, value, rank, place.role(), place);
            }
            Means::Customer(rank) => self.person(key, value, rank, place.role(), place),
            Means::Writer(rank) => self.person(key, value, rank, Role::Writer, place),
            Means::Handle(_)
            | Means::Name(_)
            | Means::WriterName
            | Means::FirstName
            | Means::LastName => self.name(value, means, place),
            Means::Variables => {
                let handle = value.as_object().and_then(|map| find(map, "username"));
                if let Some(handle) = handle {
                    self.name(handle, Means::Handle(RANK_VARIABLE), place);
                }
            }
            Means::Text(rank) | Means::Body(rank @ (0 | 2)) => {
                self.text(key, value, rank, place);
            }
            Means::MessageId => self.id.offer(0, Origin::id_of_owner(value)),
            Means::Mid => self.id.offer(2, Origin::id_of_meta(value)),
            Means::EventId => self.id.offer(4, Origin::id_of_owner(value)),
            Means::Time(rank) => self.times.push((place.rank(rank), value)),
            Means::InputType => self.input_type.offer(place.rank(0), word(value)),
            // A picture of a person is mostly their profile's.
            Means::Media("image") => {}
            Means::Media(_) | Means::Attachments => self.of_content(value, means, place),
            Means::Channel => self.channel(value, place),
            Means::CustomFields => {
                self.is_record = true;
                self.custom_fields = self.custom_fields.or(Some(value));
            }
            Means::ChatHistory => self.transcript(key, value),
            Means::DumpMark | Means::RecordMark => self.is_record = true,
            _ => {}
        }
    }

    fn of_message(
        &mut self,
        key: &'v str,
        value: &'v Value,
        means: Means,
        place: Place,
        depth: usize,
    ) {
        match means {
            Means::Customer(fields::RANK_CONTACT_ID) if place == Place::Data => {
                self.person(
                    key,
                    value,
                    fields::RANK_DATA_CONTACT_ID,
                    Role::Customer,
                    place,
                );
            }
            Means::Customer(rank) => self.person(key, value, rank, Role::Customer, place),
            Means::Writer(rank) => self.person(key, value, rank, Role::Writer, place),
            Means::Recipient => {
                let id = match value {
                    Value::Object(map) => find(map, "id").and_then(scalar::id),
                    _ => scalar::id(value),
                };
                self.recipient.offer(place.rank(0), id);
            }
            Means::Name(0) if place == Place::Message => {}
            Means::Handle(_)
            | Means::Name(_)
            | Means::WriterName
            | Means::FirstName
            | Means::LastName => self.name(value, means, place),
            Means::From => self.place(key, value, Place::From, place, depth),
            Means::Sender => self.place(key, value, Place::Sender, place, depth),
            Means::User => self.place(key, value, Place::User, place, depth),
            Means::Contact => self.place(key, value, Place::Contact, place, depth),
            Means::MessageId => self.id.offer(0, Origin::id_of_owner(value)),
            // Beside the text an owner typed it, perhaps as a constant; Meta's own stands inside the message.
            Means::Mid if place == Place::Root => self.id.offer(1, Origin::id_of_owner(value)),
            Means::Mid => self.id.offer(2, Origin::id_of_meta(value)),
            Means::EventId => self.id.offer(4, Origin::id_of_owner(value)),
            Means::Id => match place {
                Place::Message => self.id.offer(3, Origin::id_of_owner(value)),
                Place::Data => self.data_id.offer(0, scalar::id(value)),
                _ => self.top_id.offer(0, scalar::id(value)),
            },
            Means::Message => self.message(key, value, place, depth),
            Means::Body(rank) => match value {
                Value::Object(map) if rank != 3 || place != Place::Root => {
                    self.collect(map, Place::Message, depth + 1);
                }
                Value::Object(_) | Value::Array(_) => self.wrap(value, place),
                _ => self.text(key, value, rank, place),
            },
            Means::Text(rank) => self.text(key, value, rank, place),
            Means::Time(rank) => self.times.push((place.rank(rank), value)),
            Means::CreatedAt => self.created_at = self.created_at.or(Some(value)),
            Means::Channel => self.channel(value, place),
            Means::Direction | Means::Dir | Means::Title => {
                self.direction.offer(place.rank(0), direction(value, means));
            }
            Means::InputType => self.input_type.offer(place.rank(0), word(value)),
            Means::KindWord(rank) => self.kind_word.offer(place.rank(rank), word(value)),
            Means::Event => match value {
                Value::Object(_) | Value::Array(_) => self.wrap(value, place),
                _ => self.event.offer(place.rank(0), word(value)),
            },
            Means::Messages => self.lists.push(value),
            Means::Wrapper => self.wrap(value, place),
            Means::Payload if value.is_object() || value.is_array() => self.wrap(value, place),
            Means::ChatHistory => self.transcript(key, value),
            Means::CustomFields | Means::DumpMark => {
                self.is_dump = true;
                self.is_record = true;
                if means == Means::CustomFields {
                    self.custom_fields = self.custom_fields.or(Some(value));
                }
            }
            Means::RecordMark => self.is_record = true,
            _ => self.of_content(value, means, place),
        }
    }

    fn place(&mut self, key: &str, value: &'v Value, inner: Place, outer: Place, depth: usize) {
        match value {
            Value::Object(map) => self.collect(map, inner, depth + 1),
            _ if inner.role() == Role::Writer => {
                // A scalar `from` comes before a scalar `sender`.
                let place = if inner == Place::From { outer } else { inner };
                self.person(key, value, fields::RANK_FROM, Role::Writer, place);
            }
            _ => {}
        }
    }

    fn message(&mut self, key: &str, value: &'v Value, place: Place, depth: usize) {
        match value {
            Value::Object(map) => self.collect(map, Place::Message, depth + 1),
            Value::Array(_) => self.message_list = Some(Cow::Borrowed(value)),
            Value::String(text) if text.trim_start().starts_with('[') => {
                match json_text::in_string(text) {
                    Some(list) if is_list_of_objects(&list) => {
                        self.message_list = Some(Cow::Owned(list));
                    }
                    _ => self.text(key, value, 1, place),
                }
            }
            _ => self.text(key, value, 1, place),
        }
    }
}

/// A list that holds messages: not empty, and objects only.
fn is_list_of_objects(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_object))
}
