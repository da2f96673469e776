//! One HTTP request at the webhook, and what became of it.
//!
//! Domain types only: no I/O, no SQL, no HTTP.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

/// The path of the webhook.
pub const WEBHOOK_PATH: &str = "/instagram/webhook";

use crate::message::{Contact, Draft, Shape, named_enum};

/// One HTTP request that was let in at the webhook, exactly as it came.
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
    /// The octets of the body, still compressed if they came so. Of a delivery without a body: the query
    /// string, without the parameters that authenticate.
    pub body: Bytes,
    /// Whether `body` is a query string rather than a request body.
    pub is_query: bool,
}

impl Delivery {
    /// Whether body and headers were erased with a person in them: no delivery arrives without a body.
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

named_enum! {
    /// What became of a delivery or of one item of it, best first.
    Outcome {
        /// A new message was kept.
        Stored = "stored",
        /// The message was there already.
        Duplicate = "duplicate",
        /// Not understood: kept raw, with a reason.
        Quarantined = "quarantined",
        /// Understood, and nothing in it to keep.
        Ignored = "ignored",
        /// Kept on this machine's disk until the database is back.
        Spooled = "spooled",
    }
}

named_enum! {
    /// Why an item is not stored: a stable word for counting, beside the sentence for people.
    ReasonCode {
        /// Contact data without a message.
        ContactOnly = "contact_only",
        /// Read receipts, typing, insights, bare mentions: nothing a customer wrote.
        NotAMessage = "not_a_message",
        /// A CRM or conversion event without content.
        BusinessEvent = "business_event",
        /// A part of a transcript that is no message of its own.
        Transcript = "transcript",
        /// A `{{placeholder}}` arrived instead of its value.
        UnfilledPlaceholder = "unfilled_placeholder",
        /// A person, but nothing they wrote or did.
        NoContent = "no_content",
        /// Content, but nobody who wrote it.
        NoSender = "no_sender",
        /// Meta's `message_edit` without sender or text.
        EditWithoutContent = "edit_without_content",
        /// Neither a person nor content.
        NothingUnderstood = "nothing_understood",
        /// The body is no JSON and no form, and could not be repaired.
        Unreadable = "unreadable",
        /// The database refused this item's data.
        RefusedByDatabase = "refused_by_database",
        /// The person it is about was erased, or one beside them in the same body.
        Erased = "erased",
        /// A newer reading of the body finds it in the other items.
        Superseded = "superseded",
    }
}

named_enum! {
    /// Why a request at the webhook was refused. Such a request is no delivery: it is counted, not kept.
    Rejection {
        /// A secret is needed, and none came.
        MissingSecret = "missing_secret",
        /// None of the secrets that came is valid.
        WrongSecret = "wrong_secret",
        /// `X-Hub-Signature-256` does not fit the body.
        BadSignature = "bad_signature",
        /// The body is empty.
        Empty = "empty",
        /// The body is too large.
        TooLarge = "too_large",
        /// The body did not arrive whole, or not in time.
        Incomplete = "incomplete",
        /// The method is none the webhook takes.
        Method = "method",
        /// Meta's verification came with a wrong token.
        Handshake = "handshake",
        /// It could not be kept: 503.
        NotKept = "not_kept",
    }
}

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

/// One thing in a delivery, as the normalizer reads it. A batch has many, each judged alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// To be stored, unless it is there already.
    Message(Box<Draft>),
    /// Understood, and nothing in it to keep but perhaps the contact.
    Ignored {
        /// Why.
        reason: Reason,
        /// The person it was about, to be remembered.
        contact: Option<Box<Contact>>,
    },
    /// Not understood.
    Quarantined {
        /// Why.
        reason: Reason,
        /// The person it was about, if one could be told, so that erasing them finds it.
        contact: Option<Box<Contact>>,
    },
    /// There already, or deleted not long ago. The normalizer cannot know; the store says so.
    Duplicate {
        /// The person it was about, unless they were erased.
        contact: Option<Box<Contact>>,
    },
}

impl Item {
    /// How many bytes its texts take.
    pub(crate) fn texts(&self) -> usize {
        let (reason, contact) = match self {
            Self::Message(draft) => return draft.texts(),
            Self::Ignored { reason, contact } | Self::Quarantined { reason, contact } => {
                (reason.text.len(), contact)
            }
            Self::Duplicate { contact } => (0, contact),
        };
        reason + contact.as_ref().map_or(0, |contact| contact.texts())
    }

    /// The person it is about, if one could be told.
    pub fn contact(&self) -> Option<Contact> {
        match self {
            Self::Message(draft) => Some(draft.contact()),
            Self::Ignored { contact, .. }
            | Self::Quarantined { contact, .. }
            | Self::Duplicate { contact } => contact.as_deref().cloned(),
        }
    }
}

/// A delivery with what was read from it: what the store commits in one transaction.
#[derive(Debug, Clone)]
pub struct Record {
    /// As it came.
    pub delivery: Delivery,
    /// The form of the whole body.
    pub shape: Shape,
    /// What was in it, in the body's order. Never empty.
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
    pub fn of(delivery_id: Uuid, items: impl IntoIterator<Item = Outcome>) -> Self {
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

    /// Of a delivery that waits in the spool: what is in it is not told yet.
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
        let outcome = |items: &[Outcome]| Receipt::of(Uuid::nil(), items.iter().copied()).outcome;
        assert_eq!(outcome(&[Ignored, Quarantined, Duplicate, Stored]), Stored);
        assert_eq!(outcome(&[Ignored, Quarantined, Duplicate]), Duplicate);
        assert_eq!(outcome(&[Ignored, Quarantined]), Quarantined);
        assert_eq!(outcome(&[Ignored]), Ignored);
    }

    #[test]
    fn a_receipt_counts_every_item_once() {
        let receipt = Receipt::of(
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
