//! A running service, as the commands that ask it find it: its URL and its token.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use reqwest::{Client, Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::Failure;
use super::environment::{base, http_url};
use super::serve::data_dir::kept_token;
use crate::config::{Config, ConfigErrors, Env, Server};
use crate::http_client::{self, RequestError};

/// How long the service may take for a part of its work, such as reading hundreds of deliveries again.
const WORK: Duration = Duration::from_mins(5);

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
        let token = arguments.token.or_else(|| configured.into_iter().next());
        let token = match token {
            Some(token) => Some(token),
            None => kept_token(&data_dir).map_err(Failure::CannotRun)?,
        };
        let token = token.ok_or_else(|| {
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

    /// A request for a path. Whoever asks for something that takes long says how long.
    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.client
            .get(format!("{}{path}", self.base))
            .bearer_auth(self.token.expose_secret())
    }

    /// The service at a URL, or without one that which listens where the configuration says; `None` if it does not run
    /// there. Whatever else listens there never learns the token.
    ///
    /// # Errors
    /// When it is there, but no token for it is; and when it is not at the URL.
    pub(super) async fn here(config: &Config, url: Option<&Url>) -> Result<Option<Self>, Failure> {
        // Where the system chooses the port, nobody can be asked.
        if url.is_none() && config.server.port == 0 {
            return Ok(None);
        }
        let base = base(&config.server, url)?;
        let client = client(&base)?;
        let missing = match is_alive(&client, &base).await {
            Ok(true) => None,
            Ok(false) => Some(format!("what answers at {base} is not this service")),
            Err(trouble) => Some(format!("no service answers at {base}: {trouble}")),
        };
        match missing {
            Some(_) if url.is_none() => return Ok(None),
            Some(sentence) => return Err(anyhow!(sentence).into()),
            None => {}
        }
        let token = match config.auth.api_tokens.first() {
            Some(token) => Some(token.clone()),
            None => kept_token(&config.data_dir).map_err(Failure::CannotRun)?,
        };
        let token = token
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
            .timeout(WORK)
            .send()
            .await
            .with_context(|| format!("the service at {} does not answer", self.base))?;
        let status = answer.status();
        let body = answer.bytes().await.context("the answer broke off")?;
        if !status.is_success() {
            let error: Value = serde_json::from_slice(&body).unwrap_or_default();
            let sentence = error["error"].as_str().unwrap_or_default();
            bail!("the service at {} answers {status}: {sentence}", self.base);
        }
        serde_json::from_slice(&body).context("the answer is not what was expected")
    }
}

/// Whether what listens there is this service. Asked without a token, so that no stranger learns one.
///
/// # Errors
/// When nothing answers.
pub(super) async fn is_alive(client: &Client, base: &str) -> Result<bool, RequestError> {
    let answer = client.get(format!("{base}/healthz")).send().await;
    let answer = answer.map_err(|error| RequestError::from(&error))?;
    let body = http_client::read_body(answer).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    Ok(body["status"] == "ok")
}

fn client(base: &str) -> anyhow::Result<Client> {
    let mut client = http_client::client();
    if base.starts_with("http:") {
        // It is asked without TLS, and must not need this machine's certificates.
        client = client.tls_certs_only([]);
    }
    client.build().context("no HTTP client")
}
