//! The marked probe: a request to the webhook by which the diagnosis proves that the public URL leads here.
//!
//! `X-Webhook-Probe: <nonce>.<unix seconds>.<hex HMAC-SHA256>`, keyed by the API token, which both sides know. The
//! answer holds an HMAC over the nonce under another domain, so only a program that knows the token can give it: this
//! service, or a replica of it. The body is blanks: a service that does not recognise the probe refuses it as empty, so
//! that it is never stored as a message anywhere. Blanks and tabs spell the nonce, so that a signature over the body
//! fits this probe and nothing else.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::crypto::{hmac_sha256, is_same, random_hex};

/// The header that marks a probe.
pub(crate) const HEADER: &str = "x-webhook-probe";
/// As long as a message, in bytes.
pub(crate) const BODY_LENGTH: usize = 2048;

/// How far the clocks of both sides may differ, and how long an intercepted probe can be replayed.
const MAX_AGE_SECONDS: i64 = 5 * 60;
/// Separates these HMACs from any other use of the token, and the question from the answer.
const QUESTION: &[u8] = b"chatrace-webhook probe question\0";
const ANSWER: &[u8] = b"chatrace-webhook probe answer\0";
/// Bytes of a nonce.
const NONCE: usize = 16;

/// A probe to be sent.
#[derive(Debug, Clone)]
pub(crate) struct MarkedProbe {
    header: String,
    answer: String,
    body: Vec<u8>,
}

impl MarkedProbe {
    /// A new probe, keyed by an API token.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(crate) fn new(token: &SecretString, now: Timestamp) -> Result<Self, getrandom::Error> {
        let question = format!("{}.{}", random_hex::<NONCE>()?, now.as_second());
        Ok(Self {
            header: format!("{question}.{}", keyed(token, QUESTION, &question)),
            answer: keyed(token, ANSWER, &question),
            body: body(&question),
        })
    }

    /// The value of the header.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    /// The body.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether this is the answer of a service that knows the token.
    pub(crate) fn is_answered_by(&self, answer: &str) -> bool {
        is_same(self.answer.as_bytes(), answer.as_bytes())
    }
}

/// The answer to a probe, if it is a fresh one keyed by one of these tokens.
pub(crate) fn answer(header: &str, tokens: &[SecretString], now: Timestamp) -> Option<String> {
    let (question, mac) = header.rsplit_once('.')?;
    let (nonce, seconds) = question.split_once('.')?;
    let seconds: i64 = seconds.parse().ok()?;
    let fresh = now.as_second().abs_diff(seconds) <= MAX_AGE_SECONDS.unsigned_abs();
    if nonce.len() != 2 * NONCE || !fresh {
        return None;
    }
    let token = tokens
        .iter()
        .find(|token| is_same(keyed(token, QUESTION, question).as_bytes(), mac.as_bytes()))?;
    Some(keyed(token, ANSWER, question))
}

/// A blank body that spells a text: a blank for each bit that is 0, a tab for each that is 1.
fn body(text: &str) -> Vec<u8> {
    let bits = text
        .bytes()
        .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1));
    let mut body: Vec<u8> = bits
        .map(|bit| if bit == 0 { b' ' } else { b'\t' })
        .collect();
    body.resize(BODY_LENGTH, b' ');
    body
}

/// The HMAC of a text under a domain, in hexadecimal digits.
fn keyed(token: &SecretString, domain: &[u8], text: &str) -> String {
    let message = [domain, text.as_bytes()].concat();
    hex::encode(hmac_sha256(token.expose_secret().as_bytes(), &message))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn tokens(texts: &[&str]) -> Vec<SecretString> {
        texts.iter().map(|text| SecretString::from(*text)).collect()
    }

    #[test]
    fn a_service_that_knows_the_token_answers() {
        let now = Timestamp::UNIX_EPOCH;
        let probe = MarkedProbe::new(&"old".into(), now).unwrap();
        let answered = answer(probe.header(), &tokens(&["new", "old"]), now).unwrap();
        assert!(probe.is_answered_by(&answered));
        assert!(
            !MarkedProbe::new(&"old".into(), now)
                .unwrap()
                .is_answered_by(&answered)
        );
        let other = MarkedProbe::new(&"old".into(), now).unwrap();
        assert_ne!(probe.body(), other.body());
        assert!(probe.body().iter().all(u8::is_ascii_whitespace));
        // The question itself, sent back, is no answer.
        let sent_back = probe.header().rsplit('.').next().unwrap();
        assert!(!probe.is_answered_by(sent_back));
    }

    #[test]
    fn a_probe_is_fresh_and_whole_or_none() {
        let now = Timestamp::UNIX_EPOCH;
        let probe = MarkedProbe::new(&"t".into(), now).unwrap();
        let token = tokens(&["t"]);
        let later = |seconds| now + SignedDuration::from_secs(seconds);
        assert!(answer(probe.header(), &token, later(MAX_AGE_SECONDS)).is_some());
        assert!(answer(probe.header(), &token, later(MAX_AGE_SECONDS + 1)).is_none());
        assert!(answer(probe.header(), &token, later(-MAX_AGE_SECONDS - 1)).is_none());
        assert!(answer(probe.header(), &tokens(&["other"]), now).is_none());
        for wrong in [
            "",
            ".",
            "..",
            "a.b.c",
            &probe.header()[1..],
            &format!("{}0", probe.header()),
        ] {
            assert!(answer(wrong, &token, now).is_none(), "{wrong}");
        }
    }
}
