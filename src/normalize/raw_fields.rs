//! What the keys of one object say, in all the containers an item may have.
//!
//! Filled in one pass over the keys. Of two candidates the better rank wins, never the order of the body.

use std::borrow::Cow;

use serde_json::Value;

use super::extracted::{Action, Origin, Unfilled};
use super::fields::{self, KnownField};
use super::scalar;
use crate::message::{Attachment, Channel, Direction};

pub(super) use rank::{Best, Container, Names, Rank, RankedId, Role};
pub(super) use words::{channel, direction_of_event};

mod collect;
mod content;
mod rank;
mod words;

/// The rank of a name that the author of the message has under a key of its own.
const RANK_WRITER_NAME: u8 = 10;

/// Where the marks of an outbound message stand.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct OutboundMarks {
    pub(super) before_words: bool,
    pub(super) behind_words: bool,
}

/// What the keys of one object say.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is the presence of a key, and every combination occurs"
)]
pub(super) struct RawFields<'v> {
    pub(super) people: Vec<RankedId<'v>>,
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
    /// The name of a flow's button.
    pub(super) button: Best<Cow<'v, str>>,
    pub(super) reply_to: Best<Cow<'v, str>>,
    pub(super) action: Option<Action>,
    pub(super) has_referral: bool,
    pub(super) is_unsupported: bool,
    pub(super) id: Best<(Cow<'v, str>, Origin)>,
    /// The top-level `id`: the message's, or in a contact dump the contact's.
    pub(super) top_id: Best<Cow<'v, str>>,
    /// An `id` inside `data`: never the message's if `data` is an event's.
    pub(super) data_id: Best<Cow<'v, str>>,
    pub(super) times: Vec<(Rank, &'v Value)>,
    pub(super) created_at: Option<&'v Value>,
    pub(super) channel: Best<Channel>,
    pub(super) direction: Best<Direction>,
    /// Who wrote, by what the author is.
    pub(super) writer_direction: Best<Direction>,
    /// The text has a name that only a contact's record has.
    pub(super) has_last_text: bool,
    pub(super) input_type: Best<String>,
    pub(super) kind_word: Best<String>,
    pub(super) event: Best<String>,
    pub(super) is_dump: bool,
    pub(super) is_record: bool,
    /// Something that a customer typed has been read: a text, a name or a handle. What is read from now on, they could
    /// have typed.
    pub(super) has_words: bool,
    /// The same in a wrapper, which is read later or apart: what stands behind it could be typed as well.
    has_wrapped_words: bool,
    /// The top-level `id`, or what makes it the contact's, stands behind such words.
    pub(super) is_top_id_behind_words: bool,
    /// What says that the business wrote it stands before any such words, or behind them.
    pub(super) outbound_marks: OutboundMarks,
    /// Messages inside this object stand behind such words.
    pub(super) is_list_behind_words: bool,
    /// The name of an event stands before any such words, which only a platform itself sends.
    pub(super) is_platform_event: bool,
    /// A known key that came twice with different values.
    pub(super) repeated: Option<&'v str>,
    pub(super) history: Option<&'v Value>,
    pub(super) custom_fields: Option<&'v Value>,
    /// `message` as a list of messages.
    pub(super) message_list: Option<&'v Value>,
    /// The values under `messages`.
    pub(super) lists: Vec<&'v Value>,
    /// The values under `data` and its like.
    pub(super) wrappers: Vec<&'v Value>,
}

impl<'v> RawFields<'v> {
    /// Whether anything in it was written, sent or done.
    pub(super) fn has_content(&self) -> bool {
        self.text.get().is_some()
            || !self.attachments.is_empty()
            || self.action.is_some()
            || self.has_referral
            || self.button.get().is_some()
            || self.payload.get().is_some()
    }

    /// Whether it names a person.
    pub(super) fn has_person(&self) -> bool {
        !self.people.is_empty() || (self.has_contact_id() && self.top_id.get().is_some())
    }

    /// Whether its own `id` is the contact's and not the message's: in a contact dump, and beside a text that only a
    /// contact's record has, if nobody else is named.
    pub(super) fn has_contact_id(&self) -> bool {
        let names_nobody = self.people.is_empty() && self.recipient.get().is_none();
        self.is_dump || self.has_last_text && names_nobody
    }

    /// Who wrote: what says so itself, then what the author is, then the name of the event.
    pub(super) fn own_direction(&self) -> Option<Direction> {
        let said = self.direction.get().or(self.writer_direction.get());
        said.copied().or_else(|| self.event_direction())
    }

    /// Who wrote, by the name of the event. In such an event a `user_id` is one of the business's own.
    pub(super) fn event_direction(&self) -> Option<Direction> {
        let words = [self.event.get(), self.kind_word.get()];
        let mut words = words.into_iter().flatten();
        words.find_map(|word| direction_of_event(word))
    }

    /// The id of the message, or of the frame around it.
    pub(super) fn message_id(&self) -> Option<(String, Origin)> {
        let top = || {
            let data = self.data_id.get().filter(|_| self.event.get().is_none());
            let id = self
                .top_id
                .get()
                .filter(|_| !self.has_contact_id())
                .or(data)?;
            Some((id.clone().into_owned(), Origin::Owner))
        };
        self.id
            .get()
            .map(|(id, origin)| (id.clone().into_owned(), *origin))
            .or_else(top)
    }

    /// Whether a customer could have typed what is read now.
    fn is_behind_words(&self) -> bool {
        self.has_words || self.has_wrapped_words
    }

    fn add_person(&mut self, key: &str, value: &'v Value, alias: u8, role: Role, at: Container) {
        if let Some(id) = scalar::id(value) {
            let rank = Rank::by_alias(alias, at);
            self.people.push(RankedId {
                rank,
                role,
                id,
                is_behind_words: self.is_behind_words(),
            });
        } else if self.unfilled_person.is_none() {
            self.unfilled_person = unfilled(key, value);
        }
    }

    fn add_name(&mut self, value: &'v Value, field: KnownField, at: Container) {
        let names = match (field, at.role()) {
            (KnownField::WriterName, _) | (_, Role::Writer) => &mut self.writer,
            _ => &mut self.customer,
        };
        let (slot, alias) = match field {
            KnownField::Handle(alias) => (&mut names.handle, alias),
            KnownField::FirstName => (&mut names.first, 0),
            KnownField::LastName => (&mut names.last, 0),
            KnownField::Name(alias) => (&mut names.name, alias),
            _ => (&mut names.name, RANK_WRITER_NAME),
        };
        slot.offer(Rank::by_alias(alias, at), scalar::label(value));
        self.has_words |= scalar::scalar(value).is_some();
    }

    /// Notes a mark of who wrote.
    fn add_mark(&mut self, direction: Option<Direction>) {
        if direction == Some(Direction::Outbound) {
            self.outbound_marks.before_words |= !self.is_behind_words();
            self.outbound_marks.behind_words |= self.is_behind_words();
        }
    }

    /// The text keys of the original system come before all others, in any at; of those the nearest wins.
    fn add_text(&mut self, key: &str, value: &'v Value, alias: u8, at: Container) {
        self.has_text_key = true;
        if fields::LAST_TEXTS.contains(&alias) {
            self.add_record_mark();
            self.has_last_text = true;
        }
        if self.unfilled_text.is_none() {
            self.unfilled_text = unfilled(key, value);
        }
        let tier = u8::from(alias >= fields::ORIGINAL_TEXTS);
        let rank = Rank::by_container(tier, at, alias);
        // An empty text too: a customer's words can begin with the quote that ends it.
        self.has_words |= scalar::scalar(value).is_some();
        self.text.offer(rank, scalar::text(value));
    }

    /// Notes that something is about to make the top-level `id` the contact's.
    fn add_record_mark(&mut self) {
        self.is_top_id_behind_words |=
            self.is_behind_words() && !self.is_dump && !self.has_last_text;
    }

    fn add_transcript(&mut self, key: &str, value: &'v Value) {
        self.history = self.history.or(Some(value));
        self.is_list_behind_words |= self.is_behind_words();
        self.has_words |= !value.is_null();
        self.unfilled_text = self.unfilled_text.take().or_else(|| unfilled(key, value));
    }

    fn add_channel(&mut self, value: &Value, at: Container) {
        self.channel.offer(Rank::by_alias(0, at), channel(value));
    }

    fn add_wrapper(&mut self, value: &'v Value) {
        if value.is_object() || value.is_array() {
            self.wrappers.push(value);
            self.is_list_behind_words |= self.is_behind_words();
            self.has_wrapped_words |= holds_words(value, 0);
        }
    }
}

/// Whether something that a customer typed stands anywhere in a wrapper.
fn holds_words(value: &Value, depth: usize) -> bool {
    const MAX_LOOK: usize = 8;
    let holds = |value: &Value| depth < MAX_LOOK && holds_words(value, depth + 1);
    match value {
        Value::Object(map) => map.iter().any(|(key, value)| {
            let is_typed = fields::known_field(key).is_some_and(KnownField::is_typed);
            is_typed && scalar::scalar(value).is_some() || holds(value)
        }),
        Value::Array(list) => list.iter().any(holds),
        _ => false,
    }
}

fn unfilled(key: &str, value: &Value) -> Option<Unfilled> {
    let placeholder = scalar::placeholder(value.as_str()?)?;
    Some(Unfilled {
        key: scalar::shown(key),
        placeholder: scalar::shown(placeholder),
    })
}
