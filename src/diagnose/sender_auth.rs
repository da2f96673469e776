//! Who may send.

use super::facts::SenderAuth;
use super::{Check, Facts};

pub(super) fn check_sender_auth(facts: &Facts) -> Check {
    const NAME: &str = "sender_auth";
    match facts.sender_auth {
        SenderAuth::Enforced if !facts.has_secret => Check::ok(
            NAME,
            "WEBHOOK_SECRET is not set: only requests signed by Meta are accepted.",
            "An External API Request of Chatrace cannot sign, so it needs WEBHOOK_SECRET.",
        ),
        SenderAuth::Enforced => Check::ok(
            NAME,
            "Senders need a credential.",
            "Nobody else can send messages.",
        ),
        SenderAuth::Observed => Check::warning(
            NAME,
            "WEBHOOK_AUTH=observe accepts senders without a valid credential.",
            "Anybody who knows the URL can send messages.",
            "When the log contains no more warnings about senders, set WEBHOOK_AUTH=enforce.",
        ),
        SenderAuth::Open => Check::warning(
            NAME,
            "WEBHOOK_SECRET is not set: anybody who knows the URL can send messages.",
            "Stored messages may be forged.",
            "Set WEBHOOK_SECRET and restart this service. Then add it as the header `X-Webhook-Secret` to the External API Request.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::Status;

    #[test]
    fn an_open_webhook_is_a_warning() {
        let status = |sender_auth| {
            let facts = Facts {
                sender_auth,
                ..Facts::default()
            };
            check_sender_auth(&facts).status
        };
        assert_eq!(status(SenderAuth::Enforced), Status::Ok);
        assert_eq!(status(SenderAuth::Observed), Status::Warning);
        assert_eq!(status(SenderAuth::Open), Status::Warning);
    }
}
