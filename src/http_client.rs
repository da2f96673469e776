//! Requests to others over HTTP. They may be slow, endless or hostile: every request has a time limit and every answer
//! a size limit, and no redirect is followed, since credentials would go along.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{ClientBuilder, RequestBuilder, Response, redirect};
use rustls::{CertificateError, OtherError};
use secrecy::{ExposeSecret as _, SecretString};

use crate::i18n::Text;
use crate::{crypto, text};

/// How long connecting may take, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request may take, its answer included.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes.
const LONGEST: usize = 256 * 1024;

/// A client with ring for TLS and nothing else decided. Proxies of the environment are not used, because the checks
/// test the way that others take.
pub fn builder() -> ClientBuilder {
    // An error means that one is already installed.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder().no_proxy()
}

/// The client of every request, with its limits.
pub fn client() -> ClientBuilder {
    builder()
        .redirect(redirect::Policy::none())
        .user_agent(concat!("chatrace-webhook/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
}

/// A request to the webhook, with the secret of its senders, or else signed as Meta signs.
pub(crate) fn as_sender(
    request: RequestBuilder,
    secret: Option<&SecretString>,
    app_secret: Option<&SecretString>,
    body: impl Into<Vec<u8>>,
) -> RequestBuilder {
    let body = body.into();
    let request = request.header("content-type", "application/json");
    let request = match (secret, app_secret) {
        (Some(secret), _) => match HeaderValue::from_str(secret.expose_secret()) {
            Ok(mut secret) => {
                secret.set_sensitive(true);
                request.header("x-webhook-secret", secret)
            }
            Err(_) => request,
        },
        (None, Some(secret)) => {
            request.header("x-hub-signature-256", crypto::meta_signature(secret, &body))
        }
        (None, None) => request,
    };
    request.body(body)
}

/// Why an answer could not be read.
#[derive(Debug)]
pub(crate) enum AnswerError {
    /// It is larger than any answer that was asked for.
    TooLarge,
    /// It was cut off or took too long.
    Incomplete(RequestError),
}

/// Reads an answer of bounded size.
pub(crate) async fn read_body(mut response: Response) -> Result<Vec<u8>, AnswerError> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > LONGEST => {
                return Err(AnswerError::TooLarge);
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(AnswerError::Incomplete(RequestError::from(&error))),
        }
    }
}

/// Why there is no answer. Never holds the URL, which may hold a credential.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", self.text())]
pub enum RequestError {
    Refused,
    TimedOut,
    Certificate(CertificateError),
    /// The server does not speak TLS.
    NoTls,
    /// TLS fails for another reason.
    Tls(String),
    /// Anything else, in the system's words.
    Other(String),
}

impl RequestError {
    /// As a part of a sentence.
    pub(crate) fn text(&self) -> Text {
        match self {
            Self::Refused => Text::new("request-refused"),
            Self::TimedOut => Text::new("request-timed-out"),
            Self::Certificate(problem) => {
                Text::new("request-certificate").with("problem", certificate_problem(problem))
            }
            Self::NoTls => Text::new("request-not-tls"),
            Self::Tls(cause) => Text::new("request-tls").with("cause", cause.as_str()),
            Self::Other(cause) => Text::Words(cause.clone()),
        }
    }
}

impl From<&reqwest::Error> for RequestError {
    /// Looks for the cause that helps most.
    fn from(error: &reqwest::Error) -> Self {
        match cause::<rustls::Error>(error) {
            Some(rustls::Error::InvalidCertificate(problem)) => {
                return Self::Certificate(problem.clone());
            }
            Some(rustls::Error::InvalidMessage(_)) => {
                return Self::NoTls;
            }
            Some(other) => return Self::Tls(text::excerpt(&other.to_string())),
            None => {}
        }
        let io = cause::<io::Error>(error);
        match io.map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => Self::Refused,
            Some(io::ErrorKind::TimedOut) => Self::TimedOut,
            _ if error.is_timeout() => Self::TimedOut,
            Some(_) => Self::Other(text::excerpt(
                &io.map(ToString::to_string).unwrap_or_default(),
            )),
            None => Self::Other(text::excerpt(&root(error).to_string())),
        }
    }
}

/// What is wrong with a certificate that is not accepted. (What rustls says of most is not made for people.)
pub(crate) fn certificate_problem(problem: &CertificateError) -> Text {
    Text::new(match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "certificate-has-expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "certificate-is-not-valid-yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "certificate-is-of-other-name"
        }
        CertificateError::UnknownIssuer => "certificate-is-untrusted",
        CertificateError::Revoked => "certificate-is-revoked",
        CertificateError::BadEncoding => "certificate-is-unreadable",
        // `openssl req -x509` makes the certificate of an authority, which no server may use. webpki has no other sign
        // of it.
        CertificateError::Other(OtherError(other)) if other.to_string() == "CaUsedAsEndEntity" => {
            "certificate-is-an-authority"
        }
        _ => "certificate-is-refused",
    })
}

/// The first cause of a type. An I/O error hides what it wraps from `source`, so that is searched as well.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

/// The last cause. Unlike reqwest's own error it does not hold the URL.
fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_certificate_is_described_in_the_words_of_a_program() {
        for problem in [
            CertificateError::UnhandledCriticalExtension,
            CertificateError::Other(OtherError(std::sync::Arc::new(std::fmt::Error))),
        ] {
            assert_eq!(certificate_problem(&problem), "is not accepted");
        }
    }
}
