//! Who may send.

use super::facts::SenderAuth;
use super::{Check, Facts, Status};

pub(super) fn check(facts: &Facts) -> Check {
    const NAME: &str = "sender_auth";
    match facts.sender_auth {
        SenderAuth::Enforced if !facts.has_secret => Check::ok(
            NAME,
            "WEBHOOK_SECRET is not set: only what Meta signed is let in.",
            "An External API Request of Chatrace cannot sign, so it needs that secret.",
        ),
        SenderAuth::Enforced => Check::ok(
            NAME,
            "Senders need a credential.",
            "Nobody else can put messages here.",
        ),
        SenderAuth::Observed => Check::new(
            NAME,
            Status::Warning,
            "WEBHOOK_AUTH=observe lets in senders without a valid credential.",
            "Anybody who knows the URL can send messages.",
            "When the log warns of nobody any more, set WEBHOOK_AUTH=enforce.",
        ),
        SenderAuth::Open => Check::new(
            NAME,
            Status::Warning,
            "WEBHOOK_SECRET is not set: anybody who knows the URL can send messages.",
            "What is stored may come from a stranger.",
            "Set WEBHOOK_SECRET and restart this service; then add it as the header `X-Webhook-Secret` to the External API Request.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_door_is_a_warning() {
        let status = |sender_auth| {
            let facts = Facts {
                sender_auth,
                ..Facts::default()
            };
            check(&facts).status
        };
        assert_eq!(status(SenderAuth::Enforced), Status::Ok);
        assert_eq!(status(SenderAuth::Observed), Status::Warning);
        assert_eq!(status(SenderAuth::Open), Status::Warning);
    }
}
