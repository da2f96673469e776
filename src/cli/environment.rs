//! What the commands beside `serve` know of the service: the environment as far as it is right, and its API token.

use secrecy::SecretString;
use url::Url;

use super::Failure;
use super::serve::data_dir::kept_token;
use crate::config::server::{Server, reachable};
use crate::config::{Auth, Chatrace, Config, ConfigErrors, Env, Meta};

/// The environment, section by section: a mistake in one section hides no other.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) server: Server,
    pub(super) auth: Auth,
    pub(super) meta: Meta,
    pub(super) chatrace: Chatrace,
    /// All of it, or every mistake.
    pub(super) config: Result<Config, ConfigErrors>,
    /// The token that the service accepts, as far as it can be known here.
    pub(super) api_token: Option<SecretString>,
}

impl Environment {
    /// Reads the environment. `token_variable` is where the API token is looked for first.
    pub(super) fn read(lookup: &dyn Fn(&str) -> Option<String>, token_variable: &str) -> Self {
        let mut env = Env::new(lookup);
        let config = Config::read(lookup);
        let configured = lookup(token_variable).unwrap_or_default();
        let mut configured = configured.split(',').map(str::trim);
        let api_token = configured
            .find(|token| !token.is_empty())
            .map(SecretString::from)
            // A token file that cannot be read is told by the check of the data directory.
            .or_else(|| kept_token(&config.as_ref().ok()?.data_dir).ok()?);
        Self {
            server: Server::read(&mut env),
            auth: Auth::read(&mut env, true),
            meta: Meta::read(&mut env),
            chatrace: Chatrace::read(&mut env),
            config,
            api_token,
        }
    }

    /// Where the service is asked, without a slash at the end: the URL that was given, or this machine's.
    pub(super) fn base(&self, given: Option<&Url>) -> Result<String, Failure> {
        base(&self.server, given)
    }
}

/// Where a service is asked, without a slash at the end: the URL that was given, or this machine's.
pub(super) fn base(server: &Server, given: Option<&Url>) -> Result<String, Failure> {
    if let Some(url) = given {
        return Ok(url.as_str().trim_end_matches('/').to_owned());
    }
    if server.port == 0 {
        return Err(Failure::CannotRun(
            "PORT=0 lets the system choose a port: say with --url where the service listens"
                .to_owned(),
        ));
    }
    Ok(format!("http://{}", reachable(server.address())))
}

/// Reads an argument that must be an http or https URL.
pub(super) fn http_url(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err("expected a URL such as http://127.0.0.1:3000".to_owned()),
    }
}
