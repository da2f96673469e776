//! The service that runs on this machine, as commands reach it.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;

use crate::config::Config;
use crate::config::server::reachable;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A service that answers.
#[derive(Debug)]
pub(super) struct Service {
    client: reqwest::Client,
    base: String,
    token: SecretString,
}

impl Service {
    /// The service that listens where the configuration says; `None` if nothing does.
    ///
    /// # Errors
    /// When it is there, but no token for it is.
    pub(super) async fn find(config: &Config) -> anyhow::Result<Option<Self>> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .no_proxy()
            .build()
            .context("no HTTP client")?;
        let base = format!("http://{}", reachable(config.server.address()));
        let alive = client
            .get(format!("{base}/healthz"))
            .timeout(CONNECT_TIMEOUT)
            .send();
        match alive.await {
            Ok(answer) if answer.status().is_success() => {}
            _ => return Ok(None),
        }
        let token = token(config)
            .with_context(|| format!("a service answers at {base}, but there is no API_TOKEN"))?;
        Ok(Some(Self {
            client,
            base,
            token,
        }))
    }

    /// Asks it, and reads the JSON of its answer.
    ///
    /// # Errors
    /// When it does not answer, or refuses; with its own sentence.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path_and_query: &str,
    ) -> anyhow::Result<T> {
        let request = self
            .client
            .request(method, format!("{}{path_and_query}", self.base))
            .bearer_auth(self.token.expose_secret());
        let answer = request
            .send()
            .await
            .with_context(|| format!("the service at {} does not answer", self.base))?;
        let status = answer.status();
        let body = answer.bytes().await.context("the answer broke off")?;
        if !status.is_success() {
            let error: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let sentence = error["error"].as_str().unwrap_or_default();
            bail!("the service at {} answers {status}: {sentence}", self.base);
        }
        serde_json::from_slice(&body).context("the answer is not what was expected")
    }
}

/// The configured token, or the one that the service made for itself.
fn token(config: &Config) -> anyhow::Result<SecretString> {
    if let Some(token) = config.auth.api_tokens.first() {
        return Ok(token.clone());
    }
    let path = config.data_dir.join("api_token");
    let token = std::fs::read_to_string(&path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(SecretString::from(token.trim()))
}
