//! Watches for silence.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::sleep;

use super::assessment::{Change, change};
use super::{Alerter, Assessment, Rhythm, assess};
use crate::config::SilenceAfter;
use crate::store::{Alert, AlertStore, StoreError};
use crate::time::{Clock, millis, new_id};

/// The usual time between two looks.
const INTERVAL: Duration = Duration::from_secs(10);
/// The time between two looks if `SILENCE_AFTER` is very short.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// How long a rhythm is used: it changes with the hours.
const RHYTHM_LIFETIME: Duration = Duration::from_mins(10);

/// Watches for silence, reports when it begins and ends, and sends the alerts.
#[derive(Debug)]
pub struct Watch {
    store: Arc<dyn AlertStore>,
    after: SilenceAfter,
    alerter: Option<Alerter>,
    assessments: watch::Sender<Option<Assessment>>,
    rhythm: Option<(Instant, Rhythm)>,
}

impl Watch {
    /// A watch, and its last assessment; `None` while that is unknown.
    pub fn new(
        store: Arc<dyn AlertStore>,
        after: SilenceAfter,
        alerter: Option<Alerter>,
    ) -> (Self, watch::Receiver<Option<Assessment>>) {
        let (assessments, assessment) = watch::channel(None);
        let watch = Self {
            store,
            after,
            alerter,
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
            if let Some(alerter) = &self.alerter
                && let Err(error) = alerter.step(self.store.as_ref(), clock.now()).await
            {
                tracing::debug!(%error, "cannot read pending alerts");
            }
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
                let alert = self.alert(
                    now,
                    &json!({ "type": "silence.began", "timestamp": millis::format(now),
                        "data": { "lastMessageAt": millis::format(since) } }),
                );
                let first = self
                    .store
                    .change_silence(silence, Some(since), alert.as_ref());
                if first.await? {
                    let limit = match self.after {
                        SilenceAfter::Auto => "usual",
                        SilenceAfter::Fixed(_) => "SILENCE_AFTER",
                    };
                    tracing::warn!(last_message_at = %millis::format(since), "🔇 Silence: no message has arrived for longer than {limit}");
                }
            }
            Change::Ends { since, message } => {
                let alert = self.alert(
                    now,
                    &json!({ "type": "silence.ended", "timestamp": millis::format(now),
                        "data": { "silentSince": millis::format(since), "lastMessageAt": millis::format(message) } }),
                );
                let first = self.store.change_silence(silence, None, alert.as_ref());
                if first.await? {
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

    /// An alert, if `ALERT_URL` is set.
    fn alert(&self, now: Timestamp, body: &serde_json::Value) -> Option<Alert> {
        self.alerter.as_ref().map(|_| Alert {
            id: new_id(),
            body: body.to_string(),
            made_at: now,
            attempts: 0,
            next_at: now,
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
