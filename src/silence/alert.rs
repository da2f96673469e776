//! Sends alerts to `ALERT_URL`: one signed POST for each, retried under the same id for a limited time.

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::AlertTarget;
use crate::store::{Alert, AlertStore, StoreError};
use crate::{crypto, http_client};

/// How long an attempt may take; the claim on it lasts longer.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);
/// The pause after the first attempt. It doubles with each attempt.
const FIRST_RETRY: SignedDuration = SignedDuration::from_secs(8);
const LONGEST_RETRY: SignedDuration = SignedDuration::from_mins(5);
/// Older alerts are dropped: they are of no use any more.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(1);

/// Sends alerts.
#[derive(Debug)]
pub struct Alerter {
    client: reqwest::Client,
    url: SecretString,
    key: SecretString,
}

impl Alerter {
    /// Sends alerts to this target.
    ///
    /// # Errors
    /// When this machine has no CA certificates.
    pub fn new(target: &AlertTarget) -> anyhow::Result<Self> {
        let mut client = http_client::client().timeout(TIMEOUT);
        if target.url.expose_secret().starts_with("http:") {
            // Without TLS no certificates are needed.
            client = client.tls_certs_only([]);
        }
        let client = client
            .build()
            .context("cannot send alerts to ALERT_URL: no CA certificates found; install the package ca-certificates")?;
        Ok(Self {
            client,
            url: target.url.clone(),
            key: target.secret.clone(),
        })
    }

    /// Sends the oldest alert, if it is due and no other replica is sending it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn step(&self, store: &dyn AlertStore, now: Timestamp) -> Result<(), StoreError> {
        let Some(alert) = store.oldest_alert().await? else {
            return Ok(());
        };
        if alert.next_at > now {
            return Ok(());
        }
        if now.duration_since(alert.made_at) > GIVE_UP {
            tracing::error!(alert.id = %alert.id, attempts = alert.attempts, "alert dropped: ALERT_URL did not accept it within an hour");
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
                tracing::info!(alert.id = %alert.id, "alert sent");
                store.forget_alert(alert.id).await
            }
            Err(problem) => {
                tracing::warn!(alert.id = %alert.id, "alert not sent yet: {problem}");
                Ok(())
            }
        }
    }

    async fn send(&self, alert: &Alert, now: Timestamp) -> Result<(), String> {
        let (id, timestamp) = (alert.id.to_string(), now.as_second());
        let key = crypto::webhook_key(self.key.expose_secret()).unwrap_or_default();
        let response = self
            .client
            .post(self.url.expose_secret())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header(
                "webhook-signature",
                crypto::webhook_signature(&key, &id, timestamp, alert.body.as_bytes()),
            )
            .body(alert.body.clone())
            .send()
            .await
            // The URL may hold a credential.
            .map_err(|error| error.without_url().to_string())?;
        if response.status().is_success() {
            Ok(())
        } else {
            Err(format!("ALERT_URL answers {}", response.status()))
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
    fn pauses_grow_and_a_claim_outlasts_an_attempt() {
        assert_eq!(retry_after(0), FIRST_RETRY);
        assert!(retry_after(0).as_secs() > i64::try_from(TIMEOUT.as_secs()).unwrap());
        assert_eq!(retry_after(1), FIRST_RETRY * 2);
        assert_eq!(retry_after(100), LONGEST_RETRY);
    }
}
