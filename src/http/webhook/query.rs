//! The query of a request at the webhook: credentials, Meta's handshake, and perhaps a delivery.

use crate::http::sender::SECRET_PARAMETERS;

/// The query of a request at the webhook, parsed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct WebhookQuery {
    /// The values of the parameters that authenticate.
    pub(in crate::http) secrets: Vec<String>,
    /// Everything else, exactly as it came.
    pub(in crate::http) rest: String,
    pub(in crate::http) handshake: Option<Handshake>,
}

/// Meta's verification request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Handshake {
    /// `hub.mode` is `subscribe`, the only mode there is.
    pub(super) subscribes: bool,
    pub(super) verify_token: String,
    pub(super) challenge: Vec<u8>,
}

impl WebhookQuery {
    pub(in crate::http) fn parse(query: Option<&str>) -> Self {
        let mut parsed = Self::default();
        let mut rest = Vec::new();
        for pair in query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            let Some((name, value)) = form_urlencoded::parse(pair.as_bytes()).next() else {
                continue;
            };
            if SECRET_PARAMETERS
                .iter()
                .any(|secret| name.eq_ignore_ascii_case(secret))
            {
                parsed
                    .secrets
                    .extend((!value.is_empty()).then(|| value.into_owned()));
                continue;
            }
            // PHP turns the dots of such names into underscores, and so does a relay in it.
            match name.as_ref() {
                "hub.mode" | "hub_mode" => {
                    parsed.handshake.get_or_insert_default().subscribes = value == "subscribe";
                }
                "hub.verify_token" | "hub_verify_token" => {
                    parsed.handshake.get_or_insert_default().verify_token = value.into_owned();
                }
                "hub.challenge" | "hub_challenge" => {
                    let raw = pair.split_once('=').map_or("", |(_, raw)| raw);
                    parsed.handshake.get_or_insert_default().challenge = percent_decoded(raw);
                }
                _ => rest.push(pair),
            }
        }
        parsed.rest = rest.join("&");
        parsed
    }
}

/// The bytes of a percent-encoded value, even where they are not UTF-8.
fn percent_decoded(raw: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(&raw.replace('+', " ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_authenticates_is_never_kept() {
        let query = WebhookQuery::parse(Some("contact_id=1&token=s%201&text=a%20b&SECRET=x&auth="));
        assert_eq!(query.secrets, ["s 1", "x"]);
        assert_eq!(query.rest, "contact_id=1&text=a%20b");
        assert_eq!(query.handshake, None);
    }

    #[test]
    fn a_challenge_is_taken_byte_for_byte() {
        let query = WebhookQuery::parse(Some(
            "hub.mode=subscribe&hub.verify_token=v&hub.challenge=a%2Bb%FF+c",
        ));
        let handshake = query.handshake.unwrap();
        assert_eq!(handshake.verify_token, "v");
        assert_eq!(handshake.challenge, b"a+b\xff c");
    }

    #[test]
    fn a_relay_in_php_asks_with_underscores() {
        let dots = "hub.mode=subscribe&hub.verify_token=v&hub.challenge=7";
        let underscores = dots.replace("hub.", "hub_");
        assert_eq!(
            WebhookQuery::parse(Some(&underscores)),
            WebhookQuery::parse(Some(dots))
        );
    }

    #[test]
    fn nothing_left_is_nothing() {
        assert_eq!(WebhookQuery::parse(Some("&&token=x")).rest, "");
        assert_eq!(WebhookQuery::parse(None), WebhookQuery::default());
    }
}
