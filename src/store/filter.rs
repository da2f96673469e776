//! What can be asked for.

use jiff::fmt::temporal::Pieces;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use crate::delivery::Outcome;
use crate::message::{Channel, Direction, Kind};

/// Which part of a list is wanted: at most `limit` rows with a position greater than `after` and up to `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
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

/// The longest text that is looked for, in characters.
const LONGEST_TEXT: usize = 200;

/// Reads a bound of arrival: RFC 3339, to the millisecond.
///
/// # Errors
/// A sentence for whoever gave it.
pub fn parse_moment(text: &str) -> Result<Timestamp, String> {
    // Every backend keeps milliseconds: in between, the next one is the bound.
    let rounding = TimestampRound::new()
        .smallest(Unit::Millisecond)
        .mode(RoundMode::Ceil);
    parse_time(text)
        // The last times there are cannot be rounded up.
        .map(|moment| moment.round(rounding).unwrap_or(Timestamp::MAX))
        // Nothing arrived before, and not every backend knows times that are far away.
        .map(|moment| moment.max(Timestamp::UNIX_EPOCH))
        .ok_or_else(|| {
            "must be a time as in RFC 3339, such as 2026-07-09T14:56:00Z (a + in a URL is written %2B)"
                .to_owned()
        })
}

/// Reads a time. The year 9999 has hours that a [`Timestamp`] does not have, and some offsets make others of them: such a
/// time becomes the last one that there is, or the first.
fn parse_time(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    let pieces = Pieces::parse(text).ok()?;
    let civil = pieces.date().to_datetime(pieces.time()?);
    match pieces.to_numeric_offset()?.to_timestamp(civil) {
        // It is the text that is wrong.
        Ok(_) => None,
        Err(_) if civil.year() > 0 => Some(Timestamp::MAX),
        Err(_) => Some(Timestamp::MIN),
    }
}

/// Reads a text to look for.
///
/// # Errors
/// A sentence for whoever gave it.
pub fn parse_text(text: &str) -> Result<String, String> {
    match text.chars().count() {
        1..=LONGEST_TEXT => Ok(text.to_owned()),
        _ => Err(format!("must have 1 to {LONGEST_TEXT} characters")),
    }
}

/// Which contacts are wanted; an absent condition lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactFilter {
    /// On this channel.
    pub channel: Option<Channel>,
}

/// Which deliveries are wanted; an absent condition lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// With this outcome. `Quarantined`: with any item still in quarantine, whatever the delivery's own outcome.
    pub outcome: Option<Outcome>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_pattern_is_looked_for_as_it_stands() {
        assert_eq!(MessageFilter::pattern(r"50%_\o/"), r"%50\%\_\\o/%");
    }

    #[test]
    fn a_bound_between_two_milliseconds_is_the_later_one() {
        let moment = parse_moment("2026-07-09T16:56:00.0001+02:00").unwrap();
        assert_eq!(moment, "2026-07-09T14:56:00.001Z".parse().unwrap());
        assert!(parse_moment("yesterday").is_err());
        assert!(parse_moment("2026-07-09").is_err());
    }

    #[test]
    fn a_bound_beyond_all_times_is_the_last_or_the_first() {
        for last in ["9999-12-31T23:59:59Z", "9999-12-30T23:00:00.001-01:00"] {
            assert_eq!(parse_moment(last), Ok(Timestamp::MAX), "{last}");
        }
        for first in ["0000-01-01T00:00:00Z", "-009999-01-01T00:00:00+23:00"] {
            assert_eq!(parse_moment(first), Ok(Timestamp::UNIX_EPOCH), "{first}");
        }
        for wrong in [
            "9999-12-31",
            "9999-12-31T23:59:59",
            "9999-13-01T00:00:00Z",
            "99999-01-01T00:00:00Z",
        ] {
            assert!(parse_moment(wrong).is_err(), "{wrong}");
        }
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
