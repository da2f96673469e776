//! A running service, as the commands that ask it find it: its URL and its token.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::{Client, Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use super::Failure;
use super::surroundings::{base, http_url};
use crate::config::server::reachable;
use crate::config::{Config, ConfigErrors, Env, Server};
use crate::outside;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Which service is asked, and with which token.
#[derive(Debug, Clone, Args)]
pub struct ServiceArgs {
    /// Where the service is; without it, on this machine at PORT.
    #[arg(long, value_parser = http_url)]
    pub url: Option<Url>,
    /// An API token; without it, the first of `API_TOKEN`, or the one in `DATA_DIR/api_token`.
    #[arg(long)]
    pub token: Option<SecretString>,
}

/// A running service.
#[derive(Debug)]
pub(super) struct Service {
    base: String,
    token: SecretString,
    client: Client,
}

impl Service {
    /// The one that the arguments name, and else the one that the environment describes.
    pub(super) fn find(
        arguments: ServiceArgs,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let mut env = Env::new(lookup);
        let server = Server::read(&mut env);
        let configured = env.secrets("API_TOKEN");
        let data_dir = Config::data_dir(&mut env);
        let errors = env.into_errors();
        if !errors.is_empty() {
            return Err(ConfigErrors(errors).into());
        }
        let token = arguments
            .token
            .or_else(|| configured.into_iter().next())
            .or_else(|| generated(&data_dir))
            .ok_or_else(|| {
                Failure::CannotRun(
                    "a token is needed: give --token, or set API_TOKEN as for the service, or DATA_DIR where it runs"
                        .to_owned(),
                )
            })?;
        let base = base(&server, arguments.url.as_ref())?;
        Ok(Self {
            client: client(&base)?,
            base,
            token,
        })
    }

    /// Where it is.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// A request for a path.
    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.client
            .get(format!("{}{path}", self.base))
            .bearer_auth(self.token.expose_secret())
    }

    /// The service at a URL, or without one that which listens where the configuration says; `None` if nothing does.
    ///
    /// # Errors
    /// When it is there, but no token for it is; and when nothing is at the URL.
    pub(super) async fn here(config: &Config, url: Option<&Url>) -> anyhow::Result<Option<Self>> {
        let base = url.map_or_else(
            || format!("http://{}", reachable(config.server.address())),
            |url| url.as_str().trim_end_matches('/').to_owned(),
        );
        let client = client(&base)?;
        let alive = client
            .get(format!("{base}/healthz"))
            .timeout(CONNECT_TIMEOUT)
            .send();
        match alive.await {
            Ok(answer) if answer.status().is_success() => {}
            _ if url.is_some() => bail!("no service answers at {base}"),
            _ => return Ok(None),
        }
        let token = config.auth.api_tokens.first().cloned();
        let token = token
            .or_else(|| generated(&config.data_dir))
            .with_context(|| format!("a service answers at {base}, but there is no API_TOKEN"))?;
        Ok(Some(Self {
            base,
            token,
            client,
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
        let answer = self
            .client
            .request(method, format!("{}{path_and_query}", self.base))
            .bearer_auth(self.token.expose_secret())
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

fn client(base: &str) -> anyhow::Result<Client> {
    let mut client = outside::builder().connect_timeout(CONNECT_TIMEOUT);
    if base.starts_with("http:") {
        // It is asked without TLS, and must not need this machine's certificates.
        client = client.tls_certs_only([]);
    }
    client.build().context("no HTTP client")
}

/// The token that the service made for itself.
fn generated(data_dir: &Path) -> Option<SecretString> {
    let token = fs::read_to_string(data_dir.join("api_token")).ok()?;
    Some(SecretString::from(token.trim()))
}
