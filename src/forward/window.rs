//! Which of the events behind a cursor are read, on their way, or done.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::event::Event;

/// The events behind a cursor, in lanes: those of one lane follow each other, and lanes do not wait for each other.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Everything up to here is read.
    read: i64,
    /// The positions that are read and not done.
    open: BTreeSet<i64>,
    /// The positions beyond the cursor that are done, so that they are not sent again should they be read again.
    ahead: BTreeSet<i64>,
    lanes: HashMap<String, Lane>,
    /// The lanes of which an event may be sent, by the position of that.
    ready: BTreeMap<i64, String>,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Arc<Event>>,
    /// One of its events is on its way.
    is_busy: bool,
}

impl Window {
    pub(super) fn new(cursor: i64) -> Self {
        Self {
            read: cursor,
            ..Self::default()
        }
    }

    /// Everything up to here is done.
    pub(super) fn cursor(&self) -> i64 {
        self.open.first().map_or(self.read, |first| first - 1)
    }

    /// Everything up to here is read.
    pub(super) fn read(&self) -> i64 {
        self.read
    }

    /// How many are read and not done.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Adds what was read up to a position.
    pub(super) fn add(&mut self, events: impl IntoIterator<Item = Event>, read: i64) {
        for event in events {
            if self.ahead.contains(&event.position) {
                continue;
            }
            self.open.insert(event.position);
            let lane = self.lanes.entry(event.lane.clone()).or_default();
            if lane.waiting.is_empty() && !lane.is_busy {
                self.ready.insert(event.position, event.lane.clone());
            }
            lane.waiting.push_back(Arc::new(event));
        }
        self.read = read;
        self.prune();
    }

    /// The oldest event that may be sent. It is on its way now.
    pub(super) fn take(&mut self) -> Option<Arc<Event>> {
        let (_, name) = self.ready.pop_first()?;
        let lane = self.lanes.get_mut(&name)?;
        lane.is_busy = true;
        lane.waiting.pop_front()
    }

    /// The oldest event that may be sent, and those of so many other lanes.
    pub(super) fn oldest(&self, others: usize) -> Vec<Arc<Event>> {
        let lanes = self.ready.values().take(1 + others);
        lanes
            .filter_map(|name| self.lanes.get(name)?.waiting.front().cloned())
            .collect()
    }

    /// Notes that an event is done, whether it was on its way or not.
    pub(super) fn done(&mut self, event: &Event) {
        self.open.remove(&event.position);
        self.ahead.insert(event.position);
        self.prune();
        if let Some(lane) = self.lanes.get_mut(&event.lane) {
            if lane
                .waiting
                .front()
                .is_some_and(|first| first.position == event.position)
            {
                lane.waiting.pop_front();
                self.ready.remove(&event.position);
            }
            lane.is_busy = false;
        }
        self.let_next(&event.lane);
    }

    /// Notes that an event that was on its way did not arrive.
    pub(super) fn put_back(&mut self, event: Arc<Event>) {
        let name = event.lane.clone();
        let lane = self.lanes.entry(name.clone()).or_default();
        lane.is_busy = false;
        lane.waiting.push_front(event);
        self.let_next(&name);
    }

    /// Forgets what waits: it is read again behind the cursor. Nothing may be on its way.
    pub(super) fn rewind(&mut self) {
        self.read = self.cursor();
        self.open.clear();
        self.lanes.clear();
        self.ready.clear();
    }

    fn let_next(&mut self, name: &str) {
        match self.lanes.get(name).map(|lane| lane.waiting.front()) {
            Some(Some(next)) => {
                self.ready.insert(next.position, name.to_owned());
            }
            Some(None) => {
                self.lanes.remove(name);
            }
            None => {}
        }
    }

    fn prune(&mut self) {
        self.ahead = self.ahead.split_off(&(self.cursor() + 1));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;
    use proptest::prelude::*;
    use reqwest::Method;
    use reqwest::header::HeaderMap;
    use uuid::Uuid;

    use super::*;

    fn event(position: i64, lane: &str) -> Event {
        Event {
            position,
            id: Uuid::nil(),
            lane: lane.to_owned(),
            received_at: Timestamp::UNIX_EPOCH,
            method: Method::POST,
            query: None,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    fn window(lanes: &str) -> Window {
        let mut window = Window::new(0);
        let events = (1..).zip(lanes.chars());
        let events = events.map(|(position, lane)| event(position, &lane.to_string()));
        window.add(events, lanes.len().try_into().unwrap());
        window
    }

    #[test]
    fn one_lane_is_in_order_and_another_does_not_wait_for_it() {
        let mut window = window("aab");
        let (first, other) = (window.take().unwrap(), window.take().unwrap());
        assert_eq!((first.position, other.position), (1, 3));
        assert!(window.take().is_none());
        window.done(&other);
        assert_eq!(window.cursor(), 0, "the cursor waits for the first");
        window.put_back(first.clone());
        assert_eq!(
            window.take().unwrap(),
            first,
            "it comes again before the next of its lane"
        );
        window.done(&first);
        assert_eq!(window.cursor(), 1);
        assert_eq!(window.take().unwrap().position, 2);
    }

    #[test]
    fn what_is_done_ahead_is_not_sent_again_after_it_is_read_again() {
        let mut window = window("abc");
        let first = window.take().unwrap();
        let second = window.take().unwrap();
        window.done(&second);
        window.put_back(first);
        window.rewind();
        assert_eq!((window.cursor(), window.read(), window.len()), (0, 0, 0));
        window.add([event(1, "a"), event(2, "b"), event(3, "c")], 3);
        let positions: Vec<_> = std::iter::from_fn(|| window.take()).collect();
        let positions: Vec<_> = positions.iter().map(|event| event.position).collect();
        assert_eq!(positions, [1, 3]);
    }

    #[test]
    fn the_oldest_are_of_different_lanes() {
        let window = window("aaabbc");
        let positions: Vec<_> = window
            .oldest(2)
            .iter()
            .map(|event| event.position)
            .collect();
        assert_eq!(positions, [1, 4, 6]);
    }

    proptest! {
        /// Whatever arrives and fails, each lane is in order, and the cursor passes nothing that is not done.
        #[test]
        fn nothing_is_passed_by_and_each_lane_is_in_order(
            lanes in "[abc]{1,20}",
            steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..200),
        ) {
            let mut window = window(&lanes);
            let mut flying = Vec::new();
            let mut done = BTreeSet::new();
            for (arrives, which) in steps {
                while let Some(event) = window.take() {
                    prop_assert!(flying.iter().all(|other: &Arc<Event>| other.lane != event.lane));
                    let earlier = (1..event.position).zip(lanes.chars());
                    for (position, lane) in earlier {
                        prop_assert!(lane.to_string() != event.lane || done.contains(&position));
                    }
                    flying.push(event);
                }
                if flying.is_empty() {
                    break;
                }
                let event = flying.swap_remove(which.index(flying.len()));
                if arrives {
                    done.insert(event.position);
                    window.done(&event);
                } else {
                    window.put_back(event);
                }
                let cursor = window.cursor();
                prop_assert!((1..=cursor).all(|position| done.contains(&position)));
                prop_assert!(!done.contains(&(cursor + 1)));
            }
        }
    }
}
