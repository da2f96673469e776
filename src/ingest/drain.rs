//! Moves what waits in the spool into the database, in the order of arrival, when the database is back.
//!
//! A delivery leaves the spool only after its commit. If the process dies between the two, or the answer to the commit
//! is lost, it is drained once more, and its id tells the database that it is there already.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::fallback::Fallback;
use super::{BATCH_BYTES, batch, read, report, weight};
use crate::delivery::Record;
use crate::store::{Attempt, Ledger, Spooled, StoreError};

/// How many deliveries at most in one transaction: small enough to let live traffic in between.
const BATCH: u32 = 200;
/// How long to wait after a failure; doubled up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often the oldest delivery may fail before the next one is tried, to see whether it is the delivery that fails or the
/// database.
const SUSPICIOUS: u32 = 5;
/// How long what was passed by waits for another attempt; doubled up to the longest. It may have been bad luck, but where it
/// was not, each attempt takes a commit's time away from others.
const SHORTEST_AGAIN: Duration = Duration::from_secs(5);
const LONGEST_AGAIN: Duration = Duration::from_mins(10);

/// The one task that drains the spool.
#[derive(Debug)]
pub struct Drain {
    pub(super) store: Arc<dyn Ledger>,
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
    /// How often the oldest delivery has failed by itself.
    failures: u32,
    /// The positions of what was passed by, and when it is tried again.
    passed_by: Vec<i64>,
    again_at: Instant,
    again: Duration,
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
            failures: 0,
            passed_by: Vec::new(),
            again_at: Instant::now(),
            again: SHORTEST_AGAIN,
            size: 1,
        };
        let mut pause = SHORTEST_PAUSE;
        loop {
            match self.step(&mut progress).await {
                Step::Moved => {
                    pause = SHORTEST_PAUSE;
                    progress.failures = 0;
                    self.try_again(&mut progress).await;
                }
                Step::Empty if progress.passed_by.is_empty() => {
                    progress.again = SHORTEST_AGAIN;
                    self.fallback.filled.notified().await;
                }
                Step::Empty => tokio::select! {
                    () = self.fallback.filled.notified() => {}
                    () = sleep_until(progress.again_at) => self.try_again(&mut progress).await,
                },
                Step::Failed => {
                    progress.failures += u32::from(progress.size == 1);
                    progress.size = 1;
                    if progress.failures >= SUSPICIOUS && self.pass_by(&mut progress).await {
                        continue;
                    }
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
                self.fallback.set_readable(false);
                return Step::Failed;
            }
        };
        self.fallback.set_readable(true);
        if waiting.is_empty() {
            return if self.remove(progress).await {
                Step::Empty
            } else {
                Step::Failed
            };
        }
        let (positions, records) = read_some(waiting);
        let last = positions.last().copied();
        let answered = batch::commit(self.store.as_ref(), records, Attempt::Again).await;
        let mut failed = false;
        for (position, (record, result)) in positions.into_iter().zip(&answered) {
            match result {
                Ok(_) => {
                    metrics::counter!("chatrace_drained_total").increment(1);
                    progress.unremoved.push(position);
                }
                // It stays in the spool for a later version; what is behind it must not wait for that.
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
        self.committed.send_modify(|count| *count += 1);
        if Some(progress.after) == last {
            self.fallback.close();
            progress.size = (progress.size * 4).min(BATCH);
        }
        self.remove(progress).await;
        if failed { Step::Failed } else { Step::Moved }
    }

    /// Tries the delivery behind the oldest, and if the database takes it, the oldest once more; `true` if that still
    /// fails. Then it fails for a reason that no waiting mends (it may take longer than a commit may): it stays in the
    /// spool, and holds up nobody.
    async fn pass_by(&self, progress: &mut Progress) -> bool {
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
            "❌ The database cannot take this delivery, though it takes others: it stays in the spool and is tried again later"
        );
        progress.after = position;
        progress.passed_by.push(position);
        progress.again_at = Instant::now() + progress.again;
        progress.failures = 0;
        true
    }

    /// Tries what was passed by once more, each by itself, if it is time for that.
    async fn try_again(&self, progress: &mut Progress) {
        if progress.passed_by.is_empty() || Instant::now() < progress.again_at {
            return;
        }
        for position in std::mem::take(&mut progress.passed_by) {
            let spool = &self.fallback.spool;
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
                progress.passed_by.push(position);
            }
        }
        progress.again = (progress.again * 2).min(LONGEST_AGAIN);
        progress.again_at = Instant::now() + progress.again;
    }

    async fn next(&self, after: i64) -> Option<Spooled> {
        let spool = &self.fallback.spool;
        let waiting = spool.oldest(after, 1, BATCH_BYTES).await.ok()?;
        waiting.into_iter().next()
    }

    /// Whether the database takes a delivery, or refuses it for good.
    async fn takes(&self, spooled: Spooled, progress: &mut Progress) -> bool {
        let record = vec![read(spooled.delivery)];
        let answered = batch::commit(self.store.as_ref(), record, Attempt::Again).await;
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
        self.committed.send_modify(|count| *count += 1);
        self.remove(progress).await;
        true
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

/// Reads deliveries, as many as fit into a commit, and at least one. Answers their positions, too.
fn read_some(waiting: Vec<Spooled>) -> (Vec<i64>, Vec<Record>) {
    let mut room = BATCH_BYTES;
    let mut has_room = true;
    waiting
        .into_iter()
        .map_while(|spooled| {
            has_room.then(|| {
                let record = read(spooled.delivery);
                let weight = weight::of(&record);
                has_room = weight < room;
                room = room.saturating_sub(weight);
                (spooled.position, record)
            })
        })
        .unzip()
}
