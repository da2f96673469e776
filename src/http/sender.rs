//! Who may send. Only [`SenderCredentials::verify`] makes [`VerifiedContent`], and only that can become a delivery: the
//! compiler refuses to keep what nobody authenticated.

use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use secrecy::SecretString;

use super::secret::{bearer, is_one_of};
use crate::config::{Config, WebhookAuth};
use crate::crypto::is_meta_signature;
use crate::rejection::RejectReason;

/// The query parameters that may carry the secret, and are never kept.
pub(super) const SECRET_PARAMETERS: [&str; 3] = ["token", "secret", "auth"];

/// How many secrets of a request are looked at: many would be many guesses in one request.
const MOST_SECRETS: usize = 6;

/// What a sender must prove.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    secrets: Vec<SecretString>,
    app_secrets: Vec<SecretString>,
    /// Whether everybody is let in all the same (`WEBHOOK_AUTH=observe`).
    observes: bool,
}

/// What a request brings.
#[derive(Debug)]
pub(super) enum Content {
    Body(Bytes),
    /// A query string, without the parameters that authenticate.
    Query(Bytes),
}

/// What a verified sender brought.
#[derive(Debug)]
pub(super) struct VerifiedContent(Content);

/// What a request proves before its body is read.
#[derive(Debug)]
pub(super) struct SenderCredentials<'a> {
    sender: &'a Sender,
    secret: SecretState,
    /// The header with Meta's signature, where it can be checked.
    signature: Option<&'a [u8]>,
    /// Meta's old signature came, which proves too little, and not the new one.
    has_old_signature_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SecretState {
    Valid,
    Wrong,
    Missing,
}

/// A sender who is not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unverified {
    pub(super) reason: RejectReason,
    /// What to do about it, for the sender.
    pub(super) advice: &'static str,
}

impl Sender {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            secrets: config.auth.webhook_secrets.clone(),
            app_secrets: config.meta.app_secrets.clone(),
            observes: config.auth.webhook_auth == WebhookAuth::Observe,
        }
    }

    /// Whether anybody may send, because no credential is configured.
    pub(super) fn is_open(&self) -> bool {
        self.secrets.is_empty() && self.app_secrets.is_empty()
    }

    /// Judges the secrets of a request. `parameters` are the values of [`SECRET_PARAMETERS`].
    pub(super) fn credentials<'a>(
        &'a self,
        headers: &'a HeaderMap,
        parameters: &[String],
    ) -> SenderCredentials<'a> {
        let header = headers
            .get("x-webhook-secret")
            .and_then(|value| value.to_str().ok());
        let given = header
            .map(str::trim)
            .filter(|secret| !secret.is_empty())
            .into_iter()
            .chain(bearer(headers))
            .chain(parameters.iter().map(String::as_str))
            .take(MOST_SECRETS);
        let secret = given.fold(SecretState::Missing, |state, secret| {
            if is_one_of(secret, &self.secrets) || state == SecretState::Valid {
                SecretState::Valid
            } else {
                SecretState::Wrong
            }
        });
        let checks_signatures = !self.app_secrets.is_empty();
        let signature = headers
            .get("x-hub-signature-256")
            .filter(|_| checks_signatures);
        SenderCredentials {
            sender: self,
            secret,
            signature: signature.map(HeaderValue::as_bytes),
            has_old_signature_only: checks_signatures
                && signature.is_none()
                && headers.contains_key("x-hub-signature"),
        }
    }
}

impl SenderCredentials<'_> {
    pub(super) fn have_valid_secret(&self) -> bool {
        self.secret == SecretState::Valid
    }

    /// Why nothing that comes with these credentials is let in, if so: its body need not be kept to say so.
    pub(super) fn refuse_whatever_comes(&self) -> Option<Unverified> {
        let may_pass = self.have_valid_secret() || self.signature.is_some();
        let refuses = !may_pass && !self.sender.is_open() && !self.sender.observes;
        refuses.then(|| self.unverified(self.secret_objection()))
    }

    /// Lets content in: one valid credential suffices, but a signature that comes with a body must match it.
    pub(super) fn verify(self, content: Content) -> Result<VerifiedContent, Unverified> {
        let Some(reason) = self.objection(&content) else {
            return Ok(VerifiedContent(content));
        };
        if self.sender.observes {
            tracing::warn!(
                reason = reason.as_str(),
                "WEBHOOK_AUTH=observe lets in a request that would be rejected"
            );
            return Ok(VerifiedContent(content));
        }
        Err(self.unverified(reason))
    }

    fn unverified(&self, reason: RejectReason) -> Unverified {
        Unverified {
            reason,
            advice: self.advice(reason),
        }
    }

    fn objection(&self, content: &Content) -> Option<RejectReason> {
        if self.sender.is_open() {
            return None;
        }
        // A signature covers a body and never a query: there it proves nothing.
        if let (Content::Body(body), Some(signature)) = (content, self.signature) {
            let mut app_secrets = self.sender.app_secrets.iter();
            let matches = app_secrets.any(|secret| is_meta_signature(secret, signature, body));
            return (!matches).then_some(RejectReason::BadSignature);
        }
        (!self.have_valid_secret()).then(|| self.secret_objection())
    }

    /// What is wrong with a secret that is not valid.
    fn secret_objection(&self) -> RejectReason {
        match self.secret {
            SecretState::Missing => RejectReason::MissingSecret,
            SecretState::Valid | SecretState::Wrong => RejectReason::WrongSecret,
        }
    }

    fn advice(&self, reason: RejectReason) -> &'static str {
        match reason {
            _ if self.has_old_signature_only => {
                "Only the old SHA-1 signature came: something between Meta and this service drops the header \
                 X-Hub-Signature-256. Let it pass."
            }
            RejectReason::BadSignature => {
                "The signature does not match the body: META_APP_SECRET must be the secret of the app that sends. With \
                 Instagram Login that is the Instagram app secret, which is another one than the app secret."
            }
            _ if self.sender.secrets.is_empty() => {
                "Only what Meta signed is let in while WEBHOOK_SECRET is not set: set it, restart this service, then \
                 add its value as the header `X-Webhook-Secret` to the External API Request."
            }
            RejectReason::MissingSecret => {
                "A secret is needed: add the header `X-Webhook-Secret` with the value of WEBHOOK_SECRET to the \
                 External API Request."
            }
            _ => {
                "The secret is wrong: the External API Request must send the value of WEBHOOK_SECRET in \
                 `X-Webhook-Secret`."
            }
        }
    }
}

impl Content {
    /// The body, or where that is blank, the query.
    pub(super) fn new(body: Bytes, query: String) -> Self {
        if is_blank(&body) && !query.is_empty() {
            Self::Query(query.into())
        } else {
            Self::Body(body)
        }
    }
}

impl VerifiedContent {
    /// Whether there is nothing to keep.
    pub(super) fn is_blank(&self) -> bool {
        matches!(&self.0, Content::Body(body) if is_blank(body))
    }

    pub(super) fn is_query(&self) -> bool {
        matches!(self.0, Content::Query(_))
    }

    pub(super) fn into_bytes(self) -> Bytes {
        match self.0 {
            Content::Body(bytes) | Content::Query(bytes) => bytes,
        }
    }
}

pub(super) fn is_blank(body: &[u8]) -> bool {
    body.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::meta_signature;

    fn sender(secrets: &[&str], app_secret: Option<&str>) -> Sender {
        Sender {
            secrets: secrets
                .iter()
                .map(|secret| SecretString::from(*secret))
                .collect(),
            app_secrets: app_secret.into_iter().map(SecretString::from).collect(),
            observes: false,
        }
    }

    /// Why a sender is not let in, if so.
    fn refused(
        sender: &Sender,
        headers: &[(&'static str, &str)],
        parameters: &[&str],
        content: Content,
    ) -> Option<RejectReason> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let parameters: Vec<_> = parameters.iter().map(|text| (*text).to_owned()).collect();
        let credentials = sender.credentials(&headers, &parameters);
        credentials.verify(content).err().map(|error| error.reason)
    }

    fn body(body: &'static str) -> Content {
        Content::Body(Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn without_a_secret_anybody_may_send() {
        let open = sender(&[], None);
        assert_eq!(refused(&open, &[], &[], body("x")), None);
        let headers = HeaderMap::new();
        assert!(
            !open.credentials(&headers, &[]).have_valid_secret(),
            "nobody is trusted for that"
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
            assert_eq!(refused(&sender, &given, &[], body("")), None, "{given:?}");
        }
        let one_is_wrong = [
            ("x-webhook-secret", "wrong"),
            ("authorization", "Bearer new"),
        ];
        assert_eq!(refused(&sender, &one_is_wrong, &[], body("")), None);
        assert_eq!(refused(&sender, &[], &["old", "wrong"], body("")), None);
        let (wrong, missing) = (RejectReason::WrongSecret, RejectReason::MissingSecret);
        assert_eq!(refused(&sender, &[], &["older"], body("")), Some(wrong));
        assert_eq!(refused(&sender, &[], &[], body("")), Some(missing));
        let many = ["guess"; MOST_SECRETS];
        let last = [&many[..], &["old"]].concat();
        assert_eq!(refused(&sender, &[], &last, body("")), Some(wrong));
        let empty = [("authorization", "Bearer "), ("x-webhook-secret", " ")];
        assert_eq!(refused(&sender, &empty, &[], body("")), Some(missing));
    }

    fn signature(body: &[u8]) -> String {
        meta_signature(&"app".into(), body)
    }

    #[test]
    fn a_signature_is_checked_over_the_raw_bytes() {
        let sender = sender(&["s"], Some("app"));
        let escaped = r#"{"a":"\u00e9"}"#;
        let signature = signature(escaped.as_bytes());
        let signed = [("x-hub-signature-256", &signature[..])];
        assert_eq!(refused(&sender, &signed, &[], body(escaped)), None);
        let bad = Some(RejectReason::BadSignature);
        let unescaped = body("{\"a\":\"é\"}");
        assert_eq!(refused(&sender, &signed, &[], unescaped), bad);
        for wrong in ["sha256=00", "sha256=zz!", "00"] {
            let headers = [("x-hub-signature-256", wrong), ("x-webhook-secret", "s")];
            assert_eq!(refused(&sender, &headers, &[], body(escaped)), bad);
        }
    }

    #[test]
    fn a_signature_over_an_empty_body_authenticates_no_query() {
        let sender = sender(&["s"], Some("app"));
        let signature = signature(b"");
        let signed = [("x-hub-signature-256", &signature[..])];
        let query = || Content::new(Bytes::new(), "text=hi".to_owned());
        let missing = Some(RejectReason::MissingSecret);
        assert_eq!(refused(&sender, &signed, &[], query()), missing);
        assert_eq!(refused(&sender, &signed, &["s"], query()), None);
        assert_eq!(refused(&sender, &signed, &[], body("")), None);
    }
}
