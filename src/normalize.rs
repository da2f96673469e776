//! Bytes to items: all that the service knows about the shape of a body is in here.
//!
//! Chatrace has no webhook of its own with a fixed form: a flow posts the JSON its owner typed, and Meta's own form
//! comes to the same URL (`docs/chatrace.md`). So nothing here is read by a schema. A body passes these steps:
//!
//! 1. [`encoding`] undoes a `Content-Encoding`;
//! 2. `tree` makes a JSON tree of JSON, of a `form` or `multipart` body, or by `recovery` of a broken template;
//! 3. `walk` finds out the shape of each object and descends into wrappers, lists, `meta`, `whatsapp`, `sendpulse`
//!    and `history`;
//! 4. `raw_fields` collects what the keys say, by the table of aliases in `fields`;
//! 5. `resolve` and `person` choose among them, which gives an `extracted` item;
//! 6. `classify` applies the table of outcomes, with `identity` for telling messages apart, and `items` keeps the
//!    result within bounds.
//!
//! All of it is pure and total: for any bytes, [`normalize`] returns at least one item and never panics.

use std::borrow::Cow;

use crate::delivery::{Delivery, Item, ReasonCode};
use crate::message::Shape;

mod attachment;
mod classify;
mod defect;
pub mod encoding;
mod extracted;
mod fields;
mod form;
mod history;
mod identity;
mod items;
mod json_text;
mod meta;
mod multipart;
mod person;
mod raw_fields;
mod recovery;
mod resolve;
mod scalar;
mod sendpulse;
mod time;
mod tree;
mod walk;
mod whatsapp;

pub use defect::Defect;
pub(crate) use items::{MAX_ITEMS, max_text_bytes};

/// HTTP enforces the configured limit long before; this one only keeps a stored body from growing without bound.
const MAX_DECODED: usize = 64 << 20;

/// What was read from one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The form of the whole body.
    pub shape: Shape,
    /// What was in it, in the body's order. Never empty.
    pub items: Vec<Item>,
    /// Set if the body is neither JSON nor a form, and beyond repair. Then there is one item, and it is quarantined
    /// as [`Unreadable`](ReasonCode::Unreadable).
    pub defect: Option<Defect>,
}

/// Reads a delivery. Never fails and never panics: what is not understood is an item with a reason.
///
/// The same delivery always gives the same reading.
pub fn normalize(delivery: &Delivery) -> Reading {
    let (body, decode_error) = decoded(delivery);
    let tree = if delivery.is_query {
        tree::parse_query(&body)
    } else {
        tree::parse_body(&body, delivery.content_type.as_deref())
    };
    let (value, recovered) = match tree {
        tree::Tree::Read { value, recovered } => (value, recovered),
        tree::Tree::Opaque(text) => {
            return Reading {
                shape: Shape::Unknown,
                items: vec![classify::not_understood(text)],
                defect: None,
            };
        }
        tree::Tree::Broken(mut defect) => {
            // A body that does not decode is not JSON either, but the failed decoding is the cause.
            if let Some(error) = decode_error {
                defect.cause = error.to_string();
            }
            return unreadable(defect);
        }
    };
    let header = delivery.header("x-user-id").map(serde_json::Value::from);
    let context = extracted::Context {
        arrival: delivery.received_at,
        header_contact: header.as_ref().and_then(scalar::owned_id),
        recovered,
    };
    let mut items = items::Items::new(&context, body.len());
    walk::walk(&mut items, &value);
    let (shape, items) = items.finish();
    Reading {
        shape,
        items,
        defect: None,
    }
}

/// The body as text for people: decoded, with U+FFFD for bytes that are not text.
pub fn readable_text(delivery: &Delivery) -> String {
    let content_type = delivery.content_type.as_deref().unwrap_or_default();
    let (body, _) = decoded(delivery);
    tree::to_text(&body, &content_type.to_ascii_lowercase())
        .0
        .into_owned()
}

/// The body without its content encoding. If it does not decode: as it is, with the error.
fn decoded(delivery: &Delivery) -> (Cow<'_, [u8]>, Option<encoding::DecodeError>) {
    // A header describes the body, not a query.
    let declared = delivery
        .header("content-encoding")
        .filter(|_| !delivery.is_query);
    match encoding::decode(&delivery.body, declared, MAX_DECODED) {
        Ok(body) => (body, None),
        Err(error) => (Cow::Borrowed(&delivery.body), Some(error)),
    }
}

fn unreadable(defect: Defect) -> Reading {
    let text = format!("the body is neither JSON nor a form: {defect}");
    Reading {
        shape: Shape::Unknown,
        items: vec![Item::quarantined(ReasonCode::Unreadable, text, None)],
        defect: Some(defect),
    }
}
