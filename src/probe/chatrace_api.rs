//! The client of Chatrace's API, as far as the diagnosis needs it: one request, and the meaning of its answer.
//!
//! The source is `docs/chatrace.md`, section 7: one header is the credential, and errors also come as HTTP 200.

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::http_client::{self, AnswerError, RequestError};
use crate::i18n::Text;
use crate::redact::REDACTED;
use crate::text;

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

/// The documented header of the token.
pub const DOCUMENTED: &str = "X-ACCESS-TOKEN";
/// The ways to send the token: the documented header first, then the six that people try.
pub const PLACEMENTS: [&str; 7] = [
    DOCUMENTED,
    BEARER,
    "X-API-Key",
    "api-key",
    "token",
    "access-token",
    QUERY,
];
const BEARER: &str = "Authorization: Bearer";
const QUERY: &str = "?token=";

/// What came back. Texts are cleaned, bounded, and free of the token.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// JSON without an error in it.
    Data(Value),
    /// The API does not accept the token, in its own words.
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
    /// A redirect. It was not followed, because the token would go along.
    Redirected(u16),
    /// Another HTTP status.
    Status(u16),
    /// The answer is too large.
    TooLarge,
    /// No answer at all.
    None(RequestError),
}

impl Reply {
    /// As a cell of a table.
    pub fn cell(&self) -> Text {
        match self {
            Self::Data(_) => Text::new("reply-data"),
            Self::Unauthorized(_) => "401".to_owned().into(),
            Self::RateLimited => Text::new("reply-limit"),
            Self::Refused { code, .. } if code.is_empty() => Text::new("reply-error"),
            Self::Refused { code, .. } => Text::new("reply-error-code").with("code", code.as_str()),
            Self::NotJson => Text::new("reply-not-json"),
            Self::Redirected(status) | Self::Status(status) => status.to_string().into(),
            Self::TooLarge => Text::new("reply-too-large"),
            Self::None(RequestError::TimedOut) => Text::new("reply-timed-out"),
            Self::None(_) => Text::new("no-answer"),
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
    /// When the system has no CA certificates.
    pub fn new(base: &str, token: &SecretString) -> Result<Self, reqwest::Error> {
        Ok(Self {
            http: http_client::client().build()?,
            base: base.trim_end_matches('/').to_owned(),
            token: token.clone(),
        })
    }

    /// The account of the token.
    pub async fn account(&self) -> Reply {
        self.ask("/accounts/me", DOCUMENTED).await
    }

    /// Asks for one path, with the token in one of the [`PLACEMENTS`].
    pub async fn ask(&self, path: &str, placement: &'static str) -> Reply {
        let token = self.token.expose_secret();
        let get = self.http.get(format!("{}{path}", self.base));
        let bearer = format!("Bearer {token}");
        let (name, value) = match placement {
            QUERY => return self.send(get.query(&[("token", token)])).await,
            BEARER => ("authorization", bearer.as_str()),
            header => (header, token),
        };
        let Ok(mut value) = HeaderValue::from_str(value) else {
            // No header can carry it, so the API cannot have accepted it.
            let message = "the token has characters that no header can carry";
            return Reply::Unauthorized(message.to_owned());
        };
        value.set_sensitive(true);
        self.send(get.header(name, value)).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        match request.send().await {
            Ok(response) => self.understand(response).await,
            Err(error) => Reply::None(RequestError::from(&error)),
        }
    }

    async fn understand(&self, response: reqwest::Response) -> Reply {
        let status = response.status();
        if status.is_redirection() {
            return Reply::Redirected(status.as_u16());
        }
        let body = match http_client::read_body(response).await {
            Ok(body) => body,
            Err(AnswerError::TooLarge) => return Reply::TooLarge,
            Err(AnswerError::Incomplete(error)) => return Reply::None(error),
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

    /// A value of an answer as it may be shown: an API that refuses a token may repeat it.
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
        text::excerpt(&text)
    }
}
