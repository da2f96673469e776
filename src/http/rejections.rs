//! Rejected requests on their way into the store: collected in bounded memory, written at most once a second.
//!
//! No request waits for this. What is not yet written when the process is killed, or ends while the database is away,
//! is lost; what is written by a commit whose answer is lost counts twice. They are hints, not messages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::rejection::{RejectedRequest, RejectionLog};
use crate::store::Store;

/// The shortest time between two writes.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// How long to wait before trying a database again that failed.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// Takes rejected requests. Cheap to clone. When the last clone is dropped, the [`RejectionWriter`] writes the rest and
/// ends.
#[derive(Debug, Clone)]
pub struct Rejections {
    unwritten: Arc<Mutex<Unwritten>>,
    wake: mpsc::Sender<()>,
}

#[derive(Debug, Default)]
struct Unwritten {
    waiting: RejectionLog,
    /// On its way into the database, which may take its time and fail.
    writing: RejectionLog,
}

/// The task that writes them.
#[derive(Debug)]
pub struct RejectionWriter {
    store: Arc<dyn Store>,
    unwritten: Arc<Mutex<Unwritten>>,
    woken: mpsc::Receiver<()>,
}

impl Rejections {
    /// The handle, and the task to run at its other end.
    pub fn new(store: Arc<dyn Store>) -> (Self, RejectionWriter) {
        let unwritten = Arc::<Mutex<Unwritten>>::default();
        let (wake, woken) = mpsc::channel(1);
        let rejections = Self {
            unwritten: unwritten.clone(),
            wake,
        };
        (
            rejections,
            RejectionWriter {
                store,
                unwritten,
                woken,
            },
        )
    }

    /// Notes a rejected request.
    pub fn note(&self, request: RejectedRequest) {
        lock(&self.unwritten).waiting.add(request);
        // If the channel is full, the writer is about to look anyway.
        self.wake.try_send(()).ok();
    }

    /// The requests of this process that are not yet written.
    pub fn unwritten(&self) -> RejectionLog {
        let unwritten = lock(&self.unwritten);
        let writing = unwritten.writing.iter();
        writing.chain(unwritten.waiting.iter()).cloned().collect()
    }
}

impl RejectionWriter {
    /// Writes what is noted until every [`Rejections`] is dropped, then the rest. After `stop` it no longer pauses.
    pub async fn run(mut self, stop: CancellationToken) {
        let pause = async |length| {
            tokio::select! {
                () = sleep(length) => {}
                () = stop.cancelled() => {}
            }
        };
        let mut open = true;
        while open {
            open = self.woken.recv().await.is_some();
            while !self.flush().await && open && !stop.is_cancelled() {
                pause(RETRY_DELAY).await;
            }
            pause(WRITE_INTERVAL).await;
        }
        stop.cancelled().await;
    }

    /// Writes what waits; `false` if that failed. Then it waits again.
    async fn flush(&self) -> bool {
        let taken = {
            let mut unwritten = lock(&self.unwritten);
            unwritten.writing = std::mem::take(&mut unwritten.waiting);
            unwritten.writing.clone()
        };
        if taken.is_empty() {
            return true;
        }
        let taken: Vec<_> = taken.into_iter().collect();
        let written = self.store.add_rejections(&taken).await;
        let mut unwritten = lock(&self.unwritten);
        unwritten.writing = RejectionLog::default();
        let Err(error) = written else {
            return true;
        };
        tracing::debug!(%error, "rejected requests are not written yet");
        for request in taken {
            unwritten.waiting.add(request);
        }
        false
    }
}

/// No update can be left half done, so a panic elsewhere does not spoil what waits.
fn lock(unwritten: &Mutex<Unwritten>) -> MutexGuard<'_, Unwritten> {
    unwritten.lock().unwrap_or_else(PoisonError::into_inner)
}
