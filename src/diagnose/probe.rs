//! The marked probe: a request at the webhook by which the diagnosis proves that the public way leads here.
//!
//! `X-Webhook-Probe: <nonce>.<unix seconds>.<hex HMAC-SHA256>`, keyed by the API token, which both sides know. The
//! answer holds an HMAC over the nonce under another domain, so whoever can give it knows the token too: this service,
//! or a replica of it. The body is blanks: a service that cannot recognise the probe refuses it as empty, so that it is
//! never kept as a message anywhere.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::hex::hex;

/// The header that marks it.
pub const HEADER: &str = "x-webhook-probe";
/// As much as a message has, and nothing in it.
pub const BODY: &[u8] = &[b' '; 2048];

/// How far the clocks of asker and service may be apart, and how long a probe that was overheard can be used again.
const FRESH_SECONDS: i64 = 5 * 60;
/// Separates these HMACs from any other use of the token, and question from answer.
const QUESTION: &[u8] = b"chatrace-webhook probe question\0";
const ANSWER: &[u8] = b"chatrace-webhook probe answer\0";
/// Hexadecimal digits of a nonce of 128 bits.
const NONCE: usize = 32;

/// A probe that was made here.
#[derive(Debug, Clone)]
pub struct Probe {
    header: String,
    answer: String,
}

impl Probe {
    /// A new probe, keyed by an API token.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new(token: &SecretString, now: Timestamp) -> Result<Self, getrandom::Error> {
        let mut random = [0_u8; NONCE / 2];
        getrandom::fill(&mut random)?;
        let question = format!("{}.{}", hex(&random), now.as_second());
        Ok(Self {
            header: format!("{question}.{}", keyed(token, QUESTION, &question)),
            answer: keyed(token, ANSWER, &question),
        })
    }

    /// The value of the header.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// Whether this is the answer of a service that knows the token.
    pub fn is_answered_by(&self, answer: &str) -> bool {
        same(&self.answer, answer)
    }
}

/// The answer to a probe, if it is a fresh one keyed by one of these tokens.
pub fn answer(header: &str, tokens: &[SecretString], now: Timestamp) -> Option<String> {
    let (question, mac) = header.rsplit_once('.')?;
    let (nonce, seconds) = question.split_once('.')?;
    let seconds: i64 = seconds.parse().ok()?;
    let fresh = now.as_second().abs_diff(seconds) <= FRESH_SECONDS.unsigned_abs();
    if nonce.len() != NONCE || !fresh {
        return None;
    }
    let token = tokens
        .iter()
        .find(|token| same(&keyed(token, QUESTION, question), mac))?;
    Some(keyed(token, ANSWER, question))
}

/// The HMAC of a text under a domain, in hexadecimal digits.
fn keyed(token: &SecretString, domain: &[u8], text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(token.expose_secret().as_bytes())
        .expect("an HMAC takes a key of any length");
    mac.update(domain);
    mac.update(text.as_bytes());
    hex(&mac.finalize().into_bytes())
}

fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn tokens(texts: &[&str]) -> Vec<SecretString> {
        texts.iter().map(|text| SecretString::from(*text)).collect()
    }

    #[test]
    fn who_knows_the_token_answers_and_is_believed() {
        let now = Timestamp::now();
        let probe = Probe::new(&"old".into(), now).unwrap();
        let answered = answer(probe.header(), &tokens(&["new", "old"]), now).unwrap();
        assert!(probe.is_answered_by(&answered));
        assert!(
            !Probe::new(&"old".into(), now)
                .unwrap()
                .is_answered_by(&answered)
        );
        // The question itself, thrown back, is no answer.
        let thrown_back = probe.header().rsplit('.').next().unwrap();
        assert!(!probe.is_answered_by(thrown_back));
    }

    #[test]
    fn a_probe_is_fresh_and_whole_or_none() {
        let now = Timestamp::now();
        let probe = Probe::new(&"t".into(), now).unwrap();
        let token = tokens(&["t"]);
        let later = |seconds| now + SignedDuration::from_secs(seconds);
        assert!(answer(probe.header(), &token, later(FRESH_SECONDS)).is_some());
        assert!(answer(probe.header(), &token, later(FRESH_SECONDS + 1)).is_none());
        assert!(answer(probe.header(), &token, later(-FRESH_SECONDS - 1)).is_none());
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
