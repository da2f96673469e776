//! Values of filters, as the query of the API and the arguments of commands give them.

use jiff::civil::Time;
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use jiff::{RoundMode, SignedDuration, Span, SpanRelativeTo, Timestamp, TimestampRound, Unit};

/// The longest text that is looked for, in characters.
const LONGEST_TEXT: usize = 200;

/// A bound of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A time, to the millisecond.
    At(Timestamp),
    /// So long ago.
    Ago(SignedDuration),
}

impl Moment {
    /// The time that is meant now.
    pub(crate) fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Ago(duration) => {
                let moment = now.checked_sub(duration).unwrap_or(Timestamp::UNIX_EPOCH);
                stored(moment)
            }
        }
    }
}

/// Reads a bound that stays where it is.
///
/// # Errors
/// A sentence for the caller.
pub(crate) fn parse_fixed_moment(text: &str) -> Result<Timestamp, String> {
    match parse_moment(text)? {
        Moment::At(moment) => Ok(moment),
        Moment::Ago(_) => Err("must be a time or a date: how long ago would change".to_owned()),
    }
}

/// Reads a bound of arrival: a time as in RFC 3339, a date, which is its beginning in UTC, or how long ago.
///
/// # Errors
/// A sentence for the caller.
pub(crate) fn parse_moment(text: &str) -> Result<Moment, String> {
    let moment = parse_time(text).map(|moment| Moment::At(stored(moment)));
    moment.or_else(|| parse_ago(text)).ok_or_else(|| {
        "must be a time as in RFC 3339, such as 2026-07-09T14:56:00Z (a + in a URL is written %2B), a date such as \
         2026-07-09, or how long ago, such as 7d or 12h"
            .to_owned()
    })
}

/// A time as every backend keeps it: in milliseconds. In between, the next one is the bound.
fn stored(moment: Timestamp) -> Timestamp {
    let rounding = TimestampRound::new()
        .smallest(Unit::Millisecond)
        .mode(RoundMode::Ceil);
    // The last times there are cannot be rounded up.
    let moment = moment.round(rounding).unwrap_or(Timestamp::MAX);
    // Nothing arrived before, and not every backend knows times that are far away.
    moment.max(Timestamp::UNIX_EPOCH)
}

/// Reads how long ago. A day has 24 hours; how long a month is depends on which.
fn parse_ago(text: &str) -> Option<Moment> {
    let span: Span = text.parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    (!duration.is_negative()).then_some(Moment::Ago(duration))
}

/// Reads a time or a date. The year 9999 has hours that a [`Timestamp`] does not have, and some offsets make others of
/// them: such a time becomes the last one that there is, or the first.
fn parse_time(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    let pieces = Pieces::parse(text).ok()?;
    let (time, offset) = match (pieces.time(), pieces.to_numeric_offset()) {
        (Some(time), Some(offset)) => (time, offset),
        (None, None) if pieces.time_zone_annotation().is_none() => (Time::midnight(), Offset::UTC),
        _ => return None,
    };
    let civil = pieces.date().to_datetime(time);
    match offset.to_timestamp(civil) {
        Ok(moment) => pieces.time().is_none().then_some(moment),
        Err(_) if civil.year() > 0 => Some(Timestamp::MAX),
        Err(_) => Some(Timestamp::MIN),
    }
}

/// Reads a text to look for.
///
/// # Errors
/// A sentence for the caller.
pub(crate) fn parse_text(text: &str) -> Result<String, String> {
    match text.chars().count() {
        1..=LONGEST_TEXT => Ok(text.to_owned()),
        _ => Err(format!("must have 1 to {LONGEST_TEXT} characters")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Timestamp> {
        let now = "2026-11-28T12:00:00.0001Z".parse().unwrap();
        parse_moment(text).ok().map(|moment| moment.resolve(now))
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_bound_between_two_milliseconds_is_the_later_one() {
        let moment = parse("2026-07-09T16:56:00.0001+02:00");
        assert_eq!(moment, Some(time("2026-07-09T14:56:00.001Z")));
    }

    #[test]
    fn a_date_is_its_beginning_in_utc() {
        assert_eq!(parse("2026-11-01"), Some(time("2026-11-01T00:00:00Z")));
        assert_eq!(parse("9999-12-31"), Some(Timestamp::MAX));
        assert_eq!(parse("1969-12-31"), Some(Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn how_long_ago_is_counted_from_now() {
        for (text, expected) in [
            ("30m", "2026-11-28T11:30:00.001Z"),
            ("12h", "2026-11-28T00:00:00.001Z"),
            ("7d", "2026-11-21T12:00:00.001Z"),
            ("2w", "2026-11-14T12:00:00.001Z"),
            ("1d 12h", "2026-11-27T00:00:00.001Z"),
            ("0s", "2026-11-28T12:00:00.001Z"),
            ("99999w", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(parse(text), Some(time(expected)), "{text}");
        }
    }

    #[test]
    fn what_is_no_bound_is_refused() {
        for wrong in [
            "yesterday",
            "1",
            "7",
            "-7d",
            "7d ago",
            "1mo",
            "1y",
            "",
            "2026-13-01",
            "2026-11-01[Europe/Berlin]",
            "2026-11-01T12:00:00",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_bound_beyond_all_times_is_the_last_or_the_first() {
        for last in ["9999-12-31T23:59:59Z", "9999-12-30T23:00:00.001-01:00"] {
            assert_eq!(parse(last), Some(Timestamp::MAX), "{last}");
        }
        for first in ["0000-01-01T00:00:00Z", "-009999-01-01T00:00:00+23:00"] {
            assert_eq!(parse(first), Some(Timestamp::UNIX_EPOCH), "{first}");
        }
        for wrong in [
            "9999-12-31T23:59:59",
            "9999-13-01T00:00:00Z",
            "99999-01-01T00:00:00Z",
        ] {
            assert!(parse_moment(wrong).is_err(), "{wrong}");
        }
    }
}
