//! Sends alerts, oldest first: those in memory, and those in the database.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::text::AlertText;
use crate::config::{AlertFormat, AlertTarget};
use crate::forward::{AttemptClient, Event, SampleAttempt, next_alert, send_one};
use crate::redact::Redactor;
use crate::store::{Alert, AlertStore, StoreError};
use crate::time::{Clock, new_id};

/// How long no other replica tries what this one is sending: longer than an attempt may take.
const CLAIM: SignedDuration = SignedDuration::from_secs(30);
/// Older alerts are dropped.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(72);
/// How many alerts may wait in memory.
const MOST: usize = 100;

/// Sends alerts.
#[derive(Debug)]
pub struct AlertSender {
    client: AttemptClient,
    format: AlertFormat,
    clock: Clock,
    /// Those that cannot be kept in the database, since they may be about it.
    pub(super) waiting: VecDeque<Alert>,
}

impl AlertSender {
    /// Sends alerts to this target. None of `secrets` gets into the log.
    ///
    /// # Errors
    /// When this machine has no CA certificates.
    pub fn new(
        target: &AlertTarget,
        secrets: Vec<&SecretString>,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let destination = Arc::new(target.destination.clone());
        Ok(Self {
            client: AttemptClient::new(destination, Redactor::new(secrets), clock.clone())?,
            format: target.format,
            clock: clock.clone(),
            waiting: VecDeque::new(),
        })
    }

    /// Keeps an alert in memory until it is delivered. A new one is a reason to try at once those before it.
    pub(super) fn keep(&mut self, alert: Alert) {
        if self.waiting.len() >= MOST
            && let Some(dropped) = self.waiting.pop_front()
        {
            tracing::error!(alert.id = %dropped.id, "alert dropped: {MOST} wait for ALERT_URL already");
        }
        if let Some(oldest) = self.waiting.front_mut() {
            oldest.next_at = alert.next_at;
        }
        self.waiting.push_back(alert);
    }

    /// Sends what is due, in order: while one is not accepted, those behind it wait.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn send_due(&mut self, store: &dyn AlertStore) -> Result<(), StoreError> {
        while let Some(alert) = self.waiting.front()
            && alert.next_at <= self.clock.now()
        {
            let again_at = self.attempt(alert).await;
            if let (Some(again_at), Some(alert)) = (again_at, self.waiting.front_mut()) {
                alert.attempts += 1;
                alert.next_at = again_at;
                break;
            }
            self.waiting.pop_front();
        }
        while let Some(alert) = store.oldest_alert().await? {
            let now = self.clock.now();
            let until = now.checked_add(CLAIM).unwrap_or(Timestamp::MAX);
            if alert.next_at > now || !store.claim_alert(&alert, until).await? {
                break;
            }
            match self.attempt(&alert).await {
                None => store.forget_alert(alert.id).await?,
                Some(again_at) => {
                    store.put_off_alert(alert.id, again_at).await?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Tries to deliver an alert. Says when to try again; not any more, if it is delivered or of no use.
    async fn attempt(&self, alert: &Alert) -> Option<Timestamp> {
        let (id, attempts) = (alert.id, alert.attempts + 1);
        if self.clock.now().duration_since(alert.made_at) > GIVE_UP {
            tracing::error!(alert.id = %id, alert.attempts, "alert dropped: ALERT_URL did not accept it in three days");
            return None;
        }
        let body = AlertText::rendered(&alert.body, self.format);
        let event = Event::of_alert(id, alert.made_at, body);
        match self.client.attempt(&event).await {
            Ok(_) => {
                tracing::info!(alert.id = %id, "alert sent");
                None
            }
            Err(failed) => {
                let failure = &failed.failure;
                let answer = failure.answer.as_deref().unwrap_or_default();
                tracing::warn!(alert.id = %id, attempts, answer, "alert not sent yet: {}", failure.problem);
                next_alert(attempts, self.clock.now(), failed.retry_after)
            }
        }
    }
}

/// Sends an alert that says that it is a test. None of `secrets` is in what this answers.
///
/// # Errors
/// When this machine has no CA certificates.
pub async fn send_test_alert(
    target: &AlertTarget,
    secrets: Vec<&SecretString>,
    clock: Clock,
) -> anyhow::Result<SampleAttempt> {
    let now = clock.now();
    let text = AlertText::test(now).to_json();
    let event = Event::of_alert(new_id(), now, AlertText::rendered(&text, target.format));
    send_one(&target.destination, &event, secrets, clock).await
}
