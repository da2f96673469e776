//! What else would be read from the process: the time, and ids, which contain it.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// Gives the time. Made once at the start and passed on, so that a test can set it. Clones share one time.
#[derive(Debug, Clone)]
pub struct Clock(Option<Arc<Mutex<Timestamp>>>);

impl Clock {
    /// The system's.
    pub fn system() -> Self {
        Self(None)
    }

    /// One that stands still until a test advances it.
    pub fn manual(now: Timestamp) -> Self {
        Self(Some(Arc::new(Mutex::new(now))))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Some(manual) => *manual.lock().unwrap_or_else(PoisonError::into_inner),
            #[expect(clippy::disallowed_methods, reason = "the one place")]
            None => Timestamp::now(),
        }
    }

    /// Moves a manual clock. The system's takes no orders.
    pub fn advance(&self, by: SignedDuration) {
        if let Some(manual) = &self.0 {
            let mut now = manual.lock().unwrap_or_else(PoisonError::into_inner);
            *now = now.saturating_add(by).unwrap_or(*now);
        }
    }
}

/// A new id: a UUIDv7, so that ids sort by time.
pub fn new_id() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "the one place")]
    Uuid::now_v7()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_manual_clock_share_its_time() {
        let start = "2026-07-09T12:00:00Z".parse().unwrap();
        let clock = Clock::manual(start);
        let clone = clock.clone();
        clock.advance(SignedDuration::from_secs(1));
        assert_eq!(clone.now(), start + SignedDuration::from_secs(1));
    }
}
