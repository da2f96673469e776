//! Watches for silence.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;

use super::assessment::{Change, change};
use super::{Assessment, Rhythm, assess};
use crate::config::SilenceAfter;
use crate::store::{AlertStore, StoreError};
use crate::time::{Clock, millis};

/// The usual time between two looks.
const INTERVAL: Duration = Duration::from_secs(10);
/// The time between two looks if `SILENCE_AFTER` is very short.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// How long a rhythm is used: it changes with the hours.
const RHYTHM_LIFETIME: Duration = Duration::from_mins(10);

/// Watches for silence, and reports when it begins and ends.
#[derive(Debug)]
pub struct Watch {
    store: Arc<dyn AlertStore>,
    after: SilenceAfter,
    assessments: watch::Sender<Option<Assessment>>,
    rhythm: Option<(Instant, Rhythm)>,
}

impl Watch {
    /// A watch, and its last assessment; `None` while that is unknown.
    pub fn new(
        store: Arc<dyn AlertStore>,
        after: SilenceAfter,
    ) -> (Self, watch::Receiver<Option<Assessment>>) {
        let (assessments, assessment) = watch::channel(None);
        let watch = Self {
            store,
            after,
            assessments,
            rhythm: None,
        };
        (watch, assessment)
    }

    /// Never ends.
    pub async fn run(mut self, clock: Clock) {
        let pause = match self.after {
            SilenceAfter::Auto => INTERVAL,
            SilenceAfter::Fixed(limit) => (limit / 10).clamp(SHORTEST_INTERVAL, INTERVAL),
        };
        loop {
            let assessed = self.step(clock.now()).await;
            if let Err(error) = &assessed {
                tracing::debug!(%error, "cannot check for silence");
            }
            self.assessments.send_replace(assessed.ok());
            sleep(pause).await;
        }
    }

    async fn step(&mut self, now: Timestamp) -> Result<Assessment, StoreError> {
        // The agreed state first: a message that arrives after reading it ends silence in the next step.
        let silence = self.store.silence().await?;
        let last = self.store.last_message_at().await?;
        let assessment = assess(self.after, now, last, self.rhythm(now).await?);
        match change(silence.since, assessment, last) {
            Change::Nothing => {}
            Change::Begins { since } => {
                if self.store.change_silence(silence, Some(since)).await? {
                    let limit = match self.after {
                        SilenceAfter::Auto => "usual",
                        SilenceAfter::Fixed(_) => "SILENCE_AFTER",
                    };
                    tracing::warn!(last_message_at = %millis::format(since), "🔇 Silence: no message has arrived for longer than {limit}");
                }
            }
            Change::Ends { since } => {
                if self.store.change_silence(silence, None).await? {
                    tracing::info!(silent_since = %millis::format(since), "🔊 Silence is over: a message has arrived");
                }
                return Ok(assessment);
            }
        }
        Ok(match (silence.since, assessment) {
            (Some(since), Assessment::Silent { .. }) => Assessment::Silent { since },
            // `SILENCE_AFTER` was raised, or the rhythm has changed.
            (Some(since), _) => Assessment::Unbroken { since },
            (None, assessment) => assessment,
        })
    }

    async fn rhythm(&mut self, now: Timestamp) -> Result<&Rhythm, StoreError> {
        let known = match self.rhythm.take() {
            Some((read, rhythm)) if read.elapsed() < RHYTHM_LIFETIME => (read, rhythm),
            _ if self.after != SilenceAfter::Auto => (Instant::now(), Rhythm::default()),
            _ => {
                let since = now.checked_sub(Rhythm::HISTORY).unwrap_or(now);
                let hours = self.store.messages_by_hour(since).await?;
                (Instant::now(), Rhythm::new(hours))
            }
        };
        Ok(&self.rhythm.insert(known).1)
    }
}
