//! HMAC-SHA256: Meta's signature of a body, and that of Standard Webhooks; random tokens.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// The HMAC-SHA256 of a message.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Whether two values are the same, in a time that does not depend on where they differ.
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// The value of `X-Hub-Signature-256` for a body, as Meta makes it.
pub(crate) fn meta_signature(app_secret: &SecretString, body: &[u8]) -> String {
    let mac = hmac_sha256(app_secret.expose_secret().as_bytes(), body);
    format!("sha256={}", hex::encode(mac))
}

/// Whether `sha256=<hex>` is the HMAC of the body, byte for byte as it came: Meta signs its own escaping.
pub(crate) fn is_meta_signature(app_secret: &SecretString, signature: &[u8], body: &[u8]) -> bool {
    let digits = signature.strip_prefix(b"sha256=");
    let given = digits.and_then(|digits| hex::decode(digits).ok());
    let mac = hmac_sha256(app_secret.expose_secret().as_bytes(), body);
    given.is_some_and(|given| is_same(&given, &mac))
}

/// The reference implementations take base64 without its end, too.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The key in a secret of Standard Webhooks: what is base64 behind `whsec_`, or any other text as it is. `None` if it
/// is not base64.
pub fn webhook_key(secret: &str) -> Option<Vec<u8>> {
    match secret.strip_prefix("whsec_") {
        Some(encoded) => LENIENT.decode(encoded).ok().filter(|key| !key.is_empty()),
        None => Some(secret.as_bytes().to_vec()),
    }
}

/// The value of the header `webhook-signature` of Standard Webhooks: <https://www.standardwebhooks.com>.
pub fn webhook_signature(key: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    let mac = hmac_sha256(key, &signed);
    format!("v1,{}", STANDARD.encode(mac))
}

/// `N` random bytes in hexadecimal digits.
///
/// # Errors
/// When the system gives no random numbers.
pub(crate) fn random_hex<const N: usize>() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_signature_is_that_of_the_specification() {
        // The example of the reference implementations.
        let key = webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(
            webhook_signature(
                &key,
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                br#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_webhook_secret_is_base64_or_any_text() {
        assert_eq!(webhook_key("plain text").unwrap(), b"plain text");
        assert_eq!(webhook_key("whsec_YQ==").unwrap(), b"a");
        assert_eq!(webhook_key("whsec_YQ").unwrap(), b"a");
        assert_eq!(webhook_key("whsec_%"), None);
        assert_eq!(webhook_key("whsec_"), None);
    }

    #[test]
    fn metas_signature_covers_the_body_it_was_made_for() {
        let secret = SecretString::from("app");
        let signature = meta_signature(&secret, b"body");
        assert!(is_meta_signature(&secret, signature.as_bytes(), b"body"));
        for wrong in ["", "sha256=", "sha256=00", "sha256=zz!", &signature[7..]] {
            assert!(!is_meta_signature(&secret, wrong.as_bytes(), b"body"));
        }
        assert!(!is_meta_signature(&secret, signature.as_bytes(), b"other"));
    }
}
