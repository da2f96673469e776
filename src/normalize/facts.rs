//! Collects what the keys of one object say, wherever among the known places they stand.
//!
//! One pass over the keys; which of two candidates wins is told by rank, never by the order of the body.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::fields::{self, Means};
use super::findings::{Act, Origin, Unfilled};
use super::{scalar, tree};
use crate::message::{Attachment, Channel, Direction};

pub(super) use candidate::{Best, Candidate, Names, Place, Role};
pub(super) use words::channel;
use words::{direction, word};

mod candidate;
mod content;
mod words;

/// Places within places are followed this far.
const MAX_DEPTH: usize = 6;
/// A handle among a person's variables counts less than their own.
const RANK_VARIABLE: u8 = 9;
/// A reason shows no longer key or placeholder.
const MAX_SHOWN: usize = 80;

/// What the keys of one object say.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is the presence of a key, and every combination occurs"
)]
pub(super) struct Facts<'v> {
    pub(super) people: Vec<Candidate<'v>>,
    pub(super) recipient: Best<Cow<'v, str>>,
    pub(super) customer: Names<'v>,
    pub(super) writer: Names<'v>,
    pub(super) text: Best<Cow<'v, str>>,
    pub(super) has_text_key: bool,
    pub(super) unfilled_text: Option<Unfilled>,
    pub(super) unfilled_person: Option<Unfilled>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) url: Best<Cow<'v, str>>,
    pub(super) mime: Best<Cow<'v, str>>,
    pub(super) payload: Best<Cow<'v, str>>,
    pub(super) action: Best<Cow<'v, str>>,
    pub(super) reply_to: Best<Cow<'v, str>>,
    pub(super) act: Option<Act>,
    pub(super) has_referral: bool,
    pub(super) is_unsupported: bool,
    pub(super) id: Best<(Cow<'v, str>, Origin)>,
    /// The top-level `id`: the message's, or in a contact dump the contact's.
    pub(super) top_id: Best<Cow<'v, str>>,
    /// An `id` inside `data`: never the message's if `data` is an event's.
    pub(super) data_id: Best<Cow<'v, str>>,
    pub(super) times: Vec<(u16, &'v Value)>,
    pub(super) created_at: Option<&'v Value>,
    pub(super) channel: Best<Channel>,
    pub(super) direction: Best<Direction>,
    pub(super) input_type: Best<String>,
    pub(super) kind_word: Best<String>,
    pub(super) event: Best<String>,
    pub(super) is_dump: bool,
    pub(super) is_record: bool,
    pub(super) history: Option<&'v Value>,
    pub(super) custom_fields: Option<&'v Value>,
    /// `message` as a list of messages, perhaps as JSON inside a string.
    pub(super) message_list: Option<Cow<'v, Value>>,
    /// What stands under `messages`.
    pub(super) lists: Vec<&'v Value>,
    /// What stands under `data` and its like.
    pub(super) wrappers: Vec<&'v Value>,
}

impl<'v> Facts<'v> {
    /// What an item says.
    pub(super) fn of(map: &'v Map<String, Value>) -> Self {
        let mut facts = Self::default();
        facts.collect(map, Place::Root, 0);
        facts
    }

    /// Adds what an object at another place says.
    pub(super) fn add(&mut self, map: &'v Map<String, Value>, place: Place) {
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
            Means::MessageId => self.id.offer(0, owner(value)),
            Means::Mid => self.id.offer(2, meta(value)),
            Means::EventId => self.id.offer(4, owner(value)),
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
            Means::MessageId => self.id.offer(0, owner(value)),
            // Beside the text an owner typed it, perhaps as a constant; Meta's own stands inside the message.
            Means::Mid if place == Place::Root => self.id.offer(1, owner(value)),
            Means::Mid => self.id.offer(2, meta(value)),
            Means::EventId => self.id.offer(4, owner(value)),
            Means::Id => match place {
                Place::Message => self.id.offer(3, owner(value)),
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

    fn person(&mut self, key: &str, value: &'v Value, rank: u8, role: Role, place: Place) {
        if let Some(id) = scalar::id(value) {
            let rank = place.rank(rank);
            self.people.push(Candidate { rank, role, id });
        } else if self.unfilled_person.is_none() {
            self.unfilled_person = unfilled(key, value);
        }
    }

    fn name(&mut self, value: &'v Value, means: Means, place: Place) {
        let names = match (means, place.role()) {
            (Means::WriterName, _) | (_, Role::Writer) => &mut self.writer,
            _ => &mut self.customer,
        };
        let (slot, rank) = match means {
            Means::Handle(rank) => (&mut names.handle, rank),
            Means::FirstName => (&mut names.first, 0),
            Means::LastName => (&mut names.last, 0),
            Means::Name(rank) => (&mut names.name, rank),
            _ => (&mut names.name, 10),
        };
        slot.offer(place.rank(rank), scalar::label(value));
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
                match tree::in_string(text) {
                    Some(list) if is_list_of_objects(&list) => {
                        self.message_list = Some(Cow::Owned(list));
                    }
                    _ => self.text(key, value, 1, place),
                }
            }
            _ => self.text(key, value, 1, place),
        }
    }

    /// Texts of the original system come before all others, wherever they stand; of those the nearest wins.
    fn text(&mut self, key: &str, value: &'v Value, rank: u8, place: Place) {
        self.has_text_key = true;
        if self.unfilled_text.is_none() {
            self.unfilled_text = unfilled(key, value);
        }
        let tier = if rank < fields::ORIGINAL_TEXTS {
            0
        } else {
            1 << 8
        };
        self.text.offer(
            tier + place as u16 * 16 + u16::from(rank),
            scalar::text(value),
        );
    }

    fn transcript(&mut self, key: &str, value: &'v Value) {
        self.history = self.history.or(Some(value));
        self.unfilled_text = self.unfilled_text.take().or_else(|| unfilled(key, value));
    }

    fn channel(&mut self, value: &Value, place: Place) {
        self.channel.offer(place as u16, channel(value));
    }

    fn wrap(&mut self, value: &'v Value, place: Place) {
        if !place.is_person() && (value.is_object() || value.is_array() || value.is_string()) {
            self.wrappers.push(value);
        }
    }
}

/// The value under an alias, given folded.
pub(super) fn find<'v>(map: &'v Map<String, Value>, alias: &str) -> Option<&'v Value> {
    map.get(alias).or_else(|| {
        map.iter()
            .find_map(|(key, value)| fields::is(key, alias).then_some(value))
    })
}

/// A list that holds messages: not empty, and objects only.
pub(super) fn is_list_of_objects(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_object))
}

fn owner(value: &Value) -> Option<(Cow<'_, str>, Origin)> {
    scalar::id(value).map(|id| (id, Origin::Owner))
}

fn meta(value: &Value) -> Option<(Cow<'_, str>, Origin)> {
    scalar::id(value).map(|id| (id, Origin::Meta))
}

fn unfilled(key: &str, value: &Value) -> Option<Unfilled> {
    let placeholder = scalar::placeholder(value.as_str()?)?;
    // Reasons are logged: whatever stands in the braces must not begin a line of its own.
    let shown = |text: &str| -> String {
        let printable = |sign: char| match sign {
            '"' | '\'' | '\\' => sign.to_string(),
            sign => sign.escape_debug().to_string(),
        };
        text.chars().take(MAX_SHOWN).map(printable).collect()
    };
    Some(Unfilled {
        key: shown(key),
        placeholder: shown(placeholder),
    })
}
