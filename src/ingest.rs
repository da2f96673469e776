//! Makes deliveries durable: [`Ingest::submit`] resolves when a delivery is committed, and not before.
//!
//! A handler hands its delivery to a bounded queue and waits for the receipt. One writer takes whatever is waiting,
//! with no artificial delay, commits it in one transaction and answers each (group commit): at low load a batch is one
//! delivery, at high load the cost of a commit is shared by hundreds.
//!
//! * A write goes on when its client hangs up: the queue owns the delivery.
//! * What waits is bounded, in number and in bytes. When there is no room for a second, the sender is told to come
//!   back, and memory stays flat.
//! * A row that the database refuses never fails its neighbours; see `batch`.
//! * A batch whose answer was lost is tried again under the same delivery ids, so that nothing is doubled.
//! * While Postgres is away, deliveries are kept on this machine's disk (`fallback`), and moved into the database when
//!   it is back (`drain`).

mod batch;
mod drain;
mod fallback;
mod refusals;
mod report;
mod sightings;
pub(crate) mod weight;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::delivery::{Delivery, Receipt, Record};
use crate::normalize::{self, Defect};
use crate::store::{Committed, Ledger, Spool, SpoolDepth, StoreError};

pub use drain::Drain;
use fallback::Fallback;
use refusals::Refusals;
pub use sightings::{Recorder, Sightings};
pub use writer::Writer;

/// How many deliveries may wait for the writer.
const QUEUE: usize = 4096;
/// How many bytes may wait for the writer, in deliveries and what was read of them, in units of [`BYTES_UNIT`].
const QUEUE_BYTES: u32 = 64 * 1024;
const BYTES_UNIT: usize = 1024;
/// How many deliveries are committed at once. Measured: more only adds latency.
const BATCH: usize = 500;
/// How many bytes are committed at once, unless a single delivery is larger: a transaction must fit into its time limit
/// on a slow disk.
pub(crate) const BATCH_BYTES: usize = 4 * 1024 * 1024;
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
    fallback: Option<Arc<Fallback>>,
    refusals: Arc<Refusals>,
    committed: watch::Sender<u64>,
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
    /// In bytes.
    weight: usize,
    /// Gives its room back when dropped.
    room: OwnedSemaphorePermit,
}

impl Ingest {
    /// The way in, and the tasks to run at its other end: the writer, and with a spool the drain.
    pub fn new(store: Arc<dyn Ledger>, spool: Option<Arc<Spool>>) -> (Self, Writer, Option<Drain>) {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let bytes = Arc::new(Semaphore::new(QUEUE_BYTES as usize));
        let fallback = spool.map(|spool| Arc::new(Fallback::new(spool)));
        let refusals = Arc::new(Refusals::default());
        let committed = watch::Sender::new(0);
        let drain = fallback.clone().map(|fallback| Drain {
            store: store.clone(),
            fallback,
            committed: committed.clone(),
        });
        let ingest = Self {
            queue,
            bytes,
            fallback: fallback.clone(),
            refusals: refusals.clone(),
            committed: committed.clone(),
        };
        (
            ingest,
            Writer {
                store,
                jobs,
                fallback,
                refusals,
                committed,
            },
            drain,
        )
    }

    /// Changes whenever this process has stored messages.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }

    /// Tells those who wait that this process has stored messages elsewhere than in its queue.
    pub fn announce(&self) {
        self.committed.send_modify(|count| *count += 1);
    }

    /// How many deliveries wait for the writer.
    pub fn queued(&self) -> usize {
        QUEUE - self.queue.capacity()
    }

    /// The spool, if there is one.
    pub fn spool(&self) -> Option<&Spool> {
        self.fallback.as_ref().map(|fallback| &*fallback.spool)
    }

    /// How much waits in the spool; `None` without one.
    pub fn spool_depth(&self) -> Option<SpoolDepth> {
        self.fallback
            .as_ref()
            .map(|fallback| fallback.spool.depth())
    }

    /// Whether the spool refused the last delivery that came to it, and the database has taken none since.
    pub fn spool_refuses(&self) -> bool {
        self.fallback
            .as_ref()
            .is_some_and(|fallback| fallback.spool_refuses())
    }

    /// Whether a delivery was refused a moment ago, because neither the database nor the spool could keep it, or not in
    /// time.
    pub fn refuses(&self) -> bool {
        self.refusals.recent()
    }

    /// A delivery that waits in the spool of this process.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub async fn spooled(&self, id: Uuid) -> Result<Option<Delivery>, StoreError> {
        match &self.fallback {
            Some(fallback) => fallback.spool.find(id).await,
            None => Ok(None),
        }
    }

    /// Reads a delivery and keeps it. Resolves when it is committed; goes on if the caller stops waiting. Its body has
    /// `unpacked` bytes without its content encoding.
    ///
    /// # Errors
    /// When it is not kept, or not known to be: see [`SubmitError`].
    pub async fn submit(
        &self,
        delivery: Delivery,
        unpacked: usize,
    ) -> Result<Accepted, SubmitError> {
        let units = units(weight::at_most(&delivery, unpacked));
        let placed = if let Some(room) = self.room_now(units) {
            room.take(delivery)
        } else {
            // In a task of its own: the caller ends when its client hangs up, the delivery must not.
            let ingest = self.clone();
            let placing = async move { Ok(ingest.room(units).await?.take(delivery)) };
            tokio::spawn(placing.in_current_span())
                .await
                .map_err(|_| SubmitError::Stopping)??
        };
        let committed = timeout(RECEIPT_TIMEOUT, placed.receipt)
            .await
            .map_err(|_| self.refuse(SubmitError::Unavailable("no commit in time".to_owned())))?
            .map_err(|_| SubmitError::Stopping)??;
        Ok(Accepted {
            receipt: committed.receipt,
            defect: placed.defect,
        })
    }

    /// Notes that a delivery is refused which the writer never had, or has still: of others it notes it itself.
    fn refuse(&self, error: SubmitError) -> SubmitError {
        self.refusals.note(false);
        error
    }

    /// Room for a delivery, if there is some now.
    fn room_now(&self, units: u32) -> Option<Room<'_>> {
        let bytes = self.bytes.clone().try_acquire_many_owned(units).ok()?;
        let place = self.queue.try_reserve().ok()?;
        Some(Room { bytes, place })
    }

    /// Room for a delivery, waited for with a limit.
    async fn room(&self, units: u32) -> Result<Room<'_>, SubmitError> {
        let deadline = Instant::now() + PATIENCE;
        let bytes = timeout_at(deadline, self.bytes.clone().acquire_many_owned(units))
            .await
            .map_err(|_| self.refuse(SubmitError::Busy))?
            .map_err(|_| SubmitError::Stopping)?;
        let place = timeout_at(deadline, self.queue.reserve())
            .await
            .map_err(|_| self.refuse(SubmitError::Busy))?
            .map_err(|_| SubmitError::Stopping)?;
        Ok(Room { bytes, place })
    }
}

/// Bytes in units of [`BYTES_UNIT`], and never more than all the room.
fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(BYTES_UNIT))
        .unwrap_or(u32::MAX)
        .clamp(1, QUEUE_BYTES)
}

/// Room for one delivery in the queue.
struct Room<'a> {
    bytes: OwnedSemaphorePermit,
    place: mpsc::Permit<'a, Job>,
}

/// A delivery that is on its way to the writer.
struct Placed {
    receipt: oneshot::Receiver<Result<Committed, SubmitError>>,
    defect: Option<Defect>,
}

impl Room<'_> {
    /// Reads a delivery and hands it to the writer. Only with room: a flood must not be read in order to be refused. As
    /// long as it is read it has room for the most that could come of it, then for what did.
    fn take(mut self, delivery: Delivery) -> Placed {
        tracing::debug!(delivery.id = %delivery.id, "🔄 Processing Chatrace webhook");
        let reading = normalize::normalize(&delivery);
        let (reply, receipt) = oneshot::channel();
        let record = Record {
            delivery,
            shape: reading.shape,
            items: reading.items,
        };
        let weight = weight::of(&record);
        let needed = usize::try_from(units(weight)).unwrap_or(usize::MAX);
        drop(
            self.bytes
                .split(self.bytes.num_permits().saturating_sub(needed)),
        );
        self.place.send(Job {
            record,
            reply,
            weight,
            room: self.bytes,
        });
        Placed {
            receipt,
            defect: reading.defect,
        }
    }
}

/// Reads a delivery that is kept already with today's normalizer.
pub(crate) fn read(delivery: Delivery) -> Record {
    let reading = normalize::normalize(&delivery);
    Record {
        delivery,
        shape: reading.shape,
        items: reading.items,
    }
}
