//! Makes deliveries durable: [`Ingest::submit`] resolves when a delivery is committed, and not before.
//!
//! A handler hands its delivery to a bounded queue and waits for the receipt. One writer takes whatever is waiting,
//! with no artificial delay, commits it in one transaction and answers each (group commit): at low load a batch is one
//! delivery, at high load the cost of a commit is shared by hundreds.
//!
//! * A write goes on when its client hangs up: the queue owns the delivery.
//! * What waits is bounded, in number and in bytes. When there is no room for a second, the sender is told to come
//!   back, and memory stays flat.
//! * A row that the database refuses never fails its neighbours; see [`batch`].
//! * A batch whose answer was lost is tried again under the same delivery ids, so that nothing is doubled.

mod batch;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::delivery::{Delivery, Receipt, Record};
use crate::message::Draft;
use crate::normalize::{self, Defect};
use crate::store::{Committed, Store, StoreError};

/// How many deliveries may wait for the writer.
const QUEUE: usize = 4096;
/// How many bytes of bodies may wait for the writer, in units of [`BYTES_UNIT`].
const QUEUE_BYTES: u32 = 64 * 1024;
const BYTES_UNIT: usize = 1024;
/// How many deliveries are committed at once. Measured: more only adds latency.
const BATCH: usize = 500;
/// How long a sender waits for room in the queue before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a sender waits for its receipt. The write itself may still succeed afterwards; a repeated delivery is then
/// a duplicate.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(20);

/// The way in. Cheap to clone; when the last one is dropped, the writer drains the queue and ends.
#[derive(Debug, Clone)]
pub struct Ingest {
    queue: mpsc::Sender<Job>,
    bytes: Arc<Semaphore>,
}

/// A delivery that is kept.
#[derive(Debug)]
pub struct Accepted {
    /// What became of it.
    pub receipt: Receipt,
    /// Why its body could not be read at all, if so: the sender should learn of it.
    pub defect: Option<Defect>,
}

/// A delivery that is not kept. The sender must learn of it: it was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// More deliveries arrive than the database takes.
    #[error("the queue is full")]
    Busy,
    /// The database cannot be written to.
    #[error("{0}")]
    Unavailable(String),
    /// The writer is gone: the service is stopping.
    #[error("the service is stopping")]
    Stopping,
}

/// A delivery on its way to the writer.
#[derive(Debug)]
struct Job {
    record: Record,
    reply: oneshot::Sender<Result<Committed, SubmitError>>,
    /// Gives its room back when dropped.
    room: OwnedSemaphorePermit,
}

impl Ingest {
    /// The way in, and the writer to run at its other end.
    pub fn new(store: Arc<dyn Store>) -> (Self, Writer) {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let bytes = Arc::new(Semaphore::new(QUEUE_BYTES as usize));
        (Self { queue, bytes }, Writer { store, jobs })
    }

    /// Reads a delivery and keeps it. Resolves when it is committed.
    ///
    /// # Errors
    /// When it is not kept, or not known to be: see [`SubmitError`].
    pub async fn submit(&self, delivery: Delivery) -> Result<Accepted, SubmitError> {
        let id = delivery.id;
        tracing::debug!(delivery.id = %id, "🔄 Processing Chatrace webhook");
        let reading = normalize::normalize(&delivery);
        let units = u32::try_from(delivery.body.len().div_ceil(BYTES_UNIT))
            .unwrap_or(u32::MAX)
            .clamp(1, QUEUE_BYTES);
        let room = timeout(PATIENCE, self.bytes.clone().acquire_many_owned(units))
            .await
            .map_err(|_| SubmitError::Busy)?
            .map_err(|_| SubmitError::Stopping)?;
        let (reply, receipt) = oneshot::channel();
        let record = Record {
            delivery,
            shape: reading.shape,
            items: reading.items,
        };
        let job = Job {
            record,
            reply,
            room,
        };
        self.queue
            .send_timeout(job, PATIENCE)
            .await
            .map_err(|error| match error {
                mpsc::error::SendTimeoutError::Timeout(_) => SubmitError::Busy,
                mpsc::error::SendTimeoutError::Closed(_) => SubmitError::Stopping,
            })?;
        let committed = timeout(RECEIPT_TIMEOUT, receipt)
            .await
            .map_err(|_| SubmitError::Unavailable("no commit in time".to_owned()))?
            .map_err(|_| SubmitError::Stopping)??;
        Ok(Accepted {
            receipt: committed.receipt,
            defect: reading.defect,
        })
    }
}

/// The one task that writes.
#[derive(Debug)]
pub struct Writer {
    store: Arc<dyn Store>,
    jobs: mpsc::Receiver<Job>,
}

impl Writer {
    /// Commits whatever waits, again and again, until every [`Ingest`] is dropped and the queue is empty.
    pub async fn run(mut self) {
        let mut jobs = Vec::with_capacity(BATCH);
        while self.jobs.recv_many(&mut jobs, BATCH).await > 0 {
            let (records, replies): (Vec<_>, Vec<_>) = jobs
                .drain(..)
                .map(|job| (job.record, (job.reply, job.room)))
                .unzip();
            let results = batch::commit(self.store.as_ref(), records).await;
            for ((record, result), (reply, room)) in results.into_iter().zip(replies) {
                report(&record, &result);
                // A client that hung up no longer waits; its delivery is kept all the same.
                reply
                    .send(result.map_err(|error| SubmitError::Unavailable(error.to_string())))
                    .ok();
                drop(room);
            }
        }
    }
}

/// More messages than this in one delivery are logged as one line.
const LOGGED_ONE_BY_ONE: usize = 10;

/// Logs what became of a delivery, in the words its operators look for.
fn report(record: &Record, result: &Result<Committed, StoreError>) {
    let id = record.delivery.id;
    let committed = match result {
        Ok(committed) => committed,
        Err(error) => {
            tracing::error!(delivery.id = %id, %error, "❌ A delivery could not be kept; its sender is answered 503");
            return;
        }
    };
    if committed.messages.len() > LOGGED_ONE_BY_ONE {
        let count = committed.messages.len();
        tracing::info!(delivery.id = %id, count, "✅ Chatrace Instagram messages processed: {count} in one delivery");
    } else {
        for (message, item) in &committed.messages {
            let Some(crate::delivery::Item::Message(draft)) = record.items.get(*item) else {
                continue;
            };
            tracing::info!(delivery.id = %id, "✅ Chatrace Instagram message processed: {message} from {}", name(draft));
        }
    }
    if committed.receipt.quarantined > 0 {
        let reason = record.items.iter().find_map(|item| match item {
            crate::delivery::Item::Quarantined { reason, .. } => Some(reason),
            _ => None,
        });
        tracing::warn!(
            delivery.id = %id,
            items = committed.receipt.quarantined,
            code = reason.map_or("", |reason| reason.code.as_str()),
            "⚠️ Kept in quarantine: {}",
            reason.map_or("", |reason| reason.text.as_str()),
        );
    }
}

/// How a log line calls the customer: one line, whatever the name holds.
fn name(draft: &Draft) -> String {
    let name = draft
        .display_name
        .as_ref()
        .or(draft.username.as_ref())
        .unwrap_or(&draft.contact_id);
    name.chars()
        .take(80)
        .collect::<String>()
        .escape_debug()
        .to_string()
}
