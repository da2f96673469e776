//! A running service for the commands that ask it: its URL and its token.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use reqwest::{Client, Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::Failure;
use super::environment::{base, http_url};
use super::serve::data_dir::kept_token;
use crate::config::{Config, ConfigErrors, Env, Server, Variables};
use crate::http_client::{self, RequestError};
use crate::i18n::Text;
use crate::text::one_line;

/// How long the service may take for one step, for example to reprocess hundreds of deliveries.
const WORK_TIMEOUT: Duration = Duration::from_mins(5);

#[derive(Debug, Clone, Args)]
pub struct ServiceArgs {
    /// The service to ask [default: the one on this machine, at PORT].
    #[arg(long, value_parser = http_url)]
    pub url: Option<Url>,
    /// The API token [default: the first of `API_TOKEN`, or the one in `DATA_DIR/api_token`].
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
    /// The service of the arguments, or of the environment.
    pub(super) fn find(arguments: ServiceArgs, variables: &Variables) -> Result<Self, Failure> {
        let mut env = Env::new(variables);
        let server = Server::read(&mut env);
        let configured = env.secrets("API_TOKEN");
        let data_dir = Config::data_dir(&mut env);
        let errors = env.into_errors();
        if !errors.is_empty() {
            return Err(ConfigErrors(errors).into());
        }
        let given = arguments.token.or_else(|| configured.into_iter().next());
        let token =
            token(given, &data_dir)?.ok_or_else(|| Failure::CannotRun(Text::new("no-token")))?;
        let base = base(&server, arguments.url.as_ref())?;
        Ok(Self {
            client: client(&base)?,
            base,
            token,
        })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// A request for a path. The caller sets a longer timeout if needed.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base);
        let request = self.client.request(method, url);
        request.bearer_auth(self.token.expose_secret())
    }

    /// The service at a URL, or at HOST and PORT; `None` if it does not run there. No other program gets the token.
    ///
    /// # Errors
    /// When it runs, but there is no token; and when it is not at the URL.
    pub(super) async fn here(config: &Config, url: Option<&Url>) -> Result<Option<Self>, Failure> {
        // The system chooses the port, so it is unknown.
        if url.is_none() && config.server.port == 0 {
            return Ok(None);
        }
        let base = base(&config.server, url)?;
        let client = client(&base)?;
        let about = |id| Text::new(id).with("url", base.as_str());
        let missing = match is_alive(&client, &base).await {
            Ok(true) => None,
            Ok(false) => Some(anyhow::Error::msg(about("answer-is-foreign"))),
            Err(error) => {
                let sentence = about("no-service-answers").with("cause", error.text());
                Some(anyhow::Error::msg(sentence))
            }
        };
        if let Some(missing) = missing {
            return url.map_or(Ok(None), |_| Err(missing.into()));
        }
        let token = token(config.auth.api_tokens.first().cloned(), &config.data_dir)?
            .with_context(|| about("service-needs-token"))?;
        Ok(Some(Self {
            base,
            token,
            client,
        }))
    }

    /// Sends a request, and reads the JSON of the answer.
    ///
    /// # Errors
    /// When it does not answer, or answers with an error.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path_and_query: &str,
    ) -> anyhow::Result<T> {
        self.ask_with(method, path_and_query, None).await
    }

    /// The same, with JSON.
    ///
    /// # Errors
    /// When it does not answer, or answers with an error.
    pub(super) async fn ask_with<T: DeserializeOwned>(
        &self,
        method: Method,
        path_and_query: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<T> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let answer = self
            .request(method, path_and_query)
            .body(body)
            .timeout(WORK_TIMEOUT)
            .send()
            .await
            .with_context(|| Text::new("service-no-answer").with("url", self.base()))?;
        let status = answer.status();
        let body = answer.bytes().await.context(Text::new("answer-cut-off"))?;
        if !status.is_success() {
            let error: Value = serde_json::from_slice(&body).unwrap_or_default();
            let sentence = one_line(error["error"].as_str().unwrap_or_default());
            let sentence = Text::new("service-error")
                .with("url", self.base())
                .with("status", status.to_string())
                .with("reason", &*sentence);
            return Err(anyhow::Error::msg(sentence));
        }
        serde_json::from_slice(&body).context(Text::new("answer-unexpected"))
    }
}

/// The given token, or the one that is kept in the data directory.
fn token(given: Option<SecretString>, data_dir: &Path) -> Result<Option<SecretString>, Failure> {
    match given {
        Some(token) => Ok(Some(token)),
        None => kept_token(data_dir).map_err(Failure::CannotRun),
    }
}

/// Whether this service listens there. Asked without a token, so that no other program gets it.
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
        // Without TLS no certificates are needed, and this machine may have none.
        client = client.tls_certs_only([]);
    }
    client.build().context("cannot make an HTTP client")
}
