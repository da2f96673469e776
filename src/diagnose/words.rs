//! Times and numbers as the sentences of the checks need them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::i18n::Text;

/// A time in UTC: `14:02`, with its date if that is not today.
pub(super) fn time(time: Timestamp, now: Timestamp) -> Text {
    moment(time, now, "time-today", "time-dated")
}

/// `at 14:02` or `on 2026-11-21 14:02`.
pub(super) fn at(time: Timestamp, now: Timestamp) -> Text {
    moment(time, now, "at-time", "on-date")
}

fn moment(time: Timestamp, now: Timestamp, today: &'static str, dated: &'static str) -> Text {
    let time = time.to_zoned(TimeZone::UTC);
    let is_today = time.date() == now.to_zoned(TimeZone::UTC).date();
    let part = |format| time.strftime(format).to_string();
    if is_today {
        return Text::new(today).with("time", part("%H:%M"));
    }
    Text::new(dated)
        .with("year", part("%Y"))
        .with("month", part("%m"))
        .with("day", part("%d"))
        .with("time", part("%H:%M"))
}

/// Why an item is not stored: what its code means, and the words that were stored with it.
pub(super) fn reason(code: Option<&str>, words: &str) -> Text {
    let known = code.and_then(|code| Text::find(format!("reason-{}", code.replace('_', "-"))));
    match known {
        Some(known) => known.with("reason", words),
        // An item of another version may have another code.
        None => words.to_owned().into(),
    }
}

/// A length of time in its largest unit only.
pub(super) fn length(duration: Duration) -> Text {
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        0..=119 => (seconds, "seconds"),
        120..=7199 => (seconds / 60, "minutes"),
        7200..=172_799 => (seconds / 3600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    Text::new(unit).with("count", count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::ReasonCode;
    use crate::i18n::Locale;

    #[test]
    fn a_time_has_its_date_when_it_is_not_today() {
        let now = "2026-11-22T16:00:00Z".parse().unwrap();
        let today = at("2026-11-22T14:02:59Z".parse().unwrap(), now);
        assert_eq!(today, "at 14:02");
        assert_eq!(today.in_locale(Locale::Ru), "в 14:02 UTC");
        let yesterday = at("2026-11-21T23:59:00Z".parse().unwrap(), now);
        assert_eq!(yesterday, "on 2026-11-21 23:59");
        assert_eq!(yesterday.in_locale(Locale::Ru), "21.11.2026 в 23:59 UTC");
    }

    #[test]
    fn every_reason_is_explained_and_quoted() {
        for code in ReasonCode::ALL {
            let reason = reason(Some(code.as_str()), "as stored");
            assert_eq!(reason, "as stored");
            let russian = reason.in_locale(Locale::Ru);
            assert!(russian.ends_with("(«as stored»)"), "{russian}");
        }
        let unknown = reason(Some("later"), "as stored");
        assert_eq!(unknown.in_locale(Locale::Ru), "as stored");
    }

    #[test]
    fn one_is_one_and_more_are_many() {
        let words = |seconds, locale| length(Duration::from_secs(seconds)).in_locale(locale);
        assert_eq!(words(1, Locale::En), "1 second");
        assert_eq!(words(0, Locale::En), "0 seconds");
        assert_eq!(words(3 * 3600, Locale::En), "3 hours");
        assert_eq!(words(21 * 60, Locale::Ru), "21 минуту");
        assert_eq!(words(3 * 3600, Locale::Ru), "3 часа");
        assert_eq!(words(11 * 86_400, Locale::Ru), "11 дней");
    }
}
