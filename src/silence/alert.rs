//! Telling `ALERT_URL`: one signed POST for each alert, tried again under the same id for a bounded time.

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::AlertTarget;
use crate::outside;
use crate::sign;
use crate::store::{Alert, AlertStore, StoreError};

/// How long an attempt may take; the claim on it lasts longer.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);
/// After which time a second attempt follows the first; doubled from one to the next.
const FIRST_RETRY: SignedDuration = SignedDuration::from_secs(8);
const LONGEST_RETRY: SignedDuration = SignedDuration::from_mins(5);
/// When an alert is given up: nobody wants to hear of it any more.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(1);

/// Delivers alerts.
#[derive(Debug)]
pub struct Alerter {
    client: reqwest::Client,
    url: SecretString,
    key: SecretString,
}

impl Alerter {
    /// Delivers to this target.
    ///
    /// # Errors
    /// When there can be no HTTP client, because this machine has no certificates.
    pub fn new(target: &AlertTarget) -> anyhow::Result<Self> {
        let mut client = outside::client().timeout(TIMEOUT);
        if target.url.expose_secret().starts_with("http:") {
            // Then this machine needs none, and may have none.
            client = client.tls_certs_only([]);
        }
        let client = client
            .build()
            .context("ALERT_URL cannot be told anything: install this machine's CA certificates")?;
        Ok(Self {
            client,
            url: target.url.clone(),
            key: target.secret.clone(),
        })
    }

    /// Tries to deliver the oldest alert, if it is due and no other replica is at it.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn step(&self, store: &dyn AlertStore, now: Timestamp) -> Result<(), StoreError> {
        let Some(alert) = store.oldest_alert().await? else {
            return Ok(());
        };
        if alert.next_at > now {
            return Ok(());
        }
        if now.duration_since(alert.made_at) > GIVE_UP {
            tracing::error!(alert.id = %alert.id, attempts = alert.attempts, "an alert is given up: ALERT_URL did not take it");
            return store.forget_alert(alert.id).await;
        }
        let again_at = now
            .checked_add(retry_after(alert.attempts))
            .unwrap_or(Timestamp::MAX);
        if !store.claim_alert(&alert, again_at).await? {
            return Ok(());
        }
        match self.send(&alert, now).await {
            Ok(()) => {
                tracing::info!(alert.id = %alert.id, "an alert is delivered");
                store.forget_alert(alert.id).await
            }
            Err(problem) => {
                tracing::warn!(alert.id = %alert.id, "an alert is not delivered yet: {problem}");
                Ok(())
            }
        }
    }

    async fn send(&self, alert: &Alert, now: Timestamp) -> Result<(), String> {
        let (id, timestamp) = (alert.id.to_string(), now.as_second());
        let key = sign::key(self.key.expose_secret()).unwrap_or_default();
        let response = self
            .client
            .post(self.url.expose_secret())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header(
                "webhook-signature",
                sign::signature(&key, &id, timestamp, &alert.body),
            )
            .body(alert.body.clone())
            .send()
            .await
            // The URL may hold a credential.
            .map_err(|error| error.without_url().to_string())?;
        if response.status().is_success() {
            Ok(())
        } else {
            Err(format!("it is answered with {}", response.status()))
        }
    }
}

/// How long until the next attempt.
fn retry_after(attempts: i32) -> SignedDuration {
    let doubled = u32::try_from(attempts).unwrap_or_default().min(16);
    FIRST_RETRY
        .checked_mul(1 << doubled)
        .unwrap_or(LONGEST_RETRY)
        .min(LONGEST_RETRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_become_rarer_and_a_claim_outlasts_an_attempt() {
        assert_eq!(retry_after(0), FIRST_RETRY);
        assert!(retry_after(0).as_secs() > i64::try_from(TIMEOUT.as_secs()).unwrap());
        assert_eq!(retry_after(1), FIRST_RETRY * 2);
        assert_eq!(retry_after(100), LONGEST_RETRY);
    }
}
