//! The usual rhythm of messages: how many come in each hour of the week.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::store::{HOUR, hour_of};

const HOURS_OF_A_WEEK: i64 = 168;
/// How many past weeks count.
const WEEKS: i64 = 4;
/// With so many weeks, the busiest is left out: a single one is no rhythm.
const ENOUGH: usize = 3;

/// How many messages came in each hour of the last weeks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rhythm {
    counts: HashMap<i64, i64>,
    /// The first hour with messages.
    first: Option<i64>,
}

impl Rhythm {
    /// How far back [`new`](Self::new) needs counts.
    pub const HISTORY: SignedDuration = SignedDuration::from_hours(HOURS_OF_A_WEEK * WEEKS + 24);

    /// Takes the number of messages by hour since 1970.
    pub fn new(counts: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let counts: HashMap<_, _> = counts.into_iter().collect();
        Self {
            first: counts.keys().min().copied(),
            counts,
        }
    }

    /// How many days of history there are.
    pub fn days(&self, now: Timestamp) -> u32 {
        let hours = self.first.map_or(0, |first| hour_of(now) - first);
        u32::try_from(hours / 24).unwrap_or_default()
    }

    /// How many messages usually arrive between two times. At most [`HISTORY`](Self::HISTORY) is looked at.
    pub fn expected(&self, from: Timestamp, until: Timestamp) -> f64 {
        let from = from.max(until.checked_sub(Self::HISTORY).unwrap_or(from));
        (hour_of(from)..=hour_of(until))
            .map(|hour| {
                let begin = to_float(hour * HOUR).max(seconds(from));
                let end = to_float((hour + 1) * HOUR).min(seconds(until));
                (end - begin).max(0.0) / to_float(HOUR) * self.rate(hour)
            })
            .sum()
    }

    /// How many messages usually arrive in such an hour: the mean of the same hour in the weeks before.
    fn rate(&self, hour: i64) -> f64 {
        let Some(first) = self.first else { return 0.0 };
        let mut before: Vec<_> = (1..=WEEKS)
            .map(|weeks| hour - weeks * HOURS_OF_A_WEEK)
            .filter(|before| *before >= first)
            .map(|before| self.counts.get(&before).copied().unwrap_or_default())
            .collect();
        before.sort_unstable();
        if before.len() >= ENOUGH {
            before.pop();
        }
        if before.is_empty() {
            return 0.0;
        }
        let count = u32::try_from(before.len()).unwrap_or(u32::MAX);
        to_float(before.iter().sum()) / f64::from(count)
    }
}

fn seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "neither times nor counts come near 2^53"
)]
fn to_float(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::config::SilenceAfter;
    use crate::silence::{Assessment, assess};

    /// A Monday, 00:00.
    const MONDAY: i64 = 1_700_438_400;
    const DAY: i64 = 86_400;
    const MINUTE: i64 = 60;

    /// Arrivals that come by chance, many by day, hardly any by night, fewer on weekends. In seconds since `MONDAY`.
    fn arrivals(mut seed: u64, days: i64, by_day: f64) -> Vec<i64> {
        let mut random = move || {
            // https://en.wikipedia.org/wiki/Xorshift
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            f64::from(u32::try_from(seed >> 32).unwrap()) / f64::from(u32::MAX)
        };
        let chance = |minute: i64| {
            let (day, hour) = (minute / 1440 % 7, minute / 60 % 24);
            let weekend = if day >= 5 { 0.3 } else { 1.0 };
            let night = if (8..22).contains(&hour) { 1.0 } else { 0.01 };
            by_day / 60.0 * weekend * night
        };
        (0..days * 1440)
            .filter(|minute| random() < chance(*minute))
            .map(|minute| minute * MINUTE)
            .collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(MONDAY + second).unwrap()
    }

    /// The number of arrivals in each hour.
    fn by_hour(arrivals: &[i64]) -> BTreeMap<i64, i64> {
        let mut hours = BTreeMap::new();
        for arrival in arrivals {
            *hours.entry(hour_of(at(*arrival))).or_default() += 1;
        }
        hours
    }

    /// The assessment at a time, given the arrivals before it.
    fn assessed(arrivals: &[i64], hours: &BTreeMap<i64, i64>, now: i64) -> Assessment {
        let known = hour_of(at(now) - Rhythm::HISTORY) + 1..=hour_of(at(now));
        let counts = hours.range(known).map(|(hour, count)| (*hour, *count));
        let last = arrivals[..arrivals.partition_point(|arrival| *arrival <= now)].last();
        let last = last.map(|last| at(*last));
        assess(SilenceAfter::Auto, at(now), last, &Rhythm::new(counts))
    }

    fn is_silent(assessment: Assessment) -> bool {
        matches!(assessment, Assessment::Silent { .. })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn usual_days_and_quiet_nights_do_not_alarm(seed in 1_u64.., by_day in 2.0_f64..30.0) {
            let arrivals = arrivals(seed, 35, by_day);
            let hours = by_hour(&arrivals);
            for now in (14 * DAY..35 * DAY).step_by(130 * 60) {
                prop_assert!(!is_silent(assessed(&arrivals, &hours, now)), "on day {}", now / DAY);
            }
        }

        #[test]
        fn silence_is_noticed_by_day_within_hours_and_by_night_in_the_morning(
            seed in 1_u64.., by_day in 6.0_f64..30.0, cut_hour in 0_i64..24
        ) {
            let mut arrivals = arrivals(seed, 30, by_day);
            // A Tuesday.
            let cut = 29 * DAY + cut_hour * 3600;
            arrivals.retain(|arrival| *arrival < cut);
            let hours = by_hour(&arrivals);
            let first = (cut..cut + 2 * DAY)
                .step_by(30 * 60)
                .find(|now| is_silent(assessed(&arrivals, &hours, *now)));
            let hours = first.map(|first| (first - cut) / 3600);
            // Half the usual messages of the day's fourteen hours are more than enough, and the night does not count.
            prop_assert!(hours.is_some_and(|hours| hours <= 15), "{hours:?} hours after {cut_hour}:00");
        }
    }

    #[test]
    fn a_rhythm_takes_a_week_to_learn() {
        let arrivals = arrivals(7, 10, 20.0);
        let hours = by_hour(&arrivals);
        for day in 1..7 {
            let assessment = assessed(&arrivals, &hours, day * DAY + DAY / 2);
            assert!(
                matches!(assessment, Assessment::TooEarly { .. }),
                "day {day}: {assessment:?}"
            );
        }
        assert_eq!(assessed(&arrivals, &hours, 8 * DAY), Assessment::Usual);
    }

    #[test]
    fn one_busy_hour_is_no_rhythm() {
        let mut arrivals = arrivals(7, 28, 3.0);
        let busy = 15 * DAY + 3 * 3600;
        arrivals.extend(std::iter::repeat_n(busy, 5_000));
        arrivals.sort_unstable();
        let hours = by_hour(&arrivals);
        let night = 22 * DAY + 6 * 3600;
        assert!(!is_silent(assessed(&arrivals, &hours, night)));
    }
}
