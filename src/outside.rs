//! Asking others over HTTP. They may be slow, endless or hostile: every question has a time limit, every answer a size
//! limit, no redirect is followed (credentials would go along), and what they write is cleaned before it is shown.

use std::error::Error;
use std::io;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{ClientBuilder, Response, redirect};
use rustls::{CertificateError, OtherError};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use url::Url;

use crate::hex::hex;

/// How long a connection may take to come about, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole question may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes.
const LONGEST: usize = 256 * 1024;
/// The longest foreign text that is shown, in characters.
const LONGEST_TEXT: usize = 160;

/// A client with ring for TLS and nothing else decided. Proxies of the environment are not used: what is looked at is
/// the way that others take.
pub fn builder() -> ClientBuilder {
    // Fails where a provider is installed already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder().no_proxy()
}

/// The client of every question.
pub fn client() -> ClientBuilder {
    builder()
        .redirect(redirect::Policy::none())
        .user_agent(concat!("chatrace-webhook/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
}

/// Why an answer could not be read.
#[derive(Debug)]
pub enum Unread {
    /// It is larger than anything that was asked for.
    TooLarge,
    /// It broke off or took too long.
    Broken(Trouble),
}

/// Reads an answer of bounded size.
///
/// # Errors
/// See [`Unread`].
pub async fn read(mut response: Response) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > LONGEST => return Err(Unread::TooLarge),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(Unread::Broken(Trouble::of(&error))),
        }
    }
}

/// Why there is no answer. Never holds the URL, which may hold a credential.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// Nothing listens there.
    Refused,
    /// No answer in time.
    TimedOut,
    /// The certificate is not accepted.
    Certificate(CertificateError),
    /// TLS does not come about for another reason.
    Tls(String),
    /// Anything else, in the system's words.
    Other(String),
}

impl Trouble {
    /// Looks for the cause that helps most.
    pub fn of(error: &reqwest::Error) -> Self {
        match cause::<rustls::Error>(error) {
            Some(rustls::Error::InvalidCertificate(problem)) => {
                return Self::Certificate(problem.clone());
            }
            Some(rustls::Error::InvalidMessage(_)) => {
                return Self::Tls("what answers there is no TLS".to_owned());
            }
            Some(other) => return Self::Tls(shown(&other.to_string())),
            None => {}
        }
        let io = cause::<io::Error>(error);
        match io.map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => Self::Refused,
            Some(io::ErrorKind::TimedOut) => Self::TimedOut,
            _ if error.is_timeout() => Self::TimedOut,
            Some(_) => Self::Other(shown(&io.map(ToString::to_string).unwrap_or_default())),
            None => Self::Other(shown(&root(error).to_string())),
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused => formatter.write_str("the connection is refused"),
            Self::TimedOut => formatter.write_str("no answer came in time"),
            Self::Certificate(problem) => write!(formatter, "the certificate {}", unfit(problem)),
            Self::Tls(problem) => write!(formatter, "TLS fails: {problem}"),
            Self::Other(problem) => formatter.write_str(problem),
        }
    }
}

/// What is wrong with a certificate that is not accepted, as a sentence says it of one. (What rustls says of most is not
/// made for people.)
pub fn unfit(problem: &CertificateError) -> &'static str {
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is not for this name"
        }
        CertificateError::UnknownIssuer => "is of an issuer that is not trusted",
        CertificateError::Revoked => "is revoked",
        CertificateError::BadEncoding => "cannot be read",
        // What `openssl req -x509` makes says that it is an authority's, which no server may show. webpki has no other
        // sign of it.
        CertificateError::Other(OtherError(other)) if other.to_string() == "CaUsedAsEndEntity" => {
            "is self-signed: it is an authority's own"
        }
        _ => "is not accepted",
    }
}

/// The first cause of a kind. An I/O error hides what it wraps from `source`, so that is looked into as well.
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

/// The value of `X-Hub-Signature-256` for a body, as Meta makes it.
///
/// # Panics
/// Never: an HMAC takes a key of any length.
pub fn signature(app_secret: &SecretString, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(app_secret.expose_secret().as_bytes())
        .expect("an HMAC takes a key of any length");
    mac.update(body);
    format!("sha256={}", hex(&mac.finalize().into_bytes()))
}

/// A URL as it may be shown: no user, password, query or fragment.
pub fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    // Only URLs without a host refuse these; such a one is never asked.
    url.set_username("").ok();
    url.set_password(None).ok();
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// Foreign text as it may be shown: one line of bounded length, without control characters.
pub fn shown(text: &str) -> String {
    let clean = |char: char| if char.is_control() { ' ' } else { char };
    let mut shown: String = text.chars().take(LONGEST_TEXT).map(clean).collect();
    if text.chars().nth(LONGEST_TEXT).is_some() {
        shown.push('…');
    }
    shown.trim().to_owned()
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
            assert_eq!(unfit(&problem), "is not accepted");
        }
    }

    #[test]
    fn foreign_text_is_one_short_line() {
        assert_eq!(shown(" a\r\n\x1b[31mb "), "a   [31mb");
        assert_eq!(shown(&"x".repeat(1000)).chars().count(), LONGEST_TEXT + 1);
    }
}
