//! Whether deliveries are being refused at the moment.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a refusal counts. Afterwards the next delivery shows whether it still holds: nothing else would.
const COUNTS_FOR: Duration = Duration::from_secs(10);

/// The last delivery that could not be kept, if none could since.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Option<Instant>>);

impl Refusals {
    /// Notes whether a delivery was kept.
    pub(super) fn note(&self, kept: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (!kept).then(Instant::now);
    }

    /// Whether the last delivery was refused, not long ago.
    pub(super) fn recent(&self) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() < COUNTS_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_counts_until_a_delivery_is_kept() {
        let refusals = Refusals::default();
        assert!(!refusals.recent());
        refusals.note(false);
        assert!(refusals.recent());
        refusals.note(true);
        assert!(!refusals.recent());
    }
}
