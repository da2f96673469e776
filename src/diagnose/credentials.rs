//! Whether secrets can be guessed, and whether somebody tries.

use super::{Check, Facts, rejection_text};
use crate::i18n::Text;
use crate::rejection::RejectReason;

pub(super) fn check_credentials(facts: &Facts) -> Check {
    const NAME: &str = "credentials";
    let yesterday = facts.now.checked_sub(rejection_text::RECENT).ok();
    let refused = facts.rejected.all_of(RejectReason::Token);
    let refused = refused.filter(|refused| yesterday.is_none_or(|day| refused.last_at > day));
    let tried = match &refused {
        Some(refused) => Text::new("tokens-refused").with("count", refused.count),
        None => Text::new("no-token-refused"),
    };
    let short = facts.short_secrets.iter().copied();
    let short = short
        .map(|name| Text::Words(name.to_owned()))
        .reduce(|first, second| {
            Text::new("both")
                .with("first", first)
                .with("second", second)
        });
    match short {
        None => Check::ok(NAME, Text::new("credentials-safe").with("tried", tried)),
        Some(short) => Check::warning(
            NAME,
            Text::new("credentials-short")
                .with("secrets", short)
                .with("tried", tried),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::Status;
    use crate::rejection::RejectedRequest;

    #[test]
    fn a_short_secret_is_a_warning_and_refused_tokens_are_told() {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let facts = |short_secrets: &[&'static str]| Facts {
            now,
            short_secrets: short_secrets.to_vec(),
            rejected: [RejectedRequest::once(RejectReason::Token, now, None)]
                .into_iter()
                .collect(),
            ..Facts::default()
        };
        let check = check_credentials(&facts(&["API_TOKEN"]));
        assert_eq!(check.status, Status::Warning);
        assert!(
            check.observed.starts_with("API_TOKEN: short"),
            "{}",
            check.observed
        );
        let check = check_credentials(&facts(&[]));
        assert_eq!(check.status, Status::Ok);
        assert!(
            check.observed.starts_with("1 request for reading"),
            "{}",
            check.observed
        );
    }
}
