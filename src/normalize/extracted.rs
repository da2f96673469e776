//! What was extracted for one item, from a body of any shape, before the table of outcomes is applied to it.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use super::scalar;
use crate::message::{Attachment, Channel, Direction, SentAtSource, Shape};

/// Who made a message's id, and so how far it can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Meta: unique.
    Meta,
    /// The owner of the flow, who may have typed a constant.
    Owner,
}

impl Origin {
    /// The id in a value, as Meta's.
    pub(super) fn id_of_meta(value: &Value) -> Option<(Cow<'_, str>, Self)> {
        scalar::id(value).map(|id| (id, Self::Meta))
    }

    /// The id in a value, as the owner's.
    pub(super) fn id_of_owner(value: &Value) -> Option<(Cow<'_, str>, Self)> {
        scalar::id(value).map(|id| (id, Self::Owner))
    }
}

/// What somebody did, when it is more than writing. In the order in which kinds are tried: `docs/chatrace.md`,
/// section 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Took a message back.
    Deletion,
    /// Reacted to a message.
    Reaction {
        /// `react` or `unreact`.
        action: String,
    },
    /// Changed a message.
    Edit {
        /// How often it was changed by now.
        number: Option<String>,
    },
    /// Pressed a button.
    Postback,
    /// Wrote under a post.
    Comment,
    /// Came by a link.
    Referral,
    /// Sent something that Meta cannot show.
    Unsupported,
    /// Nobody wrote anything; the platform reports this.
    SystemEvent(&'static str),
}

impl Action {
    /// The place in the order of kinds; the smaller comes first.
    pub(super) fn precedence(&self) -> u8 {
        match self {
            Self::Deletion => 0,
            Self::Reaction { .. } => 1,
            Self::Edit { .. } => 2,
            Self::Postback => 3,
            Self::Comment => 4,
            Self::Referral => 5,
            Self::Unsupported => 6,
            Self::SystemEvent(_) => 7,
        }
    }
}

/// A placeholder that was not filled, with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unfilled {
    /// The key as the body spells it.
    pub(super) key: String,
    /// The placeholder, with its braces.
    pub(super) placeholder: String,
}

/// Why nobody can tell whose words these are: what a customer typed could have made this body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doubt {
    /// This known key came twice with different values.
    Repeated(String),
    /// The id of another person stands behind what the customer typed.
    Person,
    /// That the business wrote it is said only behind what the customer typed.
    Outbound,
}

impl fmt::Display for Doubt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeated(key) => write!(
                formatter,
                "`{}` stands twice, with different values",
                scalar::shown(key)
            ),
            Self::Person => formatter.write_str(
                "the id of a person stands behind a text or name, and another id is there as well",
            ),
            Self::Outbound => formatter
                .write_str("only behind a text or name does it say that the business wrote this"),
        }
    }
}

/// What the delivery itself says, around its body.
#[derive(Debug)]
pub(super) struct Context {
    /// When it arrived.
    pub(super) arrival: Timestamp,
    /// The contact in the header `X-USER-ID`: the last fallback for the sender of a flat body or a transcript.
    pub(super) header_contact: Option<String>,
    /// Whether the body had to be repaired.
    pub(super) recovered: bool,
    /// Whether the body is known to have the form that its owner typed, so that no customer can have changed it.
    pub(super) is_known_form: bool,
}

/// What an item inherits from the objects around it: who, where and when, but never what.
#[derive(Debug, Clone, Default)]
pub(super) struct Inherited {
    pub(super) parties: Parties,
    pub(super) channel: Option<Channel>,
    pub(super) direction: Option<Direction>,
    pub(super) time: Option<(Timestamp, SentAtSource)>,
    pub(super) id: Option<(String, Origin)>,
    pub(super) is_event: bool,
    pub(super) unfilled_person: Option<Unfilled>,
    /// These items stand behind something that a customer typed.
    pub(super) is_behind_words: bool,
    pub(super) doubt: Option<Doubt>,
}

/// Everything that was extracted for one item.
#[derive(Debug, Clone)]
pub(super) struct Extracted {
    pub(super) shape: Shape,
    pub(super) channel: Channel,
    pub(super) direction: Direction,
    pub(super) parties: Parties,
    pub(super) text: Option<String>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) payload: Option<String>,
    pub(super) reply_to: Option<String>,
    pub(super) action: Option<Action>,
    pub(super) id: Option<(String, Origin)>,
    /// The body's own time, if it can be believed.
    pub(super) time: Option<(Timestamp, SentAtSource)>,
    /// A finer time for telling messages apart, where `time` is only exact to the minute.
    pub(super) fine_time: Option<Timestamp>,
    /// A contact's record.
    pub(super) is_record: bool,
    /// An event of a CRM, or a conversion.
    pub(super) is_event: bool,
    /// A text key whose value is a literal placeholder.
    pub(super) unfilled_text: Option<Unfilled>,
    /// The same for the key of a person.
    pub(super) unfilled_person: Option<Unfilled>,
    pub(super) doubt: Option<Doubt>,
}

/// The customer and the business, and what the body says about the customer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parties {
    pub(super) contact: Option<String>,
    pub(super) business: Option<String>,
    pub(super) aliases: Vec<String>,
    pub(super) username: Option<String>,
    pub(super) display_name: Option<String>,
}

impl Extracted {
    /// Takes the contact from the header if the body names nobody.
    pub(super) fn or_header_contact(mut self, context: &Context) -> Self {
        if self.parties.contact.is_none() {
            self.parties.contact.clone_from(&context.header_contact);
        }
        self
    }

    /// Whether the customer or the business wrote, sent or did something.
    pub(super) fn has_content(&self) -> bool {
        self.text.is_some()
            || !self.attachments.is_empty()
            || matches!(
                self.action,
                Some(
                    Action::Deletion
                        | Action::Reaction { .. }
                        | Action::Referral
                        | Action::Unsupported
                )
            )
            || (self.action == Some(Action::Postback) && self.payload.is_some())
    }
}
