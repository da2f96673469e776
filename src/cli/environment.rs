//! What commands know of the service: the environment, as far as it is valid, and the API token.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::Failure;
use super::serve::data_dir::kept_token;
use crate::config::server::{Server, reachable};
use crate::config::{Auth, Chatrace, Config, ConfigErrors, Database, Env, Meta, Variables};
use crate::i18n::Text;

/// The environment by section: a mistake in one section does not affect the others.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) server: Server,
    pub(super) auth: Auth,
    pub(super) meta: Meta,
    pub(super) chatrace: Chatrace,
    /// The whole configuration, or every mistake.
    pub(super) config: Result<Config, ConfigErrors>,
    /// The token of the service, if it is known here.
    pub(super) api_token: Option<SecretString>,
}

impl Environment {
    /// Reads the environment. The API token is first looked up in `token_variable`.
    pub(super) fn read(variables: &Variables, token_variable: &str) -> Self {
        let mut env = Env::new(variables);
        let config = Config::read(variables);
        let configured = variables.get(token_variable).unwrap_or_default();
        let mut configured = configured.split(',').map(str::trim);
        let api_token = configured
            .find(|token| !token.is_empty())
            .map(SecretString::from)
            // The check of the data directory reports an unreadable token file.
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

    /// The base URL of the service: the one that was given, or this machine's.
    pub(super) fn base(&self, given: Option<&Url>) -> Result<String, Failure> {
        base(&self.server, given)
    }
}

/// Where the service stores, as far as a command that opens the database itself needs to know.
pub(super) struct DatabaseSettings {
    pub(super) data_dir: PathBuf,
    pub(super) database: Database,
    /// `DATABASE_URL`, which may hold a password.
    pub(super) url: String,
}

/// Reads where the service stores. Mistakes in other variables do not matter.
pub(super) fn database(variables: &Variables) -> Result<DatabaseSettings, Failure> {
    let mut env = Env::new(variables);
    let data_dir = Config::data_dir(&mut env);
    let database = Database::read(&mut env, &data_dir);
    let errors = env.into_errors();
    let Some(database) = database.filter(|_| errors.is_empty()) else {
        return Err(ConfigErrors(errors).into());
    };
    Ok(DatabaseSettings {
        url: variables
            .get("DATABASE_URL")
            .unwrap_or_default()
            .trim()
            .to_owned(),
        data_dir,
        database,
    })
}

/// The base URL of a service, without a slash at the end: the one that was given, or this machine's.
pub(super) fn base(server: &Server, given: Option<&Url>) -> Result<String, Failure> {
    if let Some(url) = given {
        return Ok(url.as_str().trim_end_matches('/').to_owned());
    }
    if server.port == 0 {
        return Err(Failure::CannotRun(Text::new("port-unknown")));
    }
    Ok(format!("http://{}", reachable(server.address())))
}

/// Parses an http or https URL.
pub(super) fn http_url(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err("expected a URL, for example http://127.0.0.1:3000".to_owned()),
    }
}
