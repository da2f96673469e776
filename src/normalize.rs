//! Bytes to items: what every other part of the service knows about the shape of a body stands here.
//!
//! Chatrace has no webhook of its own with a fixed form: a flow posts whatever JSON its owner typed, and Meta's own
//! form comes to the same URL (`docs/chatrace.md`). So nothing here is read by a schema. The way of a body is
//!
//! 1. [`encoding`] undoes a `Content-Encoding`;
//! 2. `tree` makes a JSON tree of JSON, of a `form` or `multipart` body, or by `recovery` of a broken template;
//! 3. `walk` finds out the shape of each object and descends into wrappers, lists, `meta`, `whatsapp`, `sendpulse`
//!    and `history`;
//! 4. `facts` collects what the keys say, by the tables of aliases in `fields`;
//! 5. `resolve` and `person` choose among them;
//! 6. `judge` applies the table of outcomes, with `identity` for telling messages apart.
//!
//! All of it is pure and total: whatever the octets are, [`normalize`] returns at least one item and never panics.

use std::borrow::Cow;
use std::fmt;

use crate::delivery::{Delivery, Item, Reason, ReasonCode, Record};
use crate::message::Shape;

mod attachment;
mod decoded;
pub mod encoding;
mod facts;
mod fields;
mod findings;
mod form;
mod history;
mod identity;
mod judge;
mod meta;
mod multipart;
mod person;
mod recovery;
mod resolve;
mod scalar;
mod sendpulse;
mod time;
mod tree;
mod walk;
mod whatsapp;

pub use decoded::DecodedBody;
pub(crate) use walk::{MAX_ITEMS, most_texts};

/// HTTP enforces the configured limit long before; this one only keeps a stored body from growing without bound.
const MAX_DECODED: usize = 64 << 20;

/// What was read from one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The form of the whole body.
    pub shape: Shape,
    /// What was in it, in the body's order. Never empty.
    pub items: Vec<Item>,
    /// Set if the body is no JSON, no form and not to be repaired. Then there is one item, and it is quarantined
    /// as [`Unreadable`](ReasonCode::Unreadable).
    pub defect: Option<Defect>,
}

/// Where and why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1; 0 is the line's beginning.
    pub column: usize,
    /// In the parser's words, which hold nothing of the body.
    pub cause: String,
}

impl Defect {
    fn of(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let cause = text.split(" at line ").next().unwrap_or_default();
        Self {
            line: error.line(),
            column: error.column(),
            cause: cause.to_owned(),
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            cause,
        } = self;
        write!(formatter, "line {line}, column {column}: {cause}")
    }
}

/// Reads a delivery. Never fails and never panics: what is not understood is an item with a reason.
///
/// The same delivery always gives the same reading.
pub fn normalize(delivery: &Delivery) -> Reading {
    normalize_decoded(delivery, &DecodedBody::of(delivery, MAX_DECODED))
}

/// Reads a delivery whose body is decoded already.
pub fn normalize_decoded(delivery: &Delivery, body: &DecodedBody<'_>) -> Reading {
    let tree = if delivery.is_query {
        tree::of_query(&body.bytes)
    } else {
        tree::of_body(&body.bytes, delivery.content_type.as_deref())
    };
    let (value, recovered) = match tree {
        tree::Tree::Read { value, recovered } => (value, recovered),
        tree::Tree::Opaque(text) => {
            return Reading {
                shape: Shape::Unknown,
                items: vec![judge::unknown(text)],
                defect: None,
            };
        }
        tree::Tree::Broken(mut defect) => {
            // What does not decode is no JSON either, but that is not what is wrong with it.
            if let Some(error) = &body.error {
                defect.cause = error.to_string();
            }
            return unreadable(defect);
        }
    };
    let header = delivery
        .header("x-user-id")
        .map(|id| serde_json::Value::String(id.to_owned()));
    let with_header = resolve::Context {
        arrival: delivery.received_at,
        header_contact: header.as_ref().and_then(scalar::id).map(Cow::into_owned),
        recovered,
    };
    let without_header = resolve::Context {
        header_contact: None,
        ..with_header
    };
    let mut walk = walk::Walk::new(&with_header, &without_header, body.bytes.len());
    walk.value(&value, &resolve::Outer::default(), Shape::Flat, 0);
    let (shape, items) = walk.finish();
    Reading {
        shape,
        items,
        defect: None,
    }
}

/// Reads a delivery that is kept already, and is not to be refused any more.
pub fn to_record(delivery: Delivery) -> Record {
    let reading = normalize(&delivery);
    Record {
        delivery,
        shape: reading.shape,
        items: reading.items,
    }
}

/// The body as text for people: decoded, and with U+FFFD for what is no text.
pub fn readable_text(delivery: &Delivery) -> String {
    DecodedBody::of(delivery, MAX_DECODED).readable_text(delivery)
}

fn unreadable(defect: Defect) -> Reading {
    let reason = Reason::new(
        ReasonCode::Unreadable,
        format!("the body is neither JSON nor a form: {defect}"),
    );
    Reading {
        shape: Shape::Unknown,
        items: vec![Item::Quarantined {
            reason,
            contact: None,
        }],
        defect: Some(defect),
    }
}
