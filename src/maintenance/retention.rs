//! Deletes what is older than `RETENTION_DAYS`, in small steps with pauses, so that new deliveries do not wait for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

use crate::store::{ExpiredPart, Maintenance, StoreError, agreed_time};
use crate::time::Clock;

/// How often is looked for what has become old.
const EVERY: Duration = Duration::from_hours(1);
/// How long to wait after a failure.
const AGAIN: Duration = Duration::from_mins(1);
/// How long commits have the database for themselves between two steps.
const PAUSE: Duration = Duration::from_millis(50);

/// The worker that deletes.
#[derive(Debug)]
pub struct Retention {
    store: Arc<dyn Maintenance>,
    days: Option<u32>,
}

impl Retention {
    /// Deletes what arrived more than so many days ago. Without a number only what is left of deleted things, when its
    /// time has come.
    pub fn new(store: Arc<dyn Maintenance>, days: Option<u32>) -> Self {
        Self { store, days }
    }

    /// Looks again and again.
    pub async fn run(self, clock: Clock) {
        let started = Instant::now();
        loop {
            let running =
                SignedDuration::try_from(started.elapsed()).unwrap_or(SignedDuration::MAX);
            let pause = match self.agreed(clock.now(), running).await {
                Ok(deleted) => {
                    if let Some(days) = self.days {
                        tracing::info!(
                            deliveries = deleted.deliveries,
                            messages = deleted.messages,
                            contacts = deleted.contacts,
                            "deleted what is older than {days} days"
                        );
                    }
                    EVERY
                }
                Err(
                    StoreError::Unavailable(cause)
                    | StoreError::Full(cause)
                    | StoreError::Conflict(cause),
                ) => {
                    tracing::debug!(cause, "nothing old can be deleted now");
                    AGAIN
                }
                Err(error) => {
                    tracing::error!(%error, "what is old cannot be deleted");
                    EVERY
                }
            };
            sleep(pause).await;
        }
    }

    /// Deletes everything that is old by the time that the clock and the newest delivery agree on, in a process that
    /// has run so long.
    ///
    /// # Errors
    /// As [`once`](Self::once).
    pub async fn agreed(
        &self,
        now: Timestamp,
        running: SignedDuration,
    ) -> Result<ExpiredPart, StoreError> {
        let newest = self.store.last_delivery_at().await?;
        let agreed = agreed_time(now, newest, running);
        if agreed < now && self.days.is_some() {
            tracing::warn!(
                %now,
                newest = newest.map(tracing::field::display),
                "this clock is more than a day ahead of the newest delivery: only what is old by both is deleted"
            );
        }
        self.once(agreed).await
    }

    /// Deletes everything that is old by this clock, and answers how much that was; where another replica is at it,
    /// what was deleted here.
    ///
    /// # Errors
    /// When the database cannot be used. What was deleted until then stays so.
    pub async fn once(&self, now: Timestamp) -> Result<ExpiredPart, StoreError> {
        let mut deleted = ExpiredPart::default();
        let until = self.days.map(|days| {
            let age = SignedDuration::from_hours(24 * i64::from(days));
            now.checked_sub(age).unwrap_or(Timestamp::MIN)
        });
        while let Some(until) = until
            && !deleted.done
        {
            let step = self.store.expire(until, now, deleted.after).await?;
            if step.busy {
                return Ok(deleted);
            }
            deleted.deliveries += step.deliveries;
            deleted.messages += step.messages;
            deleted.contacts += step.contacts;
            deleted.after = step.after;
            deleted.done = step.done;
            sleep(PAUSE).await;
        }
        while !self.store.sweep(until, now).await? {
            sleep(PAUSE).await;
        }
        Ok(deleted)
    }
}
