//! What is counted, and how the counts are kept: one list of numbers for each hour, and one for all time.
//!
//! A commit changes two rows, whatever was in it, and no label can multiply rows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef};
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Encode, Postgres, Sqlite, Type};

use crate::delivery::Outcome;
use crate::message::{Channel, Direction, Kind, Shape};

/// Something that is counted, by the hour in which its delivery arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Deliveries with this outcome.
    Delivery(Outcome),
    /// Items with this outcome.
    Item(Outcome),
    /// Stored messages in this direction.
    Direction(Direction),
    /// Stored messages of this kind.
    Kind(Kind),
    /// Deliveries with a body of this shape.
    Shape(Shape),
    /// Items that left quarantine with this outcome when they were reprocessed.
    Released(Outcome),
    /// Items that left quarantine because a person in their body was erased.
    Erased,
    /// Items that left quarantine because they became too old.
    Expired,
}

/// The place of each count in a list. New ones are appended: what is in the database keeps its place.
///
/// Those that every message changes come first, so that Postgres writes less to its log: of a changed row it logs what
/// is between the first and the last byte that differ.
const PLACES: [Count; 37] = [
    Count::Delivery(Outcome::Stored),
    Count::Item(Outcome::Stored),
    Count::Direction(Direction::Inbound),
    Count::Kind(Kind::Text),
    Count::Shape(Shape::Flat),
    Count::Direction(Direction::Outbound),
    Count::Delivery(Outcome::Duplicate),
    Count::Delivery(Outcome::Ignored),
    Count::Delivery(Outcome::Quarantined),
    Count::Item(Outcome::Duplicate),
    Count::Item(Outcome::Ignored),
    Count::Item(Outcome::Quarantined),
    Count::Kind(Kind::Media),
    Count::Kind(Kind::Share),
    Count::Kind(Kind::StoryMention),
    Count::Kind(Kind::Postback),
    Count::Kind(Kind::Reaction),
    Count::Kind(Kind::Comment),
    Count::Kind(Kind::Edit),
    Count::Kind(Kind::Deletion),
    Count::Kind(Kind::Referral),
    Count::Kind(Kind::Unsupported),
    Count::Shape(Shape::ContactDump),
    Count::Shape(Shape::ChatHistory),
    Count::Shape(Shape::Event),
    Count::Shape(Shape::Dashboard),
    Count::Shape(Shape::Sendpulse),
    Count::Shape(Shape::MetaMessaging),
    Count::Shape(Shape::MetaStandby),
    Count::Shape(Shape::MetaChanges),
    Count::Shape(Shape::Whatsapp),
    Count::Shape(Shape::Unknown),
    Count::Released(Outcome::Stored),
    Count::Released(Outcome::Duplicate),
    Count::Released(Outcome::Ignored),
    Count::Erased,
    Count::Expired,
];

/// The place of each channel in the list of how many contacts there ever were. The last one is any other channel.
const CHANNELS: [Channel; 8] = [
    Channel::Instagram,
    Channel::Messenger,
    Channel::Whatsapp,
    Channel::Telegram,
    Channel::Web,
    Channel::Sms,
    Channel::Google,
    Channel::Tiktok,
];

/// A list of counts. What is behind its end is 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts(Vec<i64>);

impl Counts {
    /// How many there are.
    pub fn get(&self, count: Count) -> i64 {
        place_of(count).map_or(0, |place| self.at(place))
    }

    /// Adds some.
    pub(super) fn add(&mut self, count: Count, number: i64) {
        if let Some(place) = place_of(count) {
            self.add_at(place, number);
        }
    }

    /// How many contacts there ever were on a channel, if this is the list of those.
    pub fn contacts(&self, channel: &Channel) -> i64 {
        self.at(channel_place(channel))
    }

    /// Adds contacts of a channel, if this is the list of those.
    pub(super) fn add_contacts(&mut self, channel: &Channel, number: i64) {
        self.add_at(channel_place(channel), number);
    }

    /// Items that are in quarantine now: those that ever came, less those that left. Of the counts of all time.
    pub fn in_quarantine(&self) -> i64 {
        let left = Outcome::ALL.iter().map(|outcome| Count::Released(*outcome));
        let left = left.chain([Count::Erased, Count::Expired]);
        self.get(Count::Item(Outcome::Quarantined)) - left.map(|count| self.get(count)).sum::<i64>()
    }

    fn at(&self, place: usize) -> i64 {
        self.0.get(place).copied().unwrap_or_default()
    }

    fn add_at(&mut self, place: usize, number: i64) {
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        self.0[place] += number;
    }
}

/// `None` for what does not happen: nothing that is counted is spooled, and no item leaves quarantine for quarantine.
fn place_of(count: Count) -> Option<usize> {
    PLACES.iter().position(|one| *one == count)
}

fn channel_place(channel: &Channel) -> usize {
    let place = CHANNELS.iter().position(|one| one == channel);
    place.unwrap_or(CHANNELS.len())
}

/// Seconds in an hour.
pub(crate) const HOUR: i64 = 3600;

/// The hour of a time, counted from 1970.
pub(crate) fn hour_of(time: Timestamp) -> i64 {
    time.as_second().div_euclid(HOUR)
}

/// What a transaction adds to the counts: to all time, and to each hour.
#[derive(Debug, Default)]
pub(super) struct CountChanges {
    pub(super) total: Counts,
    /// By hours since 1970.
    pub(super) hours: BTreeMap<i64, Counts>,
}

impl CountChanges {
    pub(super) fn add(&mut self, hour: i64, count: Count, number: i64) {
        if number != 0 {
            self.total.add(count, number);
            self.hours.entry(hour).or_default().add(count, number);
        }
    }
}

// Postgres keeps a list of counts as bigint[], SQLite as JSON.

impl Type<Postgres> for Counts {
    fn type_info() -> PgTypeInfo {
        <Vec<i64> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Counts {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode_by_ref(&self.0, buffer)
    }
}

impl Decode<'_, Postgres> for Counts {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Decode::<Postgres>::decode(value).map(Self)
    }
}

impl Type<Sqlite> for Counts {
    fn type_info() -> SqliteTypeInfo {
        <str as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Counts {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(serde_json::to_string(&self.0)?, buffer)
    }
}

impl Decode<'_, Sqlite> for Counts {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        let json: &str = Decode::<Sqlite>::decode(value)?;
        Ok(Self(serde_json::from_str(json)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_has_a_place_of_its_own() {
        use Outcome::{Duplicate, Ignored, Quarantined, Stored};
        let kept = [Stored, Duplicate, Ignored, Quarantined];
        let all: Vec<_> = kept
            .map(Count::Delivery)
            .into_iter()
            .chain(kept.map(Count::Item))
            .chain([Stored, Duplicate, Ignored].map(Count::Released))
            .chain(Direction::ALL.iter().map(|one| Count::Direction(*one)))
            .chain(Kind::ALL.iter().map(|one| Count::Kind(*one)))
            .chain(Shape::ALL.iter().map(|one| Count::Shape(*one)))
            .chain([Count::Erased, Count::Expired])
            .collect();
        assert_eq!(all.len(), PLACES.len());
        for count in all {
            assert!(PLACES.contains(&count), "{count:?}");
        }
    }

    #[test]
    fn an_unknown_channel_counts_as_other() {
        let mut contacts = Counts::default();
        contacts.add_contacts(&Channel::Other("viber".to_owned()), 2);
        contacts.add_contacts(&Channel::Instagram, 1);
        assert_eq!(contacts.contacts(&Channel::Instagram), 1);
        assert_eq!(contacts.contacts(&Channel::Other("line".to_owned())), 2);
        assert_eq!(contacts.0.len(), CHANNELS.len() + 1);
    }
}
