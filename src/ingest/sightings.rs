//! Near misses on their way into the store: gathered in bounded memory, written at most once a second.
//!
//! Nobody waits for them. What is not written when the process is killed, or while the database is away at its end, is
//! lost, and what is written in a commit whose answer is lost counts twice: they are hints, no messages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::sighting::{Sighting, Tally};
use crate::store::RejectionStore;

/// The shortest time between two writes.
const PAUSE: Duration = Duration::from_secs(1);
/// How long to wait before a database that is away is asked again.
const RETRY: Duration = Duration::from_secs(2);

/// Where near misses are noted. Cheap to clone; when the last one is dropped, the [`Recorder`] writes the rest and ends.
#[derive(Debug, Clone)]
pub struct Sightings {
    pending: Arc<Mutex<Pending>>,
    wake: mpsc::Sender<()>,
}

/// What is not written yet.
#[derive(Debug, Default)]
struct Pending {
    waiting: Tally,
    /// On its way into the database, which may take its time and fail.
    writing: Tally,
}

/// The task that writes them.
#[derive(Debug)]
pub struct Recorder {
    store: Arc<dyn RejectionStore>,
    pending: Arc<Mutex<Pending>>,
    woken: mpsc::Receiver<()>,
}

impl Sightings {
    /// The place to note near misses, and the task to run at its other end.
    pub fn new(store: Arc<dyn RejectionStore>) -> (Self, Recorder) {
        let pending = Arc::<Mutex<Pending>>::default();
        let (wake, woken) = mpsc::channel(1);
        let sightings = Self {
            pending: pending.clone(),
            wake,
        };
        (
            sightings,
            Recorder {
                store,
                pending,
                woken,
            },
        )
    }

    /// Notes something that was seen.
    pub fn note(&self, sighting: Sighting) {
        lock(&self.pending).waiting.add(sighting);
        // Full: the recorder is about to look anyway.
        self.wake.try_send(()).ok();
    }

    /// What this process has seen and not written yet.
    pub fn pending(&self) -> Tally {
        let pending = lock(&self.pending);
        let under_way = pending.writing.iter();
        under_way.chain(pending.waiting.iter()).cloned().collect()
    }
}

impl Recorder {
    /// Writes what is noted until every [`Sightings`] is dropped, then the rest. After `stop` nothing is waited for.
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
                pause(RETRY).await;
            }
            pause(PAUSE).await;
        }
        stop.cancelled().await;
    }

    /// Writes what is pending; what could not be written stays so.
    async fn flush(&self) -> bool {
        let taken = {
            let mut pending = lock(&self.pending);
            pending.writing = std::mem::take(&mut pending.waiting);
            pending.writing.clone()
        };
        if taken.is_empty() {
            return true;
        }
        let taken: Vec<_> = taken.into_iter().collect();
        let written = self.store.add_rejections(&taken).await;
        let mut pending = lock(&self.pending);
        pending.writing = Tally::default();
        let Err(error) = written else {
            return true;
        };
        tracing::debug!(%error, "near misses are not written yet");
        for sighting in taken {
            pending.waiting.add(sighting);
        }
        false
    }
}

/// Nothing in here can be left half done, so a panic elsewhere does not spoil it.
fn lock(pending: &Mutex<Pending>) -> MutexGuard<'_, Pending> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}
