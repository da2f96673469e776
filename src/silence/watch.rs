//! Looks for silence again and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::sleep;
use uuid::Uuid;

use super::{Alerter, Change, Judgment, Rhythm, change, judge};
use crate::config::SilenceAfter;
use crate::store::{Alert, AlertStore, StoreError};
use crate::time::millis;

/// How often is looked.
const OFTEN: Duration = Duration::from_secs(10);
/// The shortest pause, where silence itself is short.
const SHORTEST: Duration = Duration::from_millis(100);
/// How long a rhythm is believed: it changes with the hours.
const BELIEVED_FOR: Duration = Duration::from_mins(10);

/// Looks for silence, says when it begins and ends, and delivers the alerts about it.
#[derive(Debug)]
pub struct Watch {
    store: Arc<dyn AlertStore>,
    after: SilenceAfter,
    alerter: Option<Alerter>,
    judged: watch::Sender<Option<Judgment>>,
    rhythm: Option<(Instant, Rhythm)>,
}

impl Watch {
    /// A watch, and what it judged last; `None` while it cannot tell.
    pub fn new(
        store: Arc<dyn AlertStore>,
        after: SilenceAfter,
        alerter: Option<Alerter>,
    ) -> (Self, watch::Receiver<Option<Judgment>>) {
        let (judged, judgment) = watch::channel(None);
        let watch = Self {
            store,
            after,
            alerter,
            judged,
            rhythm: None,
        };
        (watch, judgment)
    }

    /// Watches for ever.
    pub async fn run(mut self) {
        let pause = match self.after {
            SilenceAfter::Auto => OFTEN,
            SilenceAfter::Fixed(limit) => (limit / 10).clamp(SHORTEST, OFTEN),
        };
        loop {
            let judged = self.step(Timestamp::now()).await;
            if let Err(error) = &judged {
                tracing::debug!(%error, "whether there is silence cannot be told");
            }
            self.judged.send_replace(judged.ok());
            if let Some(alerter) = &self.alerter
                && let Err(error) = alerter.step(self.store.as_ref(), Timestamp::now()).await
            {
                tracing::debug!(%error, "alerts cannot be looked up");
            }
            sleep(pause).await;
        }
    }

    async fn step(&mut self, now: Timestamp) -> Result<Judgment, StoreError> {
        // First what is agreed on: a message that arrives in between ends it in the next step.
        let silence = self.store.silence().await?;
        let last = self.store.last_message_at().await?;
        let judgment = judge(self.after, now, last, self.rhythm(now).await?);
        match change(silence.since, judgment, last) {
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
                    tracing::warn!(last_message_at = %millis::format(since), "🔇 Silence: no message has arrived for longer than usual");
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
                return Ok(judgment);
            }
        }
        Ok(match (silence.since, judgment) {
            (Some(since), Judgment::Silent { .. }) => Judgment::Silent { since },
            // `SILENCE_AFTER` was raised, or the rhythm is forgotten.
            (Some(since), _) => Judgment::Unbroken { since },
            (None, judgment) => judgment,
        })
    }

    /// An alert, if somebody is to be told.
    fn alert(&self, now: Timestamp, body: &serde_json::Value) -> Option<Alert> {
        self.alerter.as_ref().map(|_| Alert {
            id: Uuid::now_v7(),
            body: body.to_string(),
            made_at: now,
            attempts: 0,
            next_at: now,
        })
    }

    async fn rhythm(&mut self, now: Timestamp) -> Result<&Rhythm, StoreError> {
        let known = match self.rhythm.take() {
            Some((read, rhythm)) if read.elapsed() < BELIEVED_FOR => (read, rhythm),
            _ if self.after != SilenceAfter::Auto => (Instant::now(), Rhythm::default()),
            _ => {
                let since = now.checked_sub(Rhythm::SPAN).unwrap_or(now);
                let hours = self.store.messages_by_hour(since).await?;
                (Instant::now(), Rhythm::new(hours))
            }
        };
        Ok(&self.rhythm.insert(known).1)
    }
}
