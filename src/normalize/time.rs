//! When something was sent. The rules are in `docs/chatrace.md`, section 3.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::scalar;

/// 2010-01-01: before Instagram existed.
const EARLIEST: i64 = 1_262_304_000;
/// No spelling of a time is longer than this.
const MAX_CHARS: usize = 64;
/// Clocks differ and zones are forgotten, but by no more than a day.
const LATEST: SignedDuration = SignedDuration::from_hours(24);

/// The time in a value, if there is one that can be believed of something that arrived at `arrival`.
///
/// Any other time is ignored, also for telling messages apart: many bodies hold a constant `0`.
pub(super) fn believable(value: &Value, arrival: Timestamp) -> Option<Timestamp> {
    parse_time(value).filter(|time| is_believable(*time, arrival))
}

/// Whether a message that arrived at `arrival` can have been sent at `time`.
pub(super) fn is_believable(time: Timestamp, arrival: Timestamp) -> bool {
    time.as_second() >= EARLIEST && time.duration_since(arrival) <= LATEST
}

fn parse_time(value: &Value) -> Option<Timestamp> {
    let text = scalar::label(value)?;
    if text.len() > MAX_CHARS {
        return None;
    }
    parse_number(&text).or_else(|| parse_written(&text))
}

/// A count since 1970. The magnitude tells the unit, whatever the name of the key. A fraction counts: of seconds, it
/// tells apart two messages of one second.
fn parse_number(text: &str) -> Option<Timestamp> {
    let (sign, whole, fraction) = scalar::decimal(text)?;
    let whole: i128 = format!("{sign}{whole}").parse().ok()?;
    let unit = match whole {
        100_000_000_000_000_000.. => 1,
        100_000_000_000_000.. => 1_000,
        100_000_000_000.. => 1_000_000,
        _ => 1_000_000_000,
    };
    let billionths: i128 = format!("{fraction:0<9.9}").parse().ok()?;
    let nanoseconds = whole
        .checked_mul(unit)?
        .checked_add(billionths * unit / 1_000_000_000)?;
    Timestamp::from_nanosecond(nanoseconds).ok()
}

/// ISO 8601 with or without a zone (none: UTC). A date alone is a day, not a time.
fn parse_written(text: &str) -> Option<Timestamp> {
    if !text.contains(':') && !text.contains(['T', 't']) {
        return None;
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let time: DateTime = text.parse().ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The time in a transcript's line: `2026-07-9 2:56pm`, read as UTC.
pub(super) fn parse_transcript_time(text: &str) -> Option<Timestamp> {
    let (day, clock) = text.trim().split_once(' ')?;
    let mut parts = day.splitn(3, '-');
    let year: i16 = parts.next()?.parse().ok()?;
    let month: i8 = parts.next()?.parse().ok()?;
    let day: i8 = parts.next()?.parse().ok()?;
    let clock = clock.trim().to_ascii_lowercase();
    let (clock, half) = match clock.strip_suffix("pm") {
        Some(clock) => (clock, Some(12)),
        None => match clock.strip_suffix("am") {
            Some(clock) => (clock, Some(0)),
            None => (clock.as_str(), None),
        },
    };
    let mut parts = clock.trim().splitn(3, ':');
    let hour: i8 = parts.next()?.parse().ok()?;
    let minute: i8 = parts.next()?.parse().ok()?;
    let second: i8 = parts.next().map_or(Some(0), |second| second.parse().ok())?;
    let hour = match half {
        Some(offset) if (1..=12).contains(&hour) => hour % 12 + offset,
        Some(_) => return None,
        None => hour,
    };
    let day = Date::new(year, month, day).ok()?;
    let time = Time::new(hour, minute, second, 0).ok()?;
    Some(
        DateTime::from_parts(day, time)
            .to_zoned(TimeZone::UTC)
            .ok()?
            .timestamp(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_magnitude_of_a_number_tells_its_unit() {
        let second = at("2026-07-09T14:56:40Z");
        assert_eq!(parse_time(&json!(1_783_609_000)), Some(second));
        assert_eq!(parse_time(&json!(1_783_609_000_000_i64)), Some(second));
        assert_eq!(parse_time(&json!(1_783_609_000_000_000_i64)), Some(second));
        assert_eq!(
            parse_time(&json!(1_783_609_000_000_000_000_i64)),
            Some(second)
        );
        assert_eq!(parse_time(&json!("1783609000")), Some(second));
        assert_eq!(
            parse_time(&json!("1783609000123")),
            Some(at("2026-07-09T14:56:40.123Z"))
        );
        for (literal, time) in [
            ("1.783609000e9", second),
            ("1783609000.75", at("2026-07-09T14:56:40.75Z")),
            ("1.78360900075E9", at("2026-07-09T14:56:40.75Z")),
            ("1783609000123.4", at("2026-07-09T14:56:40.1234Z")),
            ("1783609000.0000000009", second),
        ] {
            let number: Value = serde_json::from_str(literal).unwrap();
            assert_eq!(parse_time(&number), Some(time), "{literal}");
            assert_eq!(parse_time(&json!(literal)), Some(time), "{literal}");
        }
    }

    #[test]
    fn written_times_are_utc_unless_they_name_a_zone() {
        let time = at("2026-07-09T14:56:00Z");
        for text in [
            "2026-07-09T14:56:00Z",
            "2026-07-09T14:56:00",
            "2026-07-09 14:56:00",
            "2026-07-09T14:56:00+00:00",
            "2026-07-09T16:56:00+02:00",
            "2026-07-09T16:56:00+0200",
            "2026-07-09T14:56:00.000Z",
        ] {
            assert_eq!(parse_time(&json!(text)), Some(time), "{text}");
        }
        for text in [
            "2026-07-09",
            "yesterday",
            "",
            "{{last_interaction}}",
            "12:30",
            "-",
        ] {
            assert_eq!(parse_time(&json!(text)), None, "{text}");
        }
    }

    #[test]
    fn a_time_before_2010_or_a_day_ahead_is_not_believed() {
        let arrival = at("2026-07-09T15:00:00Z");
        for value in [
            json!(0),
            json!(-5),
            json!(1_000_000_000),
            json!("2026-07-10T15:00:01Z"),
            json!(i64::MAX),
            json!(true),
        ] {
            assert_eq!(believable(&value, arrival), None, "{value}");
        }
        assert!(believable(&json!("2026-07-10T15:00:00Z"), arrival).is_some());
        assert!(believable(&json!("2010-01-01T00:00:00Z"), arrival).is_some());
    }

    #[test]
    fn a_transcripts_clock_has_two_halves() {
        assert_eq!(
            parse_transcript_time("2026-07-9 2:56pm"),
            Some(at("2026-07-09T14:56:00Z"))
        );
        assert_eq!(
            parse_transcript_time("2026-07-09 12:05am"),
            Some(at("2026-07-09T00:05:00Z"))
        );
        assert_eq!(
            parse_transcript_time("2026-07-09 12:05 PM"),
            Some(at("2026-07-09T12:05:00Z"))
        );
        assert_eq!(
            parse_transcript_time("2026-07-09 23:05"),
            Some(at("2026-07-09T23:05:00Z"))
        );
        for text in [
            "2026-13-09 2:56pm",
            "2026-07-09 25:00",
            "x",
            "2026-07-9 0:56pm",
            "9999999-1-1 1:1",
        ] {
            assert_eq!(parse_transcript_time(text), None, "{text}");
        }
    }
}
