//! Deliveries and records for tests. What matters to a test is set in the test: `Delivery { id, ..delivery(body) }`.

use std::time::Duration;

use bytes::Bytes;
use chatrace_webhook::delivery::{Delivery, Item, Record};
use chatrace_webhook::message::{Channel, Direction, Draft, Identity, Kind, SentAtSource, Shape};
use chatrace_webhook::normalize::Normalizer;
use jiff::Timestamp;
use uuid::Uuid;

/// The window in which an equal message without an id is a duplicate.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);

/// A time, so many milliseconds after a fixed one.
pub(crate) fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_783_609_000_000 + milliseconds).unwrap()
}

/// A POST of this body, which arrives now.
pub(crate) fn delivery(body: impl Into<Bytes>) -> Delivery {
    // Stores keep milliseconds.
    let now = Timestamp::now().as_millisecond();
    Delivery {
        id: Uuid::now_v7(),
        received_at: Timestamp::from_millisecond(now).unwrap(),
        method: "POST".to_owned(),
        content_type: None,
        headers: Vec::new(),
        body: body.into(),
        is_query: false,
    }
}

/// A POST of this body that arrived then.
pub(crate) fn delivery_at(received_at: Timestamp, body: impl Into<Bytes>) -> Delivery {
    Delivery {
        received_at,
        ..delivery(body)
    }
}

/// A delivery, and what the normalizer reads in it.
pub(crate) fn normalized(delivery: Delivery) -> Record {
    let reading = Normalizer::default().normalize(&delivery);
    Record {
        delivery,
        shape: reading.shape,
        items: reading.items,
    }
}

/// A delivery with these messages in it, whatever its body says.
pub(crate) fn record(arrived: Timestamp, drafts: impl IntoIterator<Item = Draft>) -> Record {
    let messages = drafts.into_iter();
    Record {
        delivery: Delivery {
            content_type: Some("application/json".to_owned()),
            headers: vec![("user-agent".to_owned(), "test".to_owned())],
            ..delivery_at(arrived, "{}")
        },
        shape: Shape::Flat,
        items: messages
            .map(|draft| Item::Message(Box::new(draft)))
            .collect(),
    }
}

/// A message of contact 1.
pub(crate) fn draft(identity: Identity) -> Draft {
    Draft {
        channel: Channel::Instagram,
        direction: Direction::Inbound,
        kind: Kind::Text,
        external_id: None,
        contact_id: "1".to_owned(),
        sender_id: None,
        recipient_id: None,
        username: None,
        display_name: None,
        text: Some("ok".to_owned()),
        attachments: Vec::new(),
        reply_to: None,
        payload: None,
        sent_at: at(0),
        sent_at_source: SentAtSource::Arrival,
        shape: Shape::Flat,
        recovered: false,
        identity,
        aliases: Vec::new(),
    }
}
