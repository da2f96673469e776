//! Values of filters, as the query of the API and the arguments of commands give them.

use jiff::fmt::temporal::Pieces;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

/// The longest text that is looked for, in characters.
const LONGEST_TEXT: usize = 200;

/// Reads a bound of arrival: RFC 3339, to the millisecond.
///
/// # Errors
/// A sentence for the caller.
pub(crate) fn parse_moment(text: &str) -> Result<Timestamp, String> {
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

/// Reads a time. The year 9999 has hours that a [`Timestamp`] does not have, and some offsets make others of them: such
/// a time becomes the last one that there is, or the first.
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
}
