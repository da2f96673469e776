//! The client of Chatrace's API, as far as the diagnosis needs it: one question, and what its answer means.
//!
//! The facts stand in `docs/chatrace.md`, section 7: one header is the credential, and errors also come as HTTP 200.

use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value;

use crate::outside::{self, Trouble, Unread};
use crate::redact::REDACTED;

/// The paths that were once tried for polling. None of them exists.
pub const POLLING_PATHS: [&str; 7] = [
    "/messages/receive",
    "/messages/get",
    "/instagram/messages",
    "/api/messages",
    "/webhook/receive",
    "/v1/messages",
    "/api/v1/instagram/messages",
];

/// A way to send the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Key {
    /// `X-ACCESS-TOKEN`, the one that is documented.
    #[serde(rename = "X-ACCESS-TOKEN")]
    Documented,
    /// `Authorization: Bearer`.
    #[serde(rename = "Authorization: Bearer")]
    Bearer,
    /// `X-API-Key`.
    #[serde(rename = "X-API-Key")]
    XApiKey,
    /// `api-key`.
    #[serde(rename = "api-key")]
    ApiKey,
    /// `token`.
    #[serde(rename = "token")]
    Token,
    /// `access-token`.
    #[serde(rename = "access-token")]
    AccessToken,
    /// `?token=` in the URL.
    #[serde(rename = "?token=")]
    Query,
}

impl Key {
    /// The documented way first, then the six that people try.
    pub const ALL: [Self; 7] = [
        Self::Documented,
        Self::Bearer,
        Self::XApiKey,
        Self::ApiKey,
        Self::Token,
        Self::AccessToken,
        Self::Query,
    ];

    /// As a head of a column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Documented => "X-ACCESS-TOKEN",
            Self::Bearer => "Bearer",
            Self::XApiKey => "X-API-Key",
            Self::ApiKey => "api-key",
            Self::Token => "token",
            Self::AccessToken => "access-token",
            Self::Query => "?token=",
        }
    }
}

/// What came back. Texts are cleaned, bounded, and free of the token.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// JSON without an error in it.
    Data(Value),
    /// The token is not accepted, in the API's words.
    Unauthorized(String),
    /// Too many requests within a minute.
    RateLimited,
    /// An error inside HTTP 200.
    Refused {
        /// The API's own code, as text; empty if it gave none.
        code: String,
        /// The API's words.
        message: String,
    },
    /// HTTP 2xx, but no JSON.
    NotJson,
    /// Another place is named; it was not followed, because the token would go along.
    Redirected(u16),
    /// Another HTTP status.
    Status(u16),
    /// More than anybody would answer.
    TooLarge,
    /// No answer at all.
    None(Trouble),
}

impl Reply {
    /// As a cell of a table.
    pub fn cell(&self) -> String {
        match self {
            Self::Data(_) => "200 data".to_owned(),
            Self::Unauthorized(_) => "401".to_owned(),
            Self::RateLimited => "limit".to_owned(),
            Self::Refused { code, .. } => format!("error {code}").trim_end().to_owned(),
            Self::NotJson => "no JSON".to_owned(),
            Self::Redirected(status) | Self::Status(status) => status.to_string(),
            Self::TooLarge => "too large".to_owned(),
            Self::None(Trouble::TimedOut) => "time-out".to_owned(),
            Self::None(_) => "no answer".to_owned(),
        }
    }
}

/// A client for one account.
#[derive(Debug)]
pub struct ChatraceApi {
    http: reqwest::Client,
    base: String,
    token: SecretString,
}

impl ChatraceApi {
    /// Asks the API at `base` with a token.
    ///
    /// # Errors
    /// When no HTTP client can be made: the system has no certificates of authorities.
    pub fn new(base: &str, token: &SecretString) -> Result<Self, reqwest::Error> {
        Ok(Self {
            http: outside::client().build()?,
            base: base.trim_end_matches('/').to_owned(),
            token: token.clone(),
        })
    }

    /// Whose the token is.
    pub async fn account(&self) -> Reply {
        self.ask("/accounts/me", Key::Documented).await
    }

    /// Asks one path, the token sent in one way.
    pub async fn ask(&self, path: &str, key: Key) -> Reply {
        let token = self.token.expose_secret();
        let get = self.http.get(format!("{}{path}", self.base));
        let header = |value: &str| {
            let mut value = HeaderValue::from_str(value).ok()?;
            value.set_sensitive(true);
            Some(value)
        };
        let named = |name: &str| Some((name.to_owned(), header(token)?));
        let credential = match key {
            Key::Documented => named("x-access-token"),
            Key::Bearer => {
                header(&format!("Bearer {token}")).map(|value| (AUTHORIZATION.to_string(), value))
            }
            Key::XApiKey => named("x-api-key"),
            Key::ApiKey => named("api-key"),
            Key::Token => named("token"),
            Key::AccessToken => named("access-token"),
            Key::Query => None,
        };
        let request = match (key, credential) {
            (Key::Query, _) => {
                let query: String = form_urlencoded::Serializer::new(String::new())
                    .append_pair("token", token)
                    .finish();
                self.http.get(format!("{}{path}?{query}", self.base))
            }
            (_, Some((name, value))) => get.header(name, value),
            // No header can hold it, so nobody can have accepted it.
            (_, None) => {
                return Reply::Unauthorized(
                    "the token has characters that no header can hold".into(),
                );
            }
        };
        match request.send().await {
            Ok(response) => self.understand(response).await,
            Err(error) => Reply::None(Trouble::of(&error)),
        }
    }

    async fn understand(&self, response: reqwest::Response) -> Reply {
        let status = response.status();
        if status.is_redirection() {
            return Reply::Redirected(status.as_u16());
        }
        let body = match outside::read(response).await {
            Ok(body) => body,
            Err(Unread::TooLarge) => return Reply::TooLarge,
            Err(Unread::Broken(trouble)) => return Reply::None(trouble),
        };
        let json = serde_json::from_slice::<Value>(&body).ok();
        let error = json
            .as_ref()
            .and_then(|json| json.get("error"))
            .filter(|error| !error.is_null() && **error != Value::Bool(false));
        let message = error
            .map(|error| error.get("message").unwrap_or(error))
            .map(|message| self.cleaned(message))
            .unwrap_or_default();
        let code = error
            .and_then(|error| error.get("code"))
            .map(|code| self.cleaned(code))
            .unwrap_or_default();
        let is = |number: u16| status.as_u16() == number || code == number.to_string();
        if is(429) || message.contains("exceeded the limit") {
            Reply::RateLimited
        } else if is(401) || is(403) {
            Reply::Unauthorized(message)
        } else if !status.is_success() {
            Reply::Status(status.as_u16())
        } else if error.is_some() {
            Reply::Refused { code, message }
        } else {
            json.map_or(Reply::NotJson, Reply::Data)
        }
    }

    /// A value of an answer as it may be shown: whoever refuses a token may repeat it.
    fn cleaned(&self, value: &Value) -> String {
        let token = self.token.expose_secret();
        let secret = token.split_once('.').map_or(token, |(_, secret)| secret);
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let text = text.replace(token, REDACTED);
        let text = if secret.is_empty() {
            text
        } else {
            text.replace(secret, REDACTED)
        };
        outside::shown(&text)
    }
}
