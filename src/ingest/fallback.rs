//! Where a delivery goes while the database is away: to the spool on this machine's disk.
//!
//! The first batch that the database does not take opens the fallback: from then on the writer goes to the spool
//! directly, so that requests do not pile up behind a dead database. Only the drain tries the database, with what
//! waits longest, and closes the fallback when that succeeds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::batch::Answered;
use crate::delivery::{Delivery, Receipt};
use crate::store::{Committed, Spool, StoreError};

/// The spool, and whether deliveries go there. Shared by the writer, the drain and the handlers.
#[derive(Debug)]
pub struct Fallback {
    spool: Arc<Spool>,
    /// Why the database took nothing when it was last tried; `None` if it did.
    database_problem: Mutex<Option<String>>,
    /// Whether the spool refused the last delivery that came to it, and the database has taken none since.
    spool_refuses: AtomicBool,
    /// Whether the drain cannot read what is in the spool.
    unreadable: AtomicBool,
    pub(super) filled: Notify,
}

impl Fallback {
    /// Deliveries go to this spool while the database is away.
    pub fn new(spool: Arc<Spool>) -> Self {
        Self {
            spool,
            database_problem: Mutex::default(),
            spool_refuses: AtomicBool::new(false),
            unreadable: AtomicBool::new(false),
            filled: Notify::new(),
        }
    }

    /// Whether deliveries go to the spool without trying the database first. Only while something waits there: the
    /// drain needs it to find out that the database is back. And only while the spool can be read and written: a drain
    /// that cannot read finds out nothing, and what a full disk refuses the database may take.
    pub(super) fn is_open(&self) -> bool {
        self.lock_problem().is_some()
            && !self.spool_refuses()
            && !self.unreadable.load(Ordering::Acquire)
            && self.spool.depth().deliveries > 0
    }

    /// The spool.
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Whether the spool refused the last delivery that came to it, and the database has taken none since.
    pub fn spool_refuses(&self) -> bool {
        self.spool_refuses.load(Ordering::Acquire)
    }

    /// Why the database takes no deliveries at the moment, if it does not.
    pub fn database_problem(&self) -> Option<String> {
        self.lock_problem().clone()
    }

    fn lock_problem(&self) -> MutexGuard<'_, Option<String>> {
        self.database_problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whether the drain can read the spool.
    pub(super) fn set_readable(&self, readable: bool) {
        self.unreadable.store(!readable, Ordering::Release);
    }

    /// The database took something: deliveries go there again, so a spool that is still full refuses none.
    pub(super) fn close(&self) {
        self.spool_refuses.store(false, Ordering::Release);
        if self.lock_problem().take().is_some() {
            tracing::info!(
                waiting = self.spool.depth().deliveries,
                "the database is back: draining the spool"
            );
        }
    }

    /// Keeps on the disk what the database did not take. Where it refused a delivery for its content, that says nothing
    /// about the next ones: such a delivery waits in the spool for a later version.
    pub(super) async fn keep(&self, answered: &mut [Answered]) {
        let (deliveries, errors) = failed(answered);
        let Some(cause) = errors.first().map(ToString::to_string) else {
            self.close();
            return;
        };
        let is_away = !errors
            .iter()
            .all(|error| matches!(error, StoreError::Refused(_)));
        if is_away {
            self.lock_problem().get_or_insert_with(|| {
                tracing::warn!(
                    cause,
                    "the database is away: deliveries are kept in the spool on this machine's disk"
                );
                cause.clone()
            });
        }
        let appended = self.spool.append(&deliveries).await;
        self.spool_refuses
            .store(appended.is_err(), Ordering::Release);
        self.filled.notify_one();
        if let Err(error) = &appended {
            tracing::error!(%error, "the spool cannot be written");
        }
        for (record, result) in answered.iter_mut().filter(|(_, result)| result.is_err()) {
            *result = match &appended {
                Ok(()) => Ok(Committed {
                    receipt: Receipt::spooled(record.delivery.id),
                    messages: Vec::new(),
                }),
                Err(error) => Err(StoreError::Unavailable(format!(
                    "{cause}; the spool: {error}"
                ))),
            };
        }
    }
}

/// The deliveries that the database did not take, and why.
fn failed(answered: &[Answered]) -> (Vec<&Delivery>, Vec<&StoreError>) {
    answered
        .iter()
        .filter_map(|(record, result)| Some((&record.delivery, result.as_ref().err()?)))
        .unzip()
}
