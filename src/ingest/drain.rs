//! Moves what waits in the spool into the database, in the order of arrival, when the database is back.
//!
//! A delivery leaves the spool only after its commit. If the process dies between the two, or the answer to the commit
//! is lost, it is drained once more, and its id tells the database that it is there already.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::fallback::Fallback;
use super::{BATCH_BYTES, Commits, batch, report, weight};
use crate::delivery::Record;
use crate::normalize::Normalizer;
use crate::store::{Attempt, Ledger, Spooled, StoreError};

/// How many deliveries at most in one transaction: small enough to let live traffic in between.
const BATCH: u32 = 200;
/// How long to wait after a failure; doubled up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often the oldest delivery may fail before the next one is tried, to tell a bad delivery from a database that is
/// away.
const FAILURES_BEFORE_SKIP: u32 = 5;
/// How long a skipped delivery waits for another attempt; doubled up to the longest. The failure may have been bad
/// luck; where it was not, each attempt takes a commit's time away from others.
const SHORTEST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_mins(10);

/// The one task that drains the spool.
#[derive(Debug)]
pub struct Drain {
    store: Arc<dyn Ledger>,
    fallback: Arc<Fallback>,
    commits: Commits,
    normalizer: Arc<ArcSwap<Normalizer>>,
}

/// How far the drain has come.
#[derive(Debug)]
struct DrainProgress {
    /// The position of the last delivery that was handed to the database.
    after: i64,
    /// Positions that the database has, and that the spool could not delete yet: a full disk also refuses to delete.
    unremoved: Vec<i64>,
    /// How often the oldest delivery has failed by itself.
    failures: u32,
    /// The positions of skipped deliveries, and when they are tried again.
    skipped: Vec<i64>,
    retry_at: Instant,
    retry_pause: Duration,
    /// How many deliveries at once. One at first: it suffices to find out whether the database is back, and a batch
    /// that is too much for it is not tried again and again.
    size: u32,
}

/// The result of one step.
enum DrainStep {
    /// Some were handed to the database.
    Moved,
    /// Nothing waits.
    Empty,
    /// The database or the spool failed.
    Failed,
}

impl Drain {
    /// The task that moves what the fallback keeps into the store. The normalizer may be replaced meanwhile.
    pub fn new(
        store: Arc<dyn Ledger>,
        fallback: Arc<Fallback>,
        commits: Commits,
        normalizer: Arc<ArcSwap<Normalizer>>,
    ) -> Self {
        Self {
            store,
            fallback,
            commits,
            normalizer,
        }
    }

    /// Drains whenever something waits, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = self.drain() => {}
            () = stop.cancelled() => {}
        }
    }

    async fn drain(&self) {
        let mut progress = DrainProgress {
            after: 0,
            unremoved: Vec::new(),
            failures: 0,
            skipped: Vec::new(),
            retry_at: Instant::now(),
            retry_pause: SHORTEST_RETRY,
            size: 1,
        };
        let mut pause = SHORTEST_PAUSE;
        loop {
            match self.step(&mut progress).await {
                DrainStep::Moved => {
                    pause = SHORTEST_PAUSE;
                    progress.failures = 0;
                    self.retry_skipped(&mut progress).await;
                }
                DrainStep::Empty if progress.skipped.is_empty() => {
                    progress.retry_pause = SHORTEST_RETRY;
                    self.fallback.filled.notified().await;
                }
                DrainStep::Empty => tokio::select! {
                    () = self.fallback.filled.notified() => {}
                    () = sleep_until(progress.retry_at) => self.retry_skipped(&mut progress).await,
                },
                DrainStep::Failed => {
                    progress.failures += u32::from(progress.size == 1);
                    progress.size = 1;
                    if progress.failures >= FAILURES_BEFORE_SKIP
                        && self.skip_oldest(&mut progress).await
                    {
                        continue;
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn step(&self, progress: &mut DrainProgress) -> DrainStep {
        let waiting = match self
            .fallback
            .spool()
            .oldest(progress.after, progress.size, BATCH_BYTES)
            .await
        {
            Ok(waiting) => waiting,
            Err(error) => {
                tracing::error!(%error, "the spool cannot be read");
                self.fallback.set_readable(false);
                return DrainStep::Failed;
            }
        };
        self.fallback.set_readable(true);
        if waiting.is_empty() {
            return if self.remove(progress).await {
                DrainStep::Empty
            } else {
                DrainStep::Failed
            };
        }
        let (positions, records) = normalized(waiting, &self.normalizer.load());
        let last = positions.last().copied();
        let answered = batch::commit(self.store.as_ref(), records, Attempt::Spooled).await;
        let mut failed = false;
        for (position, (record, result)) in positions.into_iter().zip(&answered) {
            match result {
                Ok(_) => {
                    metrics::counter!("chatrace_drained_total").increment(1);
                    progress.unremoved.push(position);
                }
                // It stays in the spool for a later version. What is behind it must not wait for that.
                Err(StoreError::Refused(cause)) => {
                    tracing::error!(
                        delivery.id = %record.delivery.id,
                        cause,
                        "❌ The database refuses a delivery: it stays in the spool, and the next start tries it again"
                    );
                    progress.after = position;
                    continue;
                }
                Err(error) => {
                    tracing::debug!(%error, "the spool is not drained yet");
                    failed = true;
                    break;
                }
            }
            progress.after = position;
            report::report(record, result);
        }
        self.commits.announce();
        if Some(progress.after) == last {
            self.fallback.close();
            progress.size = (progress.size * 4).min(BATCH);
        }
        self.remove(progress).await;
        if failed {
            DrainStep::Failed
        } else {
            DrainStep::Moved
        }
    }

    /// Tries the delivery behind the oldest and, if the database takes it, the oldest once more; `true` if that still
    /// fails. Then waiting does not help (it may take longer than a commit may): it is skipped, stays in the spool and
    /// holds up no other delivery.
    async fn skip_oldest(&self, progress: &mut DrainProgress) -> bool {
        let Some(oldest) = self.next(progress.after).await else {
            return false;
        };
        let Some(next) = self.next(oldest.position).await else {
            return false;
        };
        let (position, id, bytes) = (
            oldest.position,
            oldest.delivery.id,
            oldest.delivery.body.len(),
        );
        if !self.takes(next, progress).await || self.takes(oldest, progress).await {
            return false;
        }
        tracing::error!(
            delivery.id = %id,
            bytes,
            "❌ The database does not take this delivery, though it takes others: it stays in the spool and is tried again later"
        );
        progress.after = position;
        progress.skipped.push(position);
        progress.retry_at = Instant::now() + progress.retry_pause;
        progress.failures = 0;
        true
    }

    /// Tries skipped deliveries once more, each by itself, if it is time for that.
    async fn retry_skipped(&self, progress: &mut DrainProgress) {
        if progress.skipped.is_empty() || Instant::now() < progress.retry_at {
            return;
        }
        for position in std::mem::take(&mut progress.skipped) {
            let spool = self.fallback.spool();
            let found = spool.oldest(position - 1, 1, BATCH_BYTES).await;
            let is_done = match found.map(|found| found.into_iter().next()) {
                Ok(Some(spooled)) if spooled.position == position => {
                    self.takes(spooled, progress).await
                }
                // An erasure may have taken it.
                Ok(_) => true,
                Err(_) => false,
            };
            if !is_done {
                progress.skipped.push(position);
            }
        }
        progress.retry_pause = (progress.retry_pause * 2).min(LONGEST_RETRY);
        progress.retry_at = Instant::now() + progress.retry_pause;
    }

    async fn next(&self, after: i64) -> Option<Spooled> {
        let spool = self.fallback.spool();
        let waiting = spool.oldest(after, 1, BATCH_BYTES).await.ok()?;
        waiting.into_iter().next()
    }

    /// Whether the database takes a delivery, or refuses it for good.
    async fn takes(&self, spooled: Spooled, progress: &mut DrainProgress) -> bool {
        let record = vec![self.normalizer.load().to_record(spooled.delivery)];
        let answered = batch::commit(self.store.as_ref(), record, Attempt::Spooled).await;
        for (record, result) in &answered {
            match result {
                Ok(_) => {
                    metrics::counter!("chatrace_drained_total").increment(1);
                    progress.unremoved.push(spooled.position);
                    report::report(record, result);
                }
                Err(StoreError::Refused(_)) => {}
                Err(_) => return false,
            }
        }
        self.commits.announce();
        self.remove(progress).await;
        true
    }

    /// Deletes from the spool what the database has; `false` if that must be tried again.
    async fn remove(&self, progress: &mut DrainProgress) -> bool {
        if progress.unremoved.is_empty() {
            return true;
        }
        match self.fallback.spool().remove(&mut progress.unremoved).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "cannot delete drained deliveries from the spool: is the disk full?");
                false
            }
        }
    }
}

/// Normalizes deliveries, as many as fit into a commit, and at least one. Also returns their positions.
fn normalized(waiting: Vec<Spooled>, normalizer: &Normalizer) -> (Vec<i64>, Vec<Record>) {
    let mut room = BATCH_BYTES;
    let mut has_room = true;
    waiting
        .into_iter()
        .map_while(|spooled| {
            has_room.then(|| {
                let record = normalizer.to_record(spooled.delivery);
                let weight = weight::of(&record);
                has_room = weight < room;
                room = room.saturating_sub(weight);
                (spooled.position, record)
            })
        })
        .unzip()
}
