//! How far the projection is behind the ledger, as far as this process knows.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::gauge;

/// Beyond so many positions the rollup goes before further commits.
const POSITIONS: i64 = 5_000;
/// So it does when it has been behind for this long. After a failure it is not tried again sooner either.
const TIME: Duration = Duration::from_secs(1);

/// How far the projection is behind.
#[derive(Debug, Default)]
pub(super) struct RollupLag(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    head: i64,
    position: i64,
    behind_since: Option<Instant>,
    failed_at: Option<Instant>,
}

impl RollupLag {
    /// Notes the last position of a commit.
    pub(super) fn committed(&self, head: i64) {
        let mut state = self.lock();
        state.head = state.head.max(head);
        state.note(false);
    }

    /// Notes where the rollup is.
    pub(super) fn rolled_up(&self, position: i64) {
        let mut state = self.lock();
        state.position = state.position.max(position);
        state.failed_at = None;
        state.note(true);
    }

    /// Notes that a rollup failed.
    pub(super) fn failed(&self) {
        self.lock().failed_at = Some(Instant::now());
    }

    /// Whether the rollup goes before the next commit.
    pub(super) fn is_too_long(&self) -> bool {
        let state = self.lock();
        let recent = |at: Option<Instant>| at.is_some_and(|at| at.elapsed() < TIME);
        let is_late = state.behind_since.is_some() && !recent(state.behind_since);
        (state.head - state.position > POSITIONS || is_late) && !recent(state.failed_at)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, moved: bool) {
        let behind = (self.head - self.position).max(0);
        if behind == 0 {
            self.behind_since = None;
        } else if moved || self.behind_since.is_none() {
            self.behind_since = Some(Instant::now());
        }
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        gauge!("chatrace_rollup_lag_positions").set(behind as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_is_bounded_in_positions_and_a_failure_does_not_stop_commits() {
        let lag = RollupLag::default();
        lag.committed(POSITIONS);
        assert!(!lag.is_too_long());
        lag.committed(POSITIONS + 1);
        assert!(lag.is_too_long());
        lag.failed();
        assert!(!lag.is_too_long());
        lag.rolled_up(2);
        assert!(!lag.is_too_long());
    }
}
