//! Moves what waits in the spool into the database, in the order of arrival, when the database is back.
//!
//! A delivery leaves the spool only after its commit. If the process dies between the two, or the answer to the commit
//! is lost, it is drained once more, and its id tells the database that it is there already.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::fallback::Fallback;
use super::{BATCH_BYTES, batch, read, report};
use crate::store::{Attempt, Store, StoreError};

/// How many deliveries at most in one transaction: small enough to let live traffic in between.
const BATCH: u32 = 200;
/// How long to wait after a failure; doubled up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The one task that drains the spool.
#[derive(Debug)]
pub struct Drain {
    pub(super) store: Arc<dyn Store>,
    pub(super) fallback: Arc<Fallback>,
    pub(super) committed: watch::Sender<u64>,
}

/// How far the drain is.
#[derive(Debug)]
struct Progress {
    /// The position of the last delivery that was handed to the database.
    after: i64,
    /// What the database has, and the spool could not be rid of yet: a full disk also refuses to delete.
    unremoved: Vec<i64>,
    /// How many deliveries at once. One at first: whether the database is back is asked with little, and a batch that
    /// is too much for it is not asked for again and again.
    size: u32,
}

/// What became of one attempt.
enum Step {
    /// Some were handed to the database.
    Moved,
    /// Nothing waits.
    Empty,
    /// The database, or the spool, did not play along.
    Failed,
}

impl Drain {
    /// Drains whenever something waits, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = self.drain() => {}
            () = stop.cancelled() => {}
        }
    }

    async fn drain(&self) {
        let mut progress = Progress {
            after: 0,
            unremoved: Vec::new(),
            size: 1,
        };
        let mut pause = SHORTEST_PAUSE;
        loop {
            match self.step(&mut progress).await {
                Step::Moved => pause = SHORTEST_PAUSE,
                Step::Empty => self.fallback.filled.notified().await,
                Step::Failed => {
                    progress.size = 1;
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn step(&self, progress: &mut Progress) -> Step {
        let waiting = match self
            .fallback
            .spool
            .oldest(progress.after, progress.size, BATCH_BYTES)
            .await
        {
            Ok(waiting) => waiting,
            Err(error) => {
                tracing::error!(%error, "the spool cannot be read");
                return Step::Failed;
            }
        };
        let Some(last) = waiting.last().map(|spooled| spooled.position) else {
            return if self.remove(progress).await {
                Step::Empty
            } else {
                Step::Failed
            };
        };
        let (positions, records): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .map(|spooled| (spooled.position, read(spooled.delivery)))
            .unzip();
        let answered = batch::commit(self.store.as_ref(), records, Attempt::Again).await;
        let mut failed = false;
        for (position, (record, result)) in positions.into_iter().zip(&answered) {
            match result {
                Ok(_) => {
                    metrics::counter!("chatrace_drained_total").increment(1);
                    progress.unremoved.push(position);
                }
                // It stays in the spool for a later version; what is behind it must not wait for that.
                Err(StoreError::Refused(_)) => {}
                Err(error) => {
                    tracing::debug!(%error, "the spool is not drained yet");
                    failed = true;
                    break;
                }
            }
            progress.after = position;
            report::report(record, result);
        }
        self.committed.send_modify(|count| *count += 1);
        if progress.after == last {
            self.fallback.close();
            progress.size = (progress.size * 4).min(BATCH);
        }
        self.remove(progress).await;
        if failed { Step::Failed } else { Step::Moved }
    }

    /// Removes from the spool what the database has; `false` if that has to be tried again.
    async fn remove(&self, progress: &mut Progress) -> bool {
        if progress.unremoved.is_empty() {
            return true;
        }
        match self.fallback.spool.remove(&progress.unremoved).await {
            Ok(()) => {
                progress.unremoved.clear();
                true
            }
            Err(error) => {
                tracing::error!(%error, "what the database has cannot be removed from the spool: is the disk full?");
                false
            }
        }
    }
}
