//! One HTTP request at the webhook, and what became of it.
//!
//! Domain types only: no I/O, no SQL, no HTTP.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::message::{Contact, Draft, Shape};
use crate::named::impl_named;

/// The path of the webhook.
pub const WEBHOOK_PATH: &str = "/instagram/webhook";

/// One HTTP request that the webhook accepted, exactly as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Made on arrival (`UUIDv7`); the idempotency key of everything that keeps it.
    pub id: Uuid,
    /// When its last byte had arrived.
    pub received_at: Timestamp,
    /// The HTTP method, upper-case.
    pub method: String,
    /// The `Content-Type` header, as it came.
    pub content_type: Option<String>,
    /// The headers worth keeping, lower-case names, never a credential.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body, still compressed if they came so. Without a body: the query string, without the
    /// parameters that authenticate.
    pub body: Bytes,
    /// Whether `body` is a query string rather than a request body.
    pub is_query: bool,
}

impl Delivery {
    /// A POST of this body, for unit tests.
    #[cfg(test)]
    pub(crate) fn example(body: impl Into<Bytes>) -> Self {
        Self {
            id: Uuid::nil(),
            received_at: "2026-07-09T15:00:00Z".parse().unwrap(),
            method: "POST".to_owned(),
            content_type: None,
            headers: Vec::new(),
            body: body.into(),
            is_query: false,
        }
    }

    /// Whether body and headers were erased because of a person in them: no delivery arrives without a body.
    pub fn is_erased(&self) -> bool {
        self.body.is_empty()
    }

    /// How many bytes it takes, with its body and headers.
    pub(crate) fn size(&self) -> usize {
        let content_type = self.content_type.as_ref().map_or(0, String::len);
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| name.len() + value.len());
        size_of::<Self>()
            + size_of_val(&self.headers[..])
            + headers.sum::<usize>()
            + self.method.len()
            + content_type
            + self.body.len()
    }

    /// The value of a kept header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(kept, _)| kept == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What became of a delivery or of one item of it, best first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// A new message was stored.
    Stored,
    /// The message was stored before.
    Duplicate,
    /// Not understood: kept raw, with a reason.
    Quarantined,
    /// Understood, with nothing to keep.
    Ignored,
    /// Kept on this machine's disk until the database is back.
    Spooled,
}

/// Why an item is not stored: a stable word for counting, beside the sentence for people.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ReasonCode {
    /// Contact data without a message.
    ContactOnly,
    /// Read receipts, typing, insights, bare mentions: nothing a customer wrote.
    NotAMessage,
    /// A CRM or conversion event without content.
    BusinessEvent,
    /// A part of a transcript that is not a message of its own.
    Transcript,
    /// A `{{placeholder}}` arrived instead of its value.
    UnfilledPlaceholder,
    /// A person, but nothing they wrote or did.
    NoContent,
    /// Content, but nobody who wrote it.
    NoSender,
    /// Meta's `message_edit` without sender or text.
    EditWithoutContent,
    /// It can be read in two ways, or a customer could have made it by what they typed.
    Ambiguous,
    /// Neither a person nor content.
    NothingUnderstood,
    /// The body is neither JSON nor a form, and could not be repaired.
    Unreadable,
    /// The database refused this item's data.
    RefusedByDatabase,
    /// The person it is about was erased, or another one in the same body.
    Erased,
    /// Reading the body again put its content into the other items.
    Superseded,
}

impl_named!(Outcome, ReasonCode);

/// Why an item is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// For counting.
    pub code: ReasonCode,
    /// For people: one sentence. Never holds a value of the body except a placeholder's own name.
    pub text: String,
}

impl Reason {
    /// A reason with its sentence.
    pub fn new(code: ReasonCode, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }
}

/// One thing in a delivery, as the normalizer reads it. A batch has many, each classified alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// To be stored, unless it was stored before.
    Message(Box<Draft>),
    /// Understood, with nothing to keep except perhaps the contact.
    Ignored {
        /// Why.
        reason: Reason,
        /// The person it is about.
        contact: Option<Box<Contact>>,
    },
    /// Not understood.
    Quarantined {
        /// Why.
        reason: Reason,
        /// The person it is about, if known, so that erasing them finds it.
        contact: Option<Box<Contact>>,
    },
    /// Stored before, perhaps deleted since. The store finds this out; the normalizer cannot know.
    Duplicate {
        /// The person it is about, unless they were erased.
        contact: Option<Box<Contact>>,
    },
}

impl Item {
    /// Understood, with nothing to keep except perhaps the contact.
    pub fn ignored(code: ReasonCode, text: impl Into<String>, contact: Option<Contact>) -> Self {
        let reason = Reason::new(code, text);
        let contact = contact.map(Box::new);
        Self::Ignored { reason, contact }
    }

    /// Not understood.
    pub fn quarantined(
        code: ReasonCode,
        text: impl Into<String>,
        contact: Option<Contact>,
    ) -> Self {
        let reason = Reason::new(code, text);
        let contact = contact.map(Box::new);
        Self::Quarantined { reason, contact }
    }

    /// How many bytes its texts take.
    pub(crate) fn text_bytes(&self) -> usize {
        let (reason, contact) = match self {
            Self::Message(draft) => return draft.text_bytes(),
            Self::Ignored { reason, contact } | Self::Quarantined { reason, contact } => {
                (reason.text.len(), contact)
            }
            Self::Duplicate { contact } => (0, contact),
        };
        reason + contact.as_ref().map_or(0, |contact| contact.text_bytes())
    }

    /// The person it is about, if known.
    pub fn contact(&self) -> Option<Contact> {
        match self {
            Self::Message(draft) => Some(draft.contact()),
            Self::Ignored { contact, .. }
            | Self::Quarantined { contact, .. }
            | Self::Duplicate { contact } => contact.as_deref().cloned(),
        }
    }
}

/// A delivery with its items: what the store commits in one transaction.
#[derive(Debug, Clone)]
pub struct Record {
    /// As it came.
    pub delivery: Delivery,
    /// The form of the whole body.
    pub shape: Shape,
    /// Its items, in the order of the body. Never empty.
    pub items: Vec<Item>,
}

/// The answer to a delivery that is durably kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "deliveryId": "01a2040d-6ba6-760d-9d75-582afe0c4905", "outcome": "stored", "stored": 1, "duplicates": 0,
    "ignored": 0, "quarantined": 0
}))]
pub struct Receipt {
    /// The delivery.
    pub delivery_id: Uuid,
    /// The best of its items.
    pub outcome: Outcome,
    /// How many items became new messages.
    pub stored: u32,
    /// How many were there already.
    pub duplicates: u32,
    /// How many had nothing to keep.
    pub ignored: u32,
    /// How many were not understood.
    pub quarantined: u32,
}

impl Receipt {
    /// Sums up what became of each item. A delivery's outcome is the best of its items.
    pub fn of_items(delivery_id: Uuid, items: impl IntoIterator<Item = Outcome>) -> Self {
        let mut receipt = Self::empty(delivery_id, Outcome::Ignored);
        for outcome in items {
            match outcome {
                Outcome::Stored => receipt.stored += 1,
                Outcome::Duplicate => receipt.duplicates += 1,
                Outcome::Quarantined => receipt.quarantined += 1,
                // No item is spooled: only whole deliveries are.
                Outcome::Ignored | Outcome::Spooled => receipt.ignored += 1,
            }
            receipt.outcome = receipt.outcome.min(outcome);
        }
        receipt
    }

    /// For a delivery in the spool: its items are not counted yet.
    pub fn spooled(delivery_id: Uuid) -> Self {
        Self::empty(delivery_id, Outcome::Spooled)
    }

    fn empty(delivery_id: Uuid, outcome: Outcome) -> Self {
        Self {
            delivery_id,
            outcome,
            stored: 0,
            duplicates: 0,
            ignored: 0,
            quarantined: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_of_a_delivery_is_the_best_of_its_items() {
        use Outcome::{Duplicate, Ignored, Quarantined, Stored};
        let outcome =
            |items: &[Outcome]| Receipt::of_items(Uuid::nil(), items.iter().copied()).outcome;
        assert_eq!(outcome(&[Ignored, Quarantined, Duplicate, Stored]), Stored);
        assert_eq!(outcome(&[Ignored, Quarantined, Duplicate]), Duplicate);
        assert_eq!(outcome(&[Ignored, Quarantined]), Quarantined);
        assert_eq!(outcome(&[Ignored]), Ignored);
    }

    #[test]
    fn a_receipt_counts_every_item_once() {
        let receipt = Receipt::of_items(
            Uuid::nil(),
            [Outcome::Stored, Outcome::Stored, Outcome::Quarantined],
        );
        assert_eq!(
            (
                receipt.stored,
                receipt.duplicates,
                receipt.ignored,
                receipt.quarantined
            ),
            (2, 0, 0, 1)
        );
    }
}
