//! What the store answers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::counts::Counts;
use super::page::{ListRow, json_size};
use super::rows::ReceiptRow;
use super::values::{JsonList, Name, Time};
use crate::delivery::{Delivery, Outcome, Receipt};
use crate::message::{Channel, Direction, Kind, Message, SentAtSource, Shape};
use crate::rejection::RejectedRequest;

/// A person, and what is known of their messages.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ContactSummary {
    /// Their place in the order that was asked for.
    pub position: i64,
    /// The position of their last message that is left, or without messages that of the first item that named them.
    pub last_position: i64,
    /// Their id on the channel or in Chatrace.
    pub id: String,
    /// Where they write.
    #[sqlx(try_from = "String")]
    pub channel: Channel,
    /// Their handle.
    pub username: Option<String>,
    /// Their name.
    pub display_name: Option<String>,
    /// When their first message arrived.
    #[sqlx(try_from = "Time")]
    pub first_seen: Timestamp,
    /// When the last message of the conversation arrived, or, without messages, the first time.
    #[sqlx(try_from = "Time")]
    pub last_seen: Timestamp,
    /// How many messages the conversation ever had.
    pub messages: i64,
    /// The last of them that is left, where it was asked for.
    #[sqlx(skip)]
    pub last_message: Option<MessageExcerpt>,
}

/// How the last message of a contact begins.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct MessageExcerpt {
    /// Its id.
    pub id: Uuid,
    /// Its place in commit order.
    pub position: i64,
    /// Who wrote it.
    #[sqlx(try_from = "Name<Direction>")]
    pub direction: Direction,
    /// What kind of event it is.
    #[sqlx(try_from = "Name<Kind>")]
    pub kind: Kind,
    /// The first letters of its text.
    pub text: Option<String>,
    /// When it was sent.
    #[sqlx(try_from = "Time")]
    pub sent_at: Timestamp,
    /// When its delivery arrived.
    #[sqlx(try_from = "Time")]
    pub received_at: Timestamp,
}

/// A contact with the other ids of the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactDetail {
    /// The contact.
    pub contact: ContactSummary,
    /// Other ids that came beside theirs.
    pub aliases: Vec<String>,
}

/// The latest name of a contact: their name, or else their handle.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ContactName {
    /// Their id.
    pub id: String,
    /// Where they write.
    #[sqlx(try_from = "String")]
    pub channel: Channel,
    /// What they are called.
    pub name: String,
}

/// Why items are in quarantine, and how many for this reason.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct QuarantineReason {
    /// The word for counting.
    pub code: Option<String>,
    /// The sentence.
    pub reason: Option<String>,
    /// How many items of the newest deliveries.
    pub count: i64,
    /// The newest delivery among them.
    #[sqlx(rename = "id")]
    pub delivery_id: Uuid,
    /// When that arrived.
    #[sqlx(try_from = "Time")]
    pub received_at: Timestamp,
}

/// A delivery without its body.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DeliverySummary {
    /// Its place in commit order.
    pub position: i64,
    /// When it arrived.
    #[sqlx(try_from = "Time")]
    pub received_at: Timestamp,
    /// The HTTP method.
    pub method: String,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The length of its body in bytes, as it came.
    pub size: i64,
    /// The form of its body.
    #[sqlx(try_from = "Name<Shape>")]
    pub shape: Shape,
    /// What became of it.
    #[sqlx(flatten, try_from = "ReceiptRow")]
    pub receipt: Receipt,
    /// Why items of it are not stored: each sentence once, the first five.
    #[sqlx(try_from = "JsonList<String>")]
    pub reasons: Vec<String>,
}

/// How many letters of a last message's text come with its contact.
pub(super) const EXCERPT: usize = 200;
/// At least the bytes that a last message takes in JSON, where a letter may be written as six.
const LAST_MESSAGE_SIZE: usize = 6 * EXCERPT + 400;

impl ListRow for ContactSummary {
    fn position(&self) -> i64 {
        self.position
    }

    fn size(&self) -> usize {
        let names = [&self.username, &self.display_name];
        let names = names.into_iter().flatten().map(String::as_str);
        json_size(names.chain([self.id.as_str(), self.channel.as_str()])) + LAST_MESSAGE_SIZE
    }
}

impl ListRow for DeliverySummary {
    fn position(&self) -> i64 {
        self.position
    }

    fn size(&self) -> usize {
        let reasons = self.reasons.iter().map(String::as_str);
        json_size(
            reasons
                .chain(self.content_type.as_deref())
                .chain([self.method.as_str()]),
        )
    }
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
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ItemSummary {
    /// Its place in the delivery, from 0.
    pub item: i32,
    /// What became of it.
    #[sqlx(try_from = "Name<Outcome>")]
    pub outcome: Outcome,
    /// Why it is not stored: a word for counting.
    pub code: Option<String>,
    /// Why it is not stored: a sentence.
    pub reason: Option<String>,
    /// The message it became.
    pub message_id: Option<Uuid>,
}

/// What the statistics are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The counts of all time.
    pub total: Counts,
    /// The counts of the hours that were asked for, by hours since 1970. An hour without deliveries is left out.
    pub hours: BTreeMap<i64, Counts>,
    /// How many contacts there ever were, by channel.
    pub contacts: Counts,
    /// The message that was stored last.
    pub last_message: Option<Message>,
    /// The delivery that was stored last.
    pub last_delivery: Option<DeliverySummary>,
    /// When the newest message arrived, even if it is deleted since.
    pub last_message_at: Option<Timestamp>,
    /// When the newest delivery arrived, even if it is deleted since.
    pub last_delivery_at: Option<Timestamp>,
}

/// How many deliveries, and how many messages, count as recent.
pub(crate) const RECENT: i64 = 20;

/// What the diagnosis looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recent {
    /// The newest deliveries, newest first.
    pub deliveries: Vec<RecentDelivery>,
    /// The newest messages, newest first.
    pub messages: Vec<RecentMessage>,
    /// Those of the newest deliveries that are short, as one made of a template is, newest first.
    pub bodies: Vec<Delivery>,
    /// The newest delivery with an item in quarantine.
    pub quarantine: Option<QuarantineView>,
    /// When the oldest delivery arrived that is still kept.
    pub oldest_delivery_at: Option<Timestamp>,
    /// Every rejected request that is kept.
    pub rejected: Vec<RejectedRequest>,
}

/// What the diagnosis looks at in a delivery.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RecentDelivery {
    /// When it arrived.
    #[sqlx(try_from = "Time")]
    pub received_at: Timestamp,
    /// What became of it.
    #[sqlx(try_from = "Name<Outcome>")]
    pub outcome: Outcome,
    /// The code of its first item that is not stored, if there is one.
    pub code: Option<String>,
    /// The sentence to it.
    pub reason: Option<String>,
}

/// What the diagnosis looks at in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct RecentMessage {
    /// When its delivery arrived.
    #[sqlx(try_from = "Time")]
    pub received_at: Timestamp,
    /// When it was sent, as far as known.
    #[sqlx(try_from = "Time")]
    pub sent_at: Timestamp,
    /// From where that is known.
    #[sqlx(try_from = "Name<SentAtSource>")]
    pub sent_at_source: SentAtSource,
    /// Who wrote it.
    #[sqlx(try_from = "Name<Direction>")]
    pub direction: Direction,
    /// The form of body it was read from.
    #[sqlx(try_from = "Name<Shape>")]
    pub shape: Shape,
}

/// The newest delivery in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct QuarantineView {
    /// Its id.
    #[sqlx(rename = "id")]
    pub delivery_id: Uuid,
    /// When it arrived.
    #[sqlx(try_from = "Time")]
    pub received_at: Timestamp,
    /// Why its first item is in quarantine: a word for counting.
    pub code: Option<String>,
    /// The same as a sentence.
    pub reason: Option<String>,
}
