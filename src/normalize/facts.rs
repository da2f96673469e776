//! Collects what the keys of one object say, wherever among the known places they stand.
//!
//! One pass over the keys; which of two candidates wins is told by rank, never by the order of the body.

use std::borrow::Cow;

use serde_json::Value;

use super::fields::{self, Means};
use super::findings::{Act, Origin, Unfilled};
use super::scalar;
use crate::message::{Attachment, Channel, Direction};

pub(super) use candidate::{Best, Candidate, Names, Place, Role};
pub(super) use words::channel;

mod candidate;
mod collect;
mod content;
mod words;

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
    /// Whether anything in it was written, sent or done.
    pub(super) fn has_content(&self) -> bool {
        self.text.get().is_some()
            || !self.attachments.is_empty()
            || self.act.is_some()
            || self.has_referral
            || self.action.get().is_some()
            || self.payload.get().is_some()
    }

    /// Whether a person is named in it.
    pub(super) fn has_person(&self) -> bool {
        !self.people.is_empty() || (self.is_dump && self.top_id.get().is_some())
    }

    /// The id of the message, or of the frame around it.
    pub(super) fn message_id(&self) -> Option<(String, Origin)> {
        let top = || {
            let data = self.data_id.get().filter(|_| self.event.get().is_none());
            let id = self.top_id.get().filter(|_| !self.is_dump).or(data)?;
            Some((id.clone().into_owned(), Origin::Owner))
        };
        self.id
            .get()
            .map(|(id, origin)| (id.clone().into_owned(), *origin))
            .or_else(top)
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
