//! How far the projection is behind the ledger, as far as this process knows.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::gauge;

/// Beyond so many positions the rollup goes before further commits. That is a last resort: commits stand still
/// meanwhile, while the worker's rollup shares the processors with them. Who reads waits for 0.1 s at this lag.
const POSITIONS: i64 = 20_000;
/// So it does when it has been behind for this long.
const TIME: Duration = Duration::from_secs(1);
/// For this long after a failure it does not: each attempt may take seconds, for which senders would wait. The worker
/// beside the commits tries on, more often than this.
const PAUSE: Duration = Duration::from_secs(10);

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

    /// Notes a step of the rollup: where it is then, or that it failed.
    pub(super) fn tried(&self, position: Option<i64>) {
        match position {
            Some(position) => self.rolled_up(position),
            None => self.lock().failed_at = Some(Instant::now()),
        }
    }

    /// Whether the rollup goes before the next commit.
    pub(super) fn is_too_long(&self) -> bool {
        let state = self.lock();
        let is_past = |at: Option<Instant>, time| at.is_some_and(|at| at.elapsed() >= time);
        let is_far = state.head - state.position > POSITIONS || is_past(state.behind_since, TIME);
        is_far && (state.failed_at.is_none() || is_past(state.failed_at, PAUSE))
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
        lag.tried(None);
        assert!(!lag.is_too_long());
        lag.rolled_up(2);
        assert!(!lag.is_too_long());
    }
}
