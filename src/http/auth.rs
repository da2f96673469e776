//! Who may read, and who may send. Every comparison takes the same time wherever two values differ.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::error::ApiError;
use super::{AppState, page};
use crate::crypto::is_meta_signature;

/// Whether `given` is one of `accepted`, in a time that depends on neither.
pub(super) fn is_one_of(given: &str, accepted: &[SecretString]) -> bool {
    let given = Sha256::digest(given.as_bytes());
    accepted
        .iter()
        .fold(Choice::from(0), |found, secret| {
            found | given.ct_eq(&Sha256::digest(secret.expose_secret().as_bytes()))
        })
        .into()
}

/// The token of `Authorization: Bearer …`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Whether a request carries an API token: then it is a reader's.
pub(super) fn reads(state: &AppState, headers: &HeaderMap) -> bool {
    bearer(headers).is_some_and(|token| is_one_of(token, &state.api_tokens))
}

/// Lets a request through if it carries an API token.
pub(super) async fn require_api_token(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    match bearer(request.headers()) {
        Some(_) if reads(&state, request.headers()) => Ok(next.run(request).await),
        Some(_) => Err(ApiError::Unauthorized(
            "The API token is wrong: send the value of API_TOKEN as `Authorization: Bearer …`."
                .to_owned(),
        )),
        None => Err(ApiError::Unauthorized(
            "An API token is needed: send the value of API_TOKEN as `Authorization: Bearer …`."
                .to_owned(),
        )),
    }
}

/// Lets a request through if it carries an API token, or a session on the page.
pub(super) async fn require_api_token_or_session(
    state: State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if page::has_session(&state, request.headers()) {
        return Ok(next.run(request).await);
    }
    require_api_token(state, request, next).await
}

/// What a sender's credentials are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing is configured, or a valid credential came.
    Allowed,
    /// No credential came.
    Missing,
    /// Credentials came, none of them valid.
    Wrong,
    /// A signature came that does not fit the body.
    BadSignature,
}

/// The sender's side of authentication.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    secrets: Vec<SecretString>,
    app_secret: Option<SecretString>,
}

/// The query parameters that may carry the secret, and are never kept.
pub(super) const SECRET_PARAMETERS: [&str; 3] = ["token", "secret", "auth"];

impl Sender {
    pub(super) fn new(config: &crate::config::Config) -> Self {
        Self {
            secrets: config.auth.webhook_secrets.clone(),
            app_secret: config.meta.app_secret.clone(),
        }
    }

    /// Whether anybody may send.
    pub(super) fn is_open(&self) -> bool {
        self.secrets.is_empty() && self.app_secret.is_none()
    }

    /// Judges a request: one valid credential suffices, but a signature that is present must fit. `parameters` are the
    /// values of [`SECRET_PARAMETERS`]; `body` is what was signed.
    pub(super) fn judge(&self, headers: &HeaderMap, parameters: &[String], body: &[u8]) -> Verdict {
        if self.is_open() {
            return Verdict::Allowed;
        }
        let signed = match (&self.app_secret, headers.get("x-hub-signature-256")) {
            (Some(secret), Some(signature)) => {
                if !is_meta_signature(secret, signature.as_bytes(), body) {
                    return Verdict::BadSignature;
                }
                true
            }
            _ => false,
        };
        let header = headers
            .get("x-webhook-secret")
            .and_then(|value| value.to_str().ok());
        let header = header.map(str::trim).filter(|secret| !secret.is_empty());
        let given = || {
            header
                .into_iter()
                .chain(bearer(headers))
                .chain(parameters.iter().map(String::as_str))
        };
        let known = given().fold(false, |known, secret| {
            known | is_one_of(secret, &self.secrets)
        });
        if signed || known {
            Verdict::Allowed
        } else if given().next().is_some() {
            Verdict::Wrong
        } else {
            Verdict::Missing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(secrets: &[&str], app_secret: Option<&str>) -> Sender {
        Sender {
            secrets: secrets
                .iter()
                .map(|secret| SecretString::from(*secret))
                .collect(),
            app_secret: app_secret.map(SecretString::from),
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn without_a_secret_anybody_may_send() {
        assert_eq!(
            sender(&[], None).judge(&headers(&[]), &[], b"x"),
            Verdict::Allowed
        );
    }

    #[test]
    fn one_valid_secret_in_any_place_suffices() {
        let sender = sender(&["new", "old"], None);
        for given in [
            [("x-webhook-secret", "old")],
            [("authorization", "Bearer new")],
            [("authorization", "bearer old")],
        ] {
            assert_eq!(
                sender.judge(&headers(&given), &[], b""),
                Verdict::Allowed,
                "{given:?}"
            );
        }
        let both = headers(&[
            ("x-webhook-secret", "wrong"),
            ("authorization", "Bearer new"),
        ]);
        assert_eq!(sender.judge(&both, &[], b""), Verdict::Allowed);
        assert_eq!(
            sender.judge(&headers(&[]), &["old".to_owned()], b""),
            Verdict::Allowed
        );
        assert_eq!(
            sender.judge(&headers(&[]), &["older".to_owned()], b""),
            Verdict::Wrong
        );
        assert_eq!(sender.judge(&headers(&[]), &[], b""), Verdict::Missing);
    }

    #[test]
    fn a_signature_is_checked_over_the_raw_bytes() {
        let sender = sender(&["s"], Some("app"));
        let body = br#"{"a":"\u00e9"}"#;
        let signature = crate::crypto::meta_signature(&"app".into(), body);
        let signed = headers(&[("x-hub-signature-256", &signature)]);
        assert_eq!(sender.judge(&signed, &[], body), Verdict::Allowed);
        assert_eq!(
            sender.judge(&signed, &[], "{\"a\":\"é\"}".as_bytes()),
            Verdict::BadSignature
        );
        let wrong = headers(&[
            ("x-hub-signature-256", "sha256=00"),
            ("x-webhook-secret", "s"),
        ]);
        assert_eq!(sender.judge(&wrong, &[], body), Verdict::BadSignature);
        let garbage = headers(&[("x-hub-signature-256", "sha256=zz!")]);
        assert_eq!(sender.judge(&garbage, &[], body), Verdict::BadSignature);
    }

    #[test]
    fn an_empty_token_is_never_accepted() {
        assert!(!is_one_of("", &[]));
        assert_eq!(
            sender(&["s"], None).judge(&headers(&[("authorization", "Bearer ")]), &[], b""),
            Verdict::Missing
        );
    }
}
