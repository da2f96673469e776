//! Rejected requests, merged into a few entries.
//!
//! Whatever scanners send, a [`RejectionLog`] is small: one entry for each reason; and of wrong paths one for each of
//! [`RejectionLog::PATHS`] paths, the rest summed up under [`RejectionLog::OTHER_PATHS`].

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{RejectReason, RejectedRequest, STALE_AFTER};

/// Rejected requests by reason and path. Its size is bounded whatever is added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectionLog(BTreeMap<(RejectReason, String), RejectedRequest>);

impl RejectionLog {
    /// How many wrong paths have an entry of their own.
    pub const PATHS: usize = 20;

    /// The path of wrong paths that have no entry of their own.
    pub const OTHER_PATHS: &'static str = "(other)";

    /// Adds one or more requests.
    pub fn add(&mut self, mut rejected: RejectedRequest) {
        if rejected.reason == RejectReason::WrongPath && !self.has_room_for(&rejected) {
            match self.oldest_stale_path(rejected.last_at) {
                Some(stale) => self.move_to_others(&stale),
                None => Self::OTHER_PATHS.clone_into(&mut rejected.path),
            }
        }
        self.put(rejected);
    }

    /// Every entry, most upstream first.
    pub fn iter(&self) -> impl Iterator<Item = &RejectedRequest> {
        self.0.values()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All requests rejected for one reason, over all paths.
    pub fn all_of(&self, reason: RejectReason) -> Option<RejectedRequest> {
        self.iter()
            .filter(|one| one.reason == reason)
            .cloned()
            .reduce(|mut sum, one| {
                sum.sum(one);
                sum
            })
    }

    /// The entries that differ from `before`, or are not in it, and those of `before` that are gone.
    pub fn changes<'a>(
        &'a self,
        before: &'a Self,
    ) -> (Vec<&'a RejectedRequest>, Vec<&'a RejectedRequest>) {
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

    fn put(&mut self, rejected: RejectedRequest) {
        let key = (rejected.reason, rejected.path.clone());
        match self.0.get_mut(&key) {
            Some(known) => known.merge(rejected),
            None => {
                self.0.insert(key, rejected);
            }
        }
    }

    fn paths(&self) -> impl Iterator<Item = &RejectedRequest> {
        self.iter()
            .filter(|one| one.reason == RejectReason::WrongPath && one.path != Self::OTHER_PATHS)
    }

    fn has_room_for(&self, rejected: &RejectedRequest) -> bool {
        rejected.path == Self::OTHER_PATHS
            || self.paths().count() < Self::PATHS
            || self.paths().any(|known| known.path == rejected.path)
    }

    /// The path that was not asked for for the longest time, if that time is long enough.
    fn oldest_stale_path(&self, now: Timestamp) -> Option<String> {
        let oldest = self.paths().min_by_key(|path| path.last_at)?;
        (now.duration_since(oldest.last_at) > STALE_AFTER).then(|| oldest.path.clone())
    }

    fn move_to_others(&mut self, path: &str) {
        if let Some(mut moved) = self.0.remove(&(RejectReason::WrongPath, path.to_owned())) {
            Self::OTHER_PATHS.clone_into(&mut moved.path);
            self.put(moved);
        }
    }
}

impl FromIterator<RejectedRequest> for RejectionLog {
    fn from_iter<I: IntoIterator<Item = RejectedRequest>>(requests: I) -> Self {
        let mut log = Self::default();
        for request in requests {
            log.add(request);
        }
        log
    }
}

impl IntoIterator for RejectionLog {
    type Item = RejectedRequest;
    type IntoIter =
        std::collections::btree_map::IntoValues<(RejectReason, String), RejectedRequest>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rejection::RequestSample;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn wrong(path: &str, second: i64) -> RejectedRequest {
        let sample = RequestSample {
            method: "POST".to_owned(),
            path: path.to_owned(),
            content_type: None,
            user_agent: None,
        };
        RejectedRequest::once(RejectReason::WrongPath, at(second), Some(sample))
    }

    #[test]
    fn the_same_is_added_up_in_any_order() {
        let log: RejectionLog = [wrong("/a", 5), wrong("/a", 1), wrong("/a", 3)]
            .into_iter()
            .collect();
        let [seen] = &log.iter().collect::<Vec<_>>()[..] else {
            panic!("{log:?}")
        };
        assert_eq!((seen.count, seen.first_at, seen.last_at), (3, at(1), at(5)));
    }

    #[test]
    fn who_looks_afterwards_does_not_hide_who_sent() {
        let looked = || {
            let mut rejected = wrong("/a", 5);
            let sample = rejected.sample.take().unwrap();
            let sample = RequestSample {
                method: "GET".to_owned(),
                ..sample
            };
            RejectedRequest::once(RejectReason::WrongPath, at(5), Some(sample))
        };
        for order in [[wrong("/a", 1), looked()], [looked(), wrong("/a", 1)]] {
            let seen = order.into_iter().collect::<RejectionLog>();
            let seen = seen.all_of(RejectReason::WrongPath).unwrap();
            assert_eq!(
                (seen.count, seen.last_at, seen.sent_at),
                (2, at(5), Some(at(1)))
            );
            assert_eq!(seen.sample.unwrap().method, "POST");
        }
    }

    #[test]
    fn after_a_day_without_any_they_are_counted_anew() {
        let day = STALE_AFTER.as_secs();
        let (old, new) = (
            || [wrong("/a", 0), wrong("/a", 9)],
            || wrong("/a", day + 10),
        );
        let [first, second] = old();
        let mut late = RejectionLog::default();
        late.add(new());
        late.add(second);
        late.add(first);
        for log in [
            old().into_iter().chain([new()]).collect(),
            // As from another replica, which saw the old ones and tells of them later.
            late,
        ] {
            let log: RejectionLog = log;
            let [seen] = &log.iter().collect::<Vec<_>>()[..] else {
                panic!("{log:?}")
            };
            assert_eq!((seen.count, seen.first_at), (1, at(day + 10)));
        }
        let within = [wrong("/a", 0), wrong("/a", day)];
        let within: RejectionLog = within.into_iter().collect();
        assert_eq!(within.iter().next().unwrap().count, 2);
    }

    #[test]
    fn ten_thousand_paths_are_a_few_entries_and_none_is_lost() {
        let log: RejectionLog = (0..10_000)
            .map(|number| wrong(&format!("/{number}"), number))
            .collect();
        assert_eq!(log.iter().count(), RejectionLog::PATHS + 1);
        assert_eq!(log.all_of(RejectReason::WrongPath).unwrap().count, 10_000);
    }

    #[test]
    fn a_path_of_yesterday_makes_room_for_one_of_today() {
        let mut log: RejectionLog = (0..20)
            .map(|number| wrong(&format!("/{number}"), number))
            .collect();
        log.add(wrong("/today", 25 * 3600));
        assert!(log.iter().any(|seen| seen.path == "/today"));
        assert!(
            log.iter().all(|seen| seen.path != "/0"),
            "the oldest is gone"
        );
        assert_eq!(log.iter().count(), RejectionLog::PATHS + 1);
        assert_eq!(log.all_of(RejectReason::WrongPath).unwrap().count, 21);
    }

    #[test]
    fn changes_are_what_has_to_be_written() {
        let before: RejectionLog = [wrong("/a", 1), wrong("/b", 1)].into_iter().collect();
        let mut after = before.clone();
        after.add(wrong("/b", 2));
        let (changed, gone) = after.changes(&before);
        assert_eq!((changed.len(), changed[0].count, gone.len()), (1, 2, 0));
    }
}
