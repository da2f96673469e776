//! Comparing secrets, in a time that does not depend on where two values differ.

use axum::http::{HeaderMap, header};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

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

/// Whether a request carries one of these tokens as `Authorization: Bearer …`.
pub(super) fn has_bearer(headers: &HeaderMap, accepted: &[SecretString]) -> bool {
    bearer(headers).is_some_and(|token| is_one_of(token, accepted))
}

/// The token of `Authorization: Bearer …`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_token_is_never_accepted() {
        assert!(!is_one_of("", &[]));
        let headers = [(header::AUTHORIZATION, "Bearer ".parse().unwrap())];
        assert!(!has_bearer(&headers.into_iter().collect(), &["".into()]));
    }
}
