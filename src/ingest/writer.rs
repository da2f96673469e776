//! The one task that writes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use metrics::histogram;
use tokio::sync::{mpsc, watch};

use super::batch::{self, Answered};
use super::fallback::Fallback;
use super::refusals::Refusals;
use super::{BATCH, BATCH_BYTES, Job, SubmitError, report};
use crate::delivery::Record;
use crate::store::{Attempt, Store, StoreError};

/// The one task that writes: it owns the other end of the queue.
#[derive(Debug)]
pub struct Writer {
    pub(super) store: Arc<dyn Store>,
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) fallback: Option<Arc<Fallback>>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) committed: watch::Sender<u64>,
}

impl Writer {
    /// Commits whatever waits, again and again, until every [`Ingest`](super::Ingest) is dropped and the queue is
    /// empty.
    pub async fn run(mut self) {
        let mut jobs = Vec::with_capacity(BATCH);
        while self.jobs.recv_many(&mut jobs, BATCH).await > 0 {
            let mut waiting = jobs.drain(..).peekable();
            while waiting.peek().is_some() {
                // At least one, and further ones as long as they fit.
                let mut bytes = 0;
                let mut batch = Vec::new();
                while let Some(job) =
                    waiting.next_if(|job| bytes == 0 || bytes + job.size() <= BATCH_BYTES)
                {
                    bytes += job.size();
                    batch.push(job);
                }
                self.commit(batch).await;
            }
        }
    }

    async fn commit(&self, jobs: Vec<Job>) {
        let mut replies = HashMap::with_capacity(jobs.len());
        let mut records = Vec::with_capacity(jobs.len());
        for job in jobs {
            replies.insert(job.record.delivery.id, (job.reply, job.room));
            records.push(job.record);
        }
        histogram!("chatrace_commit_deliveries")
            .record(u32::try_from(records.len()).unwrap_or(u32::MAX));
        let began = Instant::now();
        let kept = self.keep(records).await;
        histogram!("chatrace_commit_seconds").record(began.elapsed().as_secs_f64());
        if kept.iter().any(|(_, result)| {
            result
                .as_ref()
                .is_ok_and(|committed| !committed.messages.is_empty())
        }) {
            self.committed.send_modify(|count| *count += 1);
        }
        for (record, result) in kept {
            self.refusals.note(result.is_ok());
            report::report(&record, &result);
            let Some((reply, room)) = replies.remove(&record.delivery.id) else {
                continue;
            };
            // A client that hung up no longer waits; its delivery is kept all the same.
            reply
                .send(result.map_err(|error| SubmitError::Unavailable(error.to_string())))
                .ok();
            drop(room);
        }
    }

    /// Keeps records in the database; where that is away, in the spool. Answers for each, in any order.
    async fn keep(&self, records: Vec<Record>) -> Vec<Answered> {
        let Some(fallback) = &self.fallback else {
            return batch::commit(self.store.as_ref(), records, Attempt::First).await;
        };
        if fallback.is_open() {
            return fallback.keep(records, "the database is away").await;
        }
        let mut kept = Vec::with_capacity(records.len());
        let mut homeless = Vec::new();
        let mut cause = String::new();
        for (record, result) in batch::commit(self.store.as_ref(), records, Attempt::First).await {
            match result {
                result @ (Ok(_) | Err(StoreError::Refused(_))) => kept.push((record, result)),
                Err(error) => {
                    cause = error.to_string();
                    homeless.push(record);
                }
            }
        }
        if !homeless.is_empty() {
            kept.extend(fallback.keep(homeless, &cause).await);
        }
        kept
    }
}
