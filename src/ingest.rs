//! Makes deliveries durable: [`Permit::submit`] resolves when a delivery is committed, and not before.
//!
//! A handler reserves room in a bounded queue, parses its delivery, submits it and waits for the receipt. One writer
//! takes whatever is waiting, without artificial delay, commits it in one transaction and answers each (group commit):
//! at low load a batch is one delivery, at high load hundreds share the cost of a commit.
//!
//! * A write goes on when its client hangs up: the queue owns the delivery.
//! * What waits is bounded, in number and in bytes. Without room for a second, a stranger is asked to come back; a
//!   sender with a valid secret waits for longer. So memory stays flat. Room is reserved before a delivery is parsed: a
//!   flood must not be parsed in order to be refused.
//! * A row that the database refuses never fails its neighbours; see `batch`.
//! * A batch whose answer was lost is tried again under the same delivery ids, so that nothing is doubled.
//! * While Postgres is away, deliveries are kept on this machine's disk (`fallback`), and moved into the database when
//!   it is back (`drain`).

mod batch;
mod commits;
mod drain;
mod fallback;
mod refusals;
mod report;
pub(crate) mod weight;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::delivery::{Receipt, Record};
use crate::store::{Committed, Ledger, StoreError};

pub use commits::Commits;
pub use drain::Drain;
pub use fallback::Fallback;
use refusals::Refusals;
pub use weight::most_memory;
pub use writer::Writer;

/// How many deliveries may wait for the writer.
const QUEUE: usize = 4096;
/// How much memory may wait for the writer, in deliveries and what was read from them, in units of [`UNIT`].
const QUEUE_UNITS: u32 = 40 * 1024;
/// In bytes.
const UNIT: usize = 1024;
/// How many deliveries are committed at once. Measured: more only adds latency.
const BATCH: usize = 500;
/// How many bytes are committed at once, unless a single delivery is larger: a transaction must fit into its time limit
/// on a slow disk.
pub(crate) const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// How long a stranger waits for room in the queue before it is asked to come back. A sender with a valid secret waits
/// as long as for a receipt.
const RESERVE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a sender waits for its receipt. The write itself may still succeed afterwards; a repeated delivery is then
/// a duplicate.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(20);

/// The queue to the writer. Cheap to clone; when the last clone is dropped, the writer drains the queue and ends.
#[derive(Debug, Clone)]
pub struct Ingest {
    queue: mpsc::Sender<Job>,
    memory: Arc<Semaphore>,
    refusals: Arc<Refusals>,
    oldest: OldestJob,
}

/// When the oldest delivery was submitted that the writer has in hand.
type OldestJob = Arc<Mutex<Option<Instant>>>;

/// Room for one delivery in the queue.
#[derive(Debug)]
#[must_use = "room that is not used is given back"]
pub struct Permit {
    place: mpsc::OwnedPermit<Job>,
    memory: OwnedSemaphorePermit,
    refusals: Arc<Refusals>,
}

/// Why a delivery is not kept. The sender must learn of it: it was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// More deliveries arrive than the database takes.
    #[error("the queue is full")]
    Busy,
    /// The database cannot be written to.
    #[error("{0}")]
    Unavailable(String),
    /// The disk is full.
    #[error("{0}")]
    Full(String),
    /// The writer is gone: the service is stopping.
    #[error("the service is stopping")]
    Stopping,
}

impl From<StoreError> for SubmitError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(_) => Self::Full(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// A delivery on its way to the writer.
#[derive(Debug)]
struct Job {
    record: Record,
    submitted: Instant,
    reply: oneshot::Sender<Result<Committed, SubmitError>>,
    /// In bytes.
    weight: usize,
    /// Gives its room back when dropped.
    memory: OwnedSemaphorePermit,
}

impl Ingest {
    /// The queue, and the task to run at its other end. `fallback` is where deliveries go while the database is away.
    pub fn new(
        store: Arc<dyn Ledger>,
        fallback: Option<Arc<Fallback>>,
        commits: Commits,
    ) -> (Self, Writer) {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let ingest = Self {
            queue,
            memory: Arc::new(Semaphore::new(QUEUE_UNITS as usize)),
            refusals: Arc::default(),
            oldest: Arc::default(),
        };
        let writer = Writer {
            store,
            jobs,
            fallback,
            refusals: ingest.refusals.clone(),
            commits,
            oldest: ingest.oldest.clone(),
        };
        (ingest, writer)
    }

    /// How many deliveries wait for the writer.
    pub fn queued(&self) -> usize {
        QUEUE - self.queue.capacity()
    }

    /// How long the oldest delivery waits that is not kept yet.
    pub fn oldest_age(&self) -> Duration {
        let oldest = *self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        oldest.map_or(Duration::ZERO, |submitted| submitted.elapsed())
    }

    /// Why a delivery was refused a moment ago, if one was: neither the database nor the spool could keep it, or not in
    /// time.
    pub fn refusal(&self) -> Option<SubmitError> {
        self.refusals.recent()
    }

    /// Waits for room for a delivery that will take at most so many bytes of memory: see [`most_memory`]. `is_trusted`:
    /// its sender has a valid secret.
    ///
    /// # Errors
    /// [`SubmitError::Busy`] when there is none in time, [`SubmitError::Stopping`] when the writer is gone.
    pub async fn reserve(&self, bytes: usize, is_trusted: bool) -> Result<Permit, SubmitError> {
        let reserving = async {
            let memory = self.memory.clone().acquire_many_owned(units(bytes));
            let memory = memory.await.map_err(|_| SubmitError::Stopping)?;
            let place = self.queue.clone().reserve_owned();
            let place = place.await.map_err(|_| SubmitError::Stopping)?;
            Ok(Permit {
                place,
                memory,
                refusals: self.refusals.clone(),
            })
        };
        let wait = if is_trusted {
            RECEIPT_TIMEOUT
        } else {
            RESERVE_TIMEOUT
        };
        timeout(wait, reserving).await.unwrap_or_else(|_| {
            self.refusals.note::<()>(Err(&SubmitError::Busy));
            Err(SubmitError::Busy)
        })
    }
}

impl Permit {
    /// Hands a record to the writer at once, and returns its receipt, which resolves when the record is committed. The
    /// write goes on if nobody waits for that. From now on the record takes only as much room as it needs.
    ///
    /// # Errors
    /// The receipt fails when the record is not kept, or not known to be: see [`SubmitError`].
    pub fn submit(
        mut self,
        record: Record,
    ) -> impl Future<Output = Result<Receipt, SubmitError>> + Send + use<> {
        let weight = weight::of(&record);
        let needed = usize::try_from(units(weight)).unwrap_or(usize::MAX);
        let unneeded = self.memory.num_permits().saturating_sub(needed);
        drop(self.memory.split(unneeded));
        let (reply, committed) = oneshot::channel();
        self.place.send(Job {
            record,
            submitted: Instant::now(),
            reply,
            weight,
            memory: self.memory,
        });
        async move {
            match timeout(RECEIPT_TIMEOUT, committed).await {
                Ok(Ok(committed)) => committed.map(|committed| committed.receipt),
                Ok(Err(_)) => Err(SubmitError::Stopping),
                // Of others the writer notes itself whether they are kept.
                Err(_) => {
                    let error = SubmitError::Unavailable("no commit in time".to_owned());
                    self.refusals.note::<()>(Err(&error));
                    Err(error)
                }
            }
        }
    }
}

/// Bytes in units of [`UNIT`], and never more than all the room.
fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT))
        .unwrap_or(u32::MAX)
        .clamp(1, QUEUE_UNITS)
}
