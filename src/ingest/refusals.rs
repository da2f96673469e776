//! Whether deliveries are being refused at the moment, and why.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::SubmitError;

/// How long a refusal counts. Afterwards the next delivery shows whether it still holds: nothing else would.
const COUNTS_FOR: Duration = Duration::from_secs(10);

/// The last delivery that could not be kept, if none could since.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Option<(Instant, SubmitError)>>);

impl Refusals {
    /// Notes whether a delivery was kept.
    pub(super) fn note<T>(&self, kept: Result<T, &SubmitError>) {
        let refusal = kept.err().map(|error| (Instant::now(), error.clone()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = refusal;
    }

    /// Why the last delivery was refused, if that was not long ago.
    pub(super) fn recent(&self) -> Option<SubmitError> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = last.as_ref().filter(|(at, _)| at.elapsed() < COUNTS_FOR);
        recent.map(|(_, error)| error.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_counts_until_a_delivery_is_kept() {
        let refusals = Refusals::default();
        assert_eq!(refusals.recent(), None);
        refusals.note::<()>(Err(&SubmitError::Busy));
        assert_eq!(refusals.recent(), Some(SubmitError::Busy));
        refusals.note(Ok(()));
        assert_eq!(refusals.recent(), None);
    }
}
