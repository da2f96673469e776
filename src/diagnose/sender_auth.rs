//! Who may send.

use super::facts::SenderAuth;
use super::{Check, Facts};
use crate::i18n::Text;

pub(super) fn check_sender_auth(facts: &Facts) -> Check {
    const NAME: &str = "sender_auth";
    match facts.sender_auth {
        SenderAuth::Enforced if !facts.has_secret => {
            Check::ok(NAME, Text::new("sender-auth-meta-only"))
        }
        SenderAuth::Enforced => Check::ok(NAME, Text::new("sender-auth-enforced")),
        SenderAuth::Observed => Check::warning(NAME, Text::new("sender-auth-observed")),
        SenderAuth::Open => Check::warning(NAME, Text::new("sender-auth-open")),
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
