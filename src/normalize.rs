//! Bytes to items: all that the service knows about the shape of a body is in here.
//!
//! Chatrace has no webhook of its own with a fixed form: a flow posts the JSON its owner typed, and Meta's own form
//! comes to the same URL (`docs/chatrace.md`). So nothing here is read by a schema. A body passes these steps:
//!
//! 1. [`encoding`] undoes a `Content-Encoding`;
//! 2. `tree` makes a JSON tree of JSON, by a known `template`, of a `form` or `multipart` body, or of what is nearly
//!    JSON (`lenient`, `recovery`), and opens an `envelope`;
//! 3. `walk` finds out the shape of each object and descends into wrappers, lists, `meta`, `whatsapp`, `sendpulse`
//!    and `history`;
//! 4. `raw_fields` collects what the keys say, by the table of aliases in `fields`;
//! 5. `resolve` and `person` choose among them, which gives an `extracted` item;
//! 6. `classify` applies the table of outcomes, with `identity` for telling messages apart, and `items` keeps the
//!    result within bounds.
//!
//! All of it is pure and total: for any bytes, a [`Normalizer`] returns at least one item and never panics.

use crate::delivery::{Delivery, Item, ReasonCode, Record};
use crate::message::Shape;

mod attachment;
mod classify;
mod decoded;
mod defect;
pub mod encoding;
mod envelope;
mod extracted;
mod fields;
mod form;
mod history;
mod identity;
mod items;
mod json_text;
mod lenient;
mod meta;
mod multipart;
mod person;
mod raw_fields;
mod recovery;
mod resolve;
mod scalar;
mod sendpulse;
mod template;
mod time;
mod tree;
mod walk;
mod whatsapp;

pub use decoded::DecodedBody;
pub use defect::Defect;
pub(crate) use items::{MAX_ITEMS, max_text_bytes};
pub use template::{Escaping, RECOMMENDED, Template, Templates};
use tree::Tree;

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
    /// Whether it is the body of a known template, in however many ways that reads it.
    pub by_template: bool,
}

/// Reads deliveries, by the templates that it knows.
///
/// Never fails and never panics: what is not understood is an item with a reason. The same delivery always gives the
/// same reading.
#[derive(Debug, Clone, Default)]
pub struct Normalizer {
    templates: Templates,
}

impl Normalizer {
    /// One that knows these templates.
    pub fn new(templates: Templates) -> Self {
        Self { templates }
    }

    /// Reads a delivery.
    pub fn normalize(&self, delivery: &Delivery) -> Reading {
        self.normalize_decoded(delivery, &DecodedBody::of(delivery, MAX_DECODED))
    }

    /// Reads a delivery whose body is decoded already.
    pub fn normalize_decoded(&self, delivery: &Delivery, body: &DecodedBody<'_>) -> Reading {
        let tree = if delivery.is_query {
            tree::parse_query(&body.bytes, &self.templates)
        } else {
            tree::parse_body(
                &body.bytes,
                delivery.content_type.as_deref(),
                &self.templates,
            )
        };
        let tree = match tree {
            Tree::Read(tree) => tree,
            Tree::Kept(code, text) => {
                return Reading {
                    by_template: code == ReasonCode::Ambiguous,
                    ..Reading::of_one(Item::quarantined(code, text, None))
                };
            }
            Tree::Broken(mut defect) => {
                // A body that does not decode is not JSON either, but the failed decoding is the cause.
                if let Some(error) = &body.error {
                    defect.cause = error.to_string();
                }
                return unreadable(defect);
            }
        };
        let header = delivery.header("x-user-id").map(serde_json::Value::from);
        let context = extracted::Context {
            arrival: delivery.received_at,
            header_contact: header.as_ref().and_then(scalar::owned_id),
            recovered: tree.recovered,
            is_known_form: tree.is_known_form,
        };
        let mut items = items::Items::new(&context, body.bytes.len());
        walk::walk(&mut items, &tree.value);
        let (shape, items) = items.finish();
        Reading {
            shape,
            items,
            defect: None,
            by_template: tree.is_known_form,
        }
    }

    /// Whether it knows another template than those that were recommended.
    pub fn is_template_declared(&self) -> bool {
        self.templates.is_any_declared()
    }

    /// Reads a delivery that is kept already, and is not to be refused any more.
    pub fn to_record(&self, delivery: Delivery) -> Record {
        let reading = self.normalize(&delivery);
        Record {
            delivery,
            shape: reading.shape,
            items: reading.items,
        }
    }
}

impl Reading {
    /// That of a body which is not read as items.
    fn of_one(item: Item) -> Self {
        Self {
            shape: Shape::Unknown,
            items: vec![item],
            defect: None,
            by_template: false,
        }
    }

    /// Whether the body had to be repaired, or could not be read for certain.
    pub fn is_doubtful(&self) -> bool {
        self.defect.is_some()
            || self.items.iter().any(|item| match item {
                Item::Message(draft) => draft.recovered,
                Item::Quarantined { reason, .. } => reason.code == ReasonCode::Ambiguous,
                Item::Duplicate { .. } | Item::Ignored { .. } => false,
            })
    }
}

/// The body as text for people: decoded, and with U+FFFD for what is no text.
pub fn readable_text(delivery: &Delivery) -> String {
    DecodedBody::of(delivery, MAX_DECODED).readable_text(delivery)
}

fn unreadable(defect: Defect) -> Reading {
    let text = format!("the body is neither JSON nor a form: {defect}");
    Reading {
        defect: Some(defect),
        ..Reading::of_one(Item::quarantined(ReasonCode::Unreadable, text, None))
    }
}
