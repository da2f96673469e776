//! The normalizer from outside: every sample body as a snapshot, and properties of the open set.

#![expect(clippy::unwrap_used, reason = "what a test relies on may panic")]

mod bugs;
mod hostile;
mod outcomes;
mod payloads;
mod properties;
mod shapes;
mod templates;

use bytes::Bytes;
use chatrace_webhook::delivery::{Delivery, Item, ReasonCode};
use chatrace_webhook::message::{Contact, Draft};
use chatrace_webhook::normalize::{Normalizer, Reading};
use uuid::Uuid;

use crate::support::records::delivery_at;

/// A POST of this body at a fixed time.
fn delivery(body: impl Into<Bytes>) -> Delivery {
    Delivery {
        id: Uuid::nil(),
        ..delivery_at("2026-07-09T15:00:00Z".parse().unwrap(), body)
    }
}

fn read(body: impl Into<Bytes>) -> Reading {
    Normalizer::default().normalize(&delivery(body))
}

/// The only item, which must be a message.
#[track_caller]
fn message(body: impl Into<Bytes>) -> Draft {
    let reading = read(body);
    match <[Item; 1]>::try_from(reading.items) {
        Ok([Item::Message(draft)]) => *draft,
        other => panic!("not one message: {other:?}"),
    }
}

/// Every item, which must be messages.
#[track_caller]
fn messages(body: impl Into<Bytes>) -> Vec<Draft> {
    let items = read(body).items.into_iter();
    items
        .map(|item| match item {
            Item::Message(draft) => *draft,
            other => panic!("not a message: {other:?}"),
        })
        .collect()
}

/// The only item, which must not be a message: whether it is ignored, the reason, and the contact.
#[track_caller]
fn refusal(body: impl Into<Bytes>) -> (bool, ReasonCode, String, Option<Contact>) {
    let reading = read(body);
    match <[Item; 1]>::try_from(reading.items) {
        Ok([Item::Ignored { reason, contact }]) => (
            true,
            reason.code,
            reason.text,
            contact.map(|contact| *contact),
        ),
        Ok([Item::Quarantined { reason, contact }]) => (
            false,
            reason.code,
            reason.text,
            contact.map(|contact| *contact),
        ),
        other => panic!("not one refusal: {other:?}"),
    }
}
