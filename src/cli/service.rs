//! A running service, as the commands that ask it find it: its URL and its token.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};

use super::Failure;
use crate::config::server::reachable;
use crate::config::{Config, ConfigErrors, Env, Server};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Which service is asked, and with which token.
#[derive(Debug, Clone, Args)]
pub struct ServiceArgs {
    /// Where the service is; without it, on this machine at PORT.
    #[arg(long)]
    pub url: Option<String>,
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
        let local = format!("http://{}", reachable(Server::read(&mut env).address()));
        let configured = env.secrets("API_TOKEN");
        let data_dir = Config::data_dir(&mut env);
        let errors = env.into_errors();
        if !errors.is_empty() {
            return Err(ConfigErrors(errors).into());
        }
        let mut client = Client::builder().connect_timeout(CONNECT_TIMEOUT);
        if arguments.url.is_none() {
            client = client.no_proxy();
        }
        let generated = || {
            let token = fs::read_to_string(data_dir.join("api_token")).ok()?;
            Some(SecretString::from(token.trim()))
        };
        let token = arguments
            .token
            .or_else(|| configured.into_iter().next())
            .or_else(generated)
            .ok_or_else(|| {
                Failure::CannotRun(
                    "a token is needed: give --token, or set API_TOKEN as for the service, or DATA_DIR where it runs"
                        .to_owned(),
                )
            })?;
        let base = arguments.url.unwrap_or(local);
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            token,
            client: client.build().context("no HTTP client")?,
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
}
