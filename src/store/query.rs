//! What can be asked of a store, and what it answers.

use jiff::Timestamp;
use strum::{EnumString, IntoStaticStr, VariantArray};
use uuid::Uuid;

use crate::delivery::{Delivery, Outcome, Receipt};
use crate::message::{Channel, Direction, Kind, Message, SentAtSource, Shape};
use crate::named::impl_named;
use crate::sighting::Sighting;

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
    /// Arrived at this time or later.
    pub since: Option<Timestamp>,
    /// Arrived before this time.
    pub until: Option<Timestamp>,
    /// With this in its text, whatever the case of its letters: SQLite knows that of A to Z only.
    pub text: Option<String>,
}

impl MessageFilter {
    /// Whether the rows that fit are found without looking at others: there is no condition, or one with an index.
    pub(super) fn is_indexed(&self) -> bool {
        let unusual = [
            self.contact_id.is_some(),
            self.kind.is_some_and(|kind| kind != Kind::Text),
            self.direction
                .is_some_and(|direction| direction != Direction::Inbound),
            self.channel
                .as_ref()
                .is_some_and(|channel| *channel != Channel::Instagram),
        ];
        let conditions = [
            self.contact_id.is_some(),
            self.kind.is_some(),
            self.direction.is_some(),
            self.channel.is_some(),
            self.since.is_some() || self.until.is_some(),
            self.text.is_some(),
        ];
        let count = |given: &[bool]| given.iter().filter(|given| **given).count();
        match count(&conditions) {
            0 => true,
            1 => count(&unusual) == 1,
            _ => false,
        }
    }

    /// A text as a pattern of SQL's `LIKE` that finds it anywhere, with a backslash before what means something there.
    pub(super) fn pattern(text: &str) -> String {
        let mut pattern = String::from("%");
        for letter in text.chars() {
            if matches!(letter, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern.push('%');
        pattern
    }
}

/// Which contacts are wanted; an absent condition lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactFilter {
    /// On this channel.
    pub channel: Option<Channel>,
}

/// A person, and what is known of their messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactSummary {
    /// Their place in the order of first sight.
    pub position: i64,
    /// Their id on the channel or in Chatrace.
    pub id: String,
    /// Where they write.
    pub channel: Channel,
    /// Their handle.
    pub username: Option<String>,
    /// Their name.
    pub display_name: Option<String>,
    /// When their first message arrived.
    pub first_seen: Timestamp,
    /// When the last message of the conversation arrived, as far as it is counted.
    pub last_seen: Timestamp,
    /// How many messages of the conversation are counted.
    pub messages: i64,
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

/// What is counted. Each counter has labels, and a value for each hour and for all time.
#[derive(Debug, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CounterName {
    /// Deliveries, by outcome.
    Delivery,
    /// Items, by outcome.
    Item,
    /// Stored messages, by kind.
    Kind,
    /// Stored messages, by direction.
    Direction,
    /// Deliveries, by the form of their body.
    Shape,
    /// Contacts, by channel.
    Contact,
    /// Items that left quarantine, by what became of them: an outcome, `erased`, or `expired`.
    Released,
}

impl_named!(CounterName);

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
    /// The message that was stored last.
    pub last_message: Option<Message>,
    /// The delivery that was stored last.
    pub last_delivery: Option<DeliverySummary>,
    /// When the newest message arrived, even if it is deleted since.
    pub last_message_at: Option<Timestamp>,
    /// When the newest delivery arrived, even if it is deleted since; then only its hour may be known.
    pub last_delivery_at: Option<Timestamp>,
}

/// The newest rows, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Newest {
    /// Messages; of a long one the first thousand letters, and no long attachments.
    pub messages: Vec<Message>,
    /// Deliveries.
    pub deliveries: Vec<DeliverySummary>,
}

/// Ends a statement; the number of rows follows.
pub(crate) const NEWEST_FIRST: &str = " ORDER BY position DESC LIMIT ";

/// How many deliveries, and how many messages, count as recent.
pub(crate) const RECENT: i64 = 20;

/// What the diagnosis looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recent {
    /// The newest deliveries, newest first.
    pub deliveries: Vec<RecentDelivery>,
    /// The newest messages, newest first.
    pub messages: Vec<RecentMessage>,
    /// The newest delivery with an item in quarantine.
    pub quarantine: Option<QuarantineView>,
    /// When the oldest delivery arrived that is still kept.
    pub oldest_delivery_at: Option<Timestamp>,
    /// Every near miss that is remembered.
    pub sightings: Vec<Sighting>,
}

/// What the diagnosis looks at in a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentDelivery {
    /// When it arrived.
    pub received_at: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
    /// The code of its first item that is not stored, if there is one.
    pub code: Option<String>,
    /// The sentence to it.
    pub reason: Option<String>,
}

/// What the diagnosis looks at in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentMessage {
    /// When its delivery arrived.
    pub received_at: Timestamp,
    /// When it was sent, as far as known.
    pub sent_at: Timestamp,
    /// From where that is known.
    pub sent_at_source: SentAtSource,
    /// Who wrote it.
    pub direction: Direction,
    /// The form of body it was read from.
    pub shape: Shape,
}

/// The newest delivery in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineView {
    /// Its id.
    pub delivery_id: Uuid,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Why its first item is in quarantine.
    pub reason: Option<String>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_pattern_is_looked_for_as_it_stands() {
        assert_eq!(MessageFilter::pattern(r"50%_\o/"), r"%50\%\_\\o/%");
    }

    #[test]
    fn one_condition_with_an_index_needs_no_search() {
        let all = MessageFilter::default();
        let media = MessageFilter {
            kind: Some(Kind::Media),
            ..all.clone()
        };
        let text = MessageFilter {
            kind: Some(Kind::Text),
            ..all.clone()
        };
        let media_of_one = MessageFilter {
            contact_id: Some("1".to_owned()),
            ..media.clone()
        };
        assert!(all.is_indexed() && media.is_indexed());
        assert!(!text.is_indexed() && !media_of_one.is_indexed());
    }
}
