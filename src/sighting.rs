//! What comes near the webhook without becoming a delivery: the requests that explain why nothing arrives.
//!
//! Domain types only: no I/O, no SQL, no HTTP. Whatever scanners send, a [`Tally`] is small: one entry for each sort,
//! and of wrong paths one for each path among [`Tally::PATHS`], the rest summed under [`OTHER_PATHS`].

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::delivery::Rejection;
use crate::named::impl_named;

/// What was seen, most upstream first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Sight {
    /// TLS was spoken to the plain HTTP port.
    Tls,
    /// A request to a path that resembles the webhook's.
    WrongPath,
    /// Something was sent to a path that is for reading.
    ReadingPath,
    /// A method that the webhook does not take.
    Method,
    /// A secret is needed, and none came.
    MissingSecret,
    /// None of the secrets that came is valid.
    WrongSecret,
    /// `X-Hub-Signature-256` does not fit the body.
    BadSignature,
    /// Meta's verification came with a wrong token.
    Handshake,
    /// The body is empty.
    Empty,
    /// The body did not arrive whole, or not in time.
    Incomplete,
    /// The body is too large.
    TooLarge,
    /// The body is neither JSON nor a form. It is kept, so this is a delivery as well.
    Unreadable,
    /// It could not be kept: 503.
    NotKept,
    /// No miss: Meta verified the webhook URL.
    Verified,
    /// No miss: a process started. The first is when the service was set up.
    Started,
}

impl_named!(Sight);

impl Sight {
    /// Whether it is a message that may have been meant for the webhook and did not arrive.
    pub fn is_miss(self) -> bool {
        !matches!(self, Self::Verified | Self::Started)
    }
}

impl From<Rejection> for Sight {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::MissingSecret => Self::MissingSecret,
            Rejection::WrongSecret => Self::WrongSecret,
            Rejection::BadSignature => Self::BadSignature,
            Rejection::Empty => Self::Empty,
            Rejection::TooLarge => Self::TooLarge,
            Rejection::Incomplete => Self::Incomplete,
            Rejection::Method => Self::Method,
            Rejection::Handshake => Self::Handshake,
            Rejection::NotKept => Self::NotKept,
        }
    }
}

/// The path of wrong paths that found no room of their own.
pub const OTHER_PATHS: &str = "(other)";

/// One request, in short texts without control characters and without anything that could be a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// The HTTP method.
    pub method: String,
    /// The path without its query; parts that could be a credential are left out.
    pub path: String,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
}

/// Methods of somebody who only looks whether there is anything: a browser, a scanner, a monitor.
const LOOKS: [&str; 6] = ["GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"];

impl Sample {
    /// Whether it was meant to bring something.
    pub fn sends(&self) -> bool {
        !LOOKS.contains(&self.method.as_str())
    }
}

/// How often something was seen, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What.
    pub sight: Sight,
    /// Of wrong paths: which one. Empty for everything else.
    pub path: String,
    /// How often.
    pub count: i64,
    /// When first.
    pub first_at: Timestamp,
    /// When last.
    pub last_at: Timestamp,
    /// When last somebody sent something, and did not only look.
    pub sent_at: Option<Timestamp>,
    /// The last request of which there is a sample, before all others one that sent something.
    pub sample: Option<Sample>,
}

impl Sighting {
    /// Something that was seen once.
    pub fn once(sight: Sight, at: Timestamp, sample: Option<Sample>) -> Self {
        let path = match &sample {
            Some(sample) if sight == Sight::WrongPath => sample.path.clone(),
            _ => String::new(),
        };
        Self {
            sight,
            path,
            count: 1,
            first_at: at,
            last_at: at,
            sent_at: sample.as_ref().filter(|sample| sample.sends()).map(|_| at),
            sample,
        }
    }

    /// Adds what else was seen. Near misses that ended a day before others began are over: the count begins anew.
    fn absorb(&mut self, other: Self) {
        if !self.sight.is_miss() || !self.ended_before(&other) && !other.ended_before(self) {
            self.sum(other);
        } else if self.ended_before(&other) {
            *self = other;
        }
    }

    fn ended_before(&self, other: &Self) -> bool {
        other.first_at.duration_since(self.last_at) > STALE
    }

    fn sum(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.first_at = self.first_at.min(other.first_at);
        if self.sample.is_none() || (other.sent_at, other.last_at) >= (self.sent_at, self.last_at) {
            self.sample = other.sample.or(self.sample.take());
        }
        self.last_at = self.last_at.max(other.last_at);
        self.sent_at = self.sent_at.max(other.sent_at);
    }
}

/// What was seen, added up. Its size is bounded whatever is added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<(Sight, String), Sighting>);

/// A near miss that was not seen during this time is over, and a path makes room for another.
const STALE: SignedDuration = SignedDuration::from_hours(24);

impl Tally {
    /// How many wrong paths have an entry of their own.
    pub const PATHS: usize = 20;

    /// Adds what was seen.
    pub fn add(&mut self, mut sighting: Sighting) {
        if sighting.sight == Sight::WrongPath && !self.has_room_for(&sighting) {
            match self.stale_path(sighting.last_at) {
                Some(stale) => self.move_to_others(&stale),
                None => OTHER_PATHS.clone_into(&mut sighting.path),
            }
        }
        self.put(sighting);
    }

    /// Everything that was seen, most upstream first.
    pub fn iter(&self) -> impl Iterator<Item = &Sighting> {
        self.0.values()
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that was seen of one sort, its paths added up.
    pub fn all_of(&self, sight: Sight) -> Option<Sighting> {
        self.iter()
            .filter(|seen| seen.sight == sight)
            .cloned()
            .reduce(|mut sum, one| {
                sum.sum(one);
                sum
            })
    }

    /// The entries that differ from `before`, or are not in it, and those of `before` that are gone.
    pub fn changes<'a>(&'a self, before: &'a Self) -> (Vec<&'a Sighting>, Vec<&'a Sighting>) {
        let changed = self
            .0
            .iter()
            .filter(|(key, one)| before.0.get(key) != Some(one));
        let gone = before.0.iter().filter(|(key, _)| !self.0.contains_key(key));
        (
            changed.map(|(_, one)| one).collect(),
            gone.map(|(_, one)| one).collect(),
        )
    }

    fn put(&mut self, sighting: Sighting) {
        let key = (sighting.sight, sighting.path.clone());
        match self.0.get_mut(&key) {
            Some(known) => known.absorb(sighting),
            None => {
                self.0.insert(key, sighting);
            }
        }
    }

    fn paths(&self) -> impl Iterator<Item = &Sighting> {
        self.iter()
            .filter(|seen| seen.sight == Sight::WrongPath && seen.path != OTHER_PATHS)
    }

    fn has_room_for(&self, sighting: &Sighting) -> bool {
        sighting.path == OTHER_PATHS
            || self.paths().count() < Self::PATHS
            || self.paths().any(|known| known.path == sighting.path)
    }

    /// The path that was not asked for the longest, if it is long enough.
    fn stale_path(&self, now: Timestamp) -> Option<String> {
        let oldest = self.paths().min_by_key(|seen| seen.last_at)?;
        (now.duration_since(oldest.last_at) > STALE).then(|| oldest.path.clone())
    }

    fn move_to_others(&mut self, path: &str) {
        if let Some(mut moved) = self.0.remove(&(Sight::WrongPath, path.to_owned())) {
            OTHER_PATHS.clone_into(&mut moved.path);
            self.put(moved);
        }
    }
}

impl FromIterator<Sighting> for Tally {
    fn from_iter<I: IntoIterator<Item = Sighting>>(sightings: I) -> Self {
        let mut tally = Self::default();
        for sighting in sightings {
            tally.add(sighting);
        }
        tally
    }
}

impl IntoIterator for Tally {
    type Item = Sighting;
    type IntoIter = std::collections::btree_map::IntoValues<(Sight, String), Sighting>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn wrong(path: &str, second: i64) -> Sighting {
        let sample = Sample {
            method: "POST".to_owned(),
            path: path.to_owned(),
            content_type: None,
            user_agent: None,
        };
        Sighting::once(Sight::WrongPath, at(second), Some(sample))
    }

    #[test]
    fn the_same_is_added_up_in_any_order() {
        let tally: Tally = [wrong("/a", 5), wrong("/a", 1), wrong("/a", 3)]
            .into_iter()
            .collect();
        let [seen] = &tally.iter().collect::<Vec<_>>()[..] else {
            panic!("{tally:?}")
        };
        assert_eq!((seen.count, seen.first_at, seen.last_at), (3, at(1), at(5)));
    }

    #[test]
    fn who_looks_afterwards_does_not_hide_who_sent() {
        let looked = || {
            let mut sighting = wrong("/a", 5);
            let sample = sighting.sample.take().unwrap();
            let sample = Sample {
                method: "GET".to_owned(),
                ..sample
            };
            Sighting::once(Sight::WrongPath, at(5), Some(sample))
        };
        for order in [[wrong("/a", 1), looked()], [looked(), wrong("/a", 1)]] {
            let seen = order.into_iter().collect::<Tally>();
            let seen = seen.all_of(Sight::WrongPath).unwrap();
            assert_eq!(
                (seen.count, seen.last_at, seen.sent_at),
                (2, at(5), Some(at(1)))
            );
            assert_eq!(seen.sample.unwrap().method, "POST");
        }
    }

    #[test]
    fn after_a_day_without_any_they_are_counted_anew() {
        let day = STALE.as_secs();
        let (old, new) = (
            || [wrong("/a", 0), wrong("/a", 9)],
            || wrong("/a", day + 10),
        );
        let [first, second] = old();
        let mut late = Tally::default();
        late.add(new());
        late.add(second);
        late.add(first);
        for tally in [
            old().into_iter().chain([new()]).collect(),
            // As from another replica, which saw the old ones and tells of them later.
            late,
        ] {
            let tally: Tally = tally;
            let [seen] = &tally.iter().collect::<Vec<_>>()[..] else {
                panic!("{tally:?}")
            };
            assert_eq!((seen.count, seen.first_at), (1, at(day + 10)));
        }
        let within = [wrong("/a", 0), wrong("/a", day)];
        let within: Tally = within.into_iter().collect();
        assert_eq!(within.iter().next().unwrap().count, 2);
    }

    #[test]
    fn ten_thousand_paths_are_a_few_entries_and_none_is_lost() {
        let tally: Tally = (0..10_000)
            .map(|number| wrong(&format!("/{number}"), number))
            .collect();
        assert_eq!(tally.iter().count(), Tally::PATHS + 1);
        assert_eq!(tally.all_of(Sight::WrongPath).unwrap().count, 10_000);
    }

    #[test]
    fn a_path_of_yesterday_makes_room_for_one_of_today() {
        let mut tally: Tally = (0..20)
            .map(|number| wrong(&format!("/{number}"), number))
            .collect();
        tally.add(wrong("/today", 25 * 3600));
        assert!(tally.iter().any(|seen| seen.path == "/today"));
        assert!(
            tally.iter().all(|seen| seen.path != "/0"),
            "the oldest is gone"
        );
        assert_eq!(tally.iter().count(), Tally::PATHS + 1);
        assert_eq!(tally.all_of(Sight::WrongPath).unwrap().count, 21);
    }

    #[test]
    fn changes_are_what_has_to_be_written() {
        let before: Tally = [wrong("/a", 1), wrong("/b", 1)].into_iter().collect();
        let mut after = before.clone();
        after.add(wrong("/b", 2));
        let (changed, gone) = after.changes(&before);
        assert_eq!((changed.len(), changed[0].count, gone.len()), (1, 2, 0));
    }
}
