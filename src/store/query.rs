//! What can be asked of a store, and what it answers.

use jiff::Timestamp;
use uuid::Uuid;

use crate::delivery::{Delivery, Outcome, Receipt};
use crate::message::{Channel, Direction, Kind, Message, Shape, named_enum};

/// A stretch of a list: at most `limit` rows with a position greater than `after` and up to `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The position behind which to begin.
    pub after: i64,
    /// The last position that is wanted.
    pub until: i64,
    /// How many rows at most.
    pub limit: u32,
}

/// Which messages are wanted; an absent condition lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Of this customer.
    pub contact_id: Option<String>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// In this direction.
    pub direction: Option<Direction>,
    /// On this channel.
    pub channel: Option<Channel>,
}

/// Which deliveries are wanted; an absent condition lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// With this outcome. `Quarantined`: with any item still in quarantine, whatever the delivery's own outcome.
    pub outcome: Option<Outcome>,
}

/// A delivery without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverySummary {
    /// Its place in commit order.
    pub position: i64,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The HTTP method.
    pub method: String,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The length of its body in bytes, as it came.
    pub size: i64,
    /// The form of its body.
    pub shape: Shape,
    /// What became of it.
    pub receipt: Receipt,
    /// Why items of it are not stored: each sentence once.
    pub reasons: Vec<String>,
}

/// A delivery, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryDetail {
    /// As it came.
    pub delivery: Delivery,
    /// What became of it.
    pub summary: DeliverySummary,
    /// What became of each of its items.
    pub items: Vec<ItemSummary>,
}

impl DeliveryDetail {
    /// A delivery that waits in the spool: what is in it is told when it is drained.
    pub fn spooled(delivery: Delivery) -> Self {
        let summary = DeliverySummary {
            position: 0,
            received_at: delivery.received_at,
            method: delivery.method.clone(),
            content_type: delivery.content_type.clone(),
            size: i64::try_from(delivery.body.len()).unwrap_or(i64::MAX),
            shape: Shape::Unknown,
            receipt: Receipt::spooled(delivery.id),
            reasons: Vec::new(),
        };
        Self {
            delivery,
            summary,
            items: Vec::new(),
        }
    }
}

/// What became of one item of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemSummary {
    /// Its place in the delivery, from 0.
    pub item: i32,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it is not stored: a word for counting.
    pub code: Option<String>,
    /// Why it is not stored: a sentence.
    pub reason: Option<String>,
    /// The message it became.
    pub message_id: Option<Uuid>,
}

named_enum! {
    /// What is counted. Each counter has labels, and a value for each hour and for all time.
    CounterName {
        /// Deliveries, by outcome.
        Delivery = "delivery",
        /// Items, by outcome.
        Item = "item",
        /// Stored messages, by kind.
        Kind = "kind",
        /// Stored messages, by direction.
        Direction = "direction",
        /// Deliveries, by the form of their body.
        Shape = "shape",
        /// Contacts, by channel.
        Contact = "contact",
        /// Items that left quarantine, by what became of them: an outcome, `erased`, or `expired`.
        Released = "released",
    }
}

/// One counter's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// Hours since 1970, by the arrival of deliveries; 0: all time.
    pub hour: i64,
    /// What is counted.
    pub name: CounterName,
    /// Of which sort.
    pub label: String,
    /// How many.
    pub value: i64,
}

/// What the statistics are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Counters of all time (hour 0) and of the hours that were asked for.
    pub counters: Vec<Counter>,
    /// The newest message.
    pub last_message: Option<Message>,
    /// The newest delivery.
    pub last_delivery: Option<DeliverySummary>,
}

impl Snapshot {
    /// How many items are in quarantine: those that ever came, less those that left.
    pub fn open_quarantine(&self) -> i64 {
        let all_time = self.counters.iter().filter(|counter| counter.hour == 0);
        all_time
            .map(|counter| match counter.name {
                CounterName::Item if counter.label == Outcome::Quarantined.as_str() => {
                    counter.value
                }
                CounterName::Released => -counter.value,
                _ => 0,
            })
            .sum()
    }
}

/// Seconds in an hour, the unit of counters.
pub(crate) const HOUR: i64 = 3600;

/// The hour, since 1970, of a time.
pub(crate) fn hour_of(time: Timestamp) -> i64 {
    time.as_second().div_euclid(HOUR)
}
