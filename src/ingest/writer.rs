//! The one task that writes.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use metrics::histogram;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::batch::{self, Answered};
use super::fallback::Fallback;
use super::refusals::Refusals;
use super::{BATCH, BATCH_BYTES, Commits, Job, OldestJob, SubmitError, report};
use crate::delivery::Record;
use crate::store::{Attempt, Committed, Ledger, StoreError};

/// A batch that takes longer is logged.
const SLOW: Duration = Duration::from_secs(1);

/// The one task that writes: it owns the other end of the queue.
#[derive(Debug)]
pub struct Writer {
    pub(super) store: Arc<dyn Ledger>,
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) fallback: Option<Arc<Fallback>>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) commits: Commits,
    pub(super) oldest: OldestJob,
}

/// Who waits for a receipt, and the memory that its delivery takes in the queue.
type Waiting = (
    oneshot::Sender<Result<Committed, SubmitError>>,
    OwnedSemaphorePermit,
);

/// A batch with its outcomes, and those who wait for them, in the same order.
type Finished = (Vec<Answered>, Vec<Waiting>);

impl Writer {
    /// Commits what waits, until every [`Ingest`](super::Ingest) is dropped and the queue is
    /// empty.
    pub async fn run(mut self) {
        let mut jobs = Vec::with_capacity(BATCH);
        let mut last: Option<Finished> = None;
        loop {
            if self.jobs.is_empty() {
                self.answer(last.take());
            }
            if self.jobs.recv_many(&mut jobs, BATCH).await == 0 {
                return;
            }
            let mut coming = jobs.drain(..).peekable();
            while let Some(first) = coming.peek() {
                self.has_in_hand(Some(first.submitted));
                // At least one, and more as long as they fit.
                let mut weight = 0;
                let (mut records, mut waiting) = (Vec::new(), Vec::new());
                while let Some(job) =
                    coming.next_if(|job| weight == 0 || weight + job.weight <= BATCH_BYTES)
                {
                    weight += job.weight;
                    records.push(job.record);
                    waiting.push((job.reply, job.memory));
                }
                // The last batch is answered while the database works on this one.
                let answering = async { self.answer(last.take()) };
                let (kept, ()) = tokio::join!(biased; self.commit(records), answering);
                last = Some((kept, waiting));
            }
            self.has_in_hand(None);
        }
    }

    fn has_in_hand(&self, oldest: Option<Instant>) {
        *self.oldest.lock().unwrap_or_else(PoisonError::into_inner) = oldest;
    }

    async fn commit(&self, records: Vec<Record>) -> Vec<Answered> {
        histogram!("chatrace_commit_deliveries")
            .record(u32::try_from(records.len()).unwrap_or(u32::MAX));
        let began = Instant::now();
        let kept = self.keep(records).await;
        let took = began.elapsed();
        histogram!("chatrace_commit_seconds").record(took.as_secs_f64());
        if took >= SLOW {
            let (seconds, deliveries) = (took.as_secs_f64(), kept.len());
            tracing::warn!(
                seconds,
                deliveries,
                "slow commit: check the database, the disk and the log consumer"
            );
        }
        if kept.iter().any(|(_, result)| {
            result
                .as_ref()
                .is_ok_and(|committed| !committed.messages.is_empty())
        }) {
            self.commits.announce();
        }
        kept
    }

    /// Keeps records in the database or, while that is away, in the spool. Answers for each, in their order.
    async fn keep(&self, records: Vec<Record>) -> Vec<Answered> {
        let Some(fallback) = &self.fallback else {
            return batch::commit(self.store.as_ref(), records, Attempt::First).await;
        };
        let mut answered = if fallback.is_open() {
            let away = || StoreError::Unavailable("the database is away".to_owned());
            records
                .into_iter()
                .map(|record| (record, Err(away())))
                .collect()
        } else {
            batch::commit(self.store.as_ref(), records, Attempt::First).await
        };
        fallback.keep(&mut answered).await;
        answered
    }

    /// Logs what became of a batch, then answers everybody who waits for it.
    fn answer(&self, finished: Option<Finished>) {
        let Some((kept, waiting)) = finished else {
            return;
        };
        for (record, result) in &kept {
            report::report(record, result);
        }
        for ((_, result), (reply, memory)) in kept.into_iter().zip(waiting) {
            // A delivery that the database refuses for its content says nothing about the next one.
            let tells = !matches!(result, Err(StoreError::Refused(_)));
            let result = result.map_err(SubmitError::from);
            if tells {
                self.refusals.note(result.as_ref());
            }
            // A client that hung up no longer waits; its delivery is kept all the same.
            reply.send(result).ok();
            drop(memory);
        }
    }
}
