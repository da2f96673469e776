//! Whether secrets can be guessed, and whether somebody tries.

use super::words::counted;
use super::{Check, Facts, rejection_text};
use crate::rejection::RejectReason;

pub(super) fn check_credentials(facts: &Facts) -> Check {
    const NAME: &str = "credentials";
    let yesterday = facts.now.checked_sub(rejection_text::RECENT).ok();
    let refused = facts.rejected.all_of(RejectReason::Token);
    let refused = refused.filter(|refused| yesterday.is_none_or(|day| refused.last_at > day));
    let tried = match &refused {
        Some(refused) => {
            let count = u64::try_from(refused.count).unwrap_or_default();
            format!(
                "{} for reading came without a valid token lately.",
                counted(count, "request")
            )
        }
        None => "No token was refused in the last 24 hours.".to_owned(),
    };
    if facts.short_secrets.is_empty() {
        return Check::ok(NAME, tried, "No secret is short enough to be guessed.");
    }
    let short = facts.short_secrets.join(" and ");
    Check::warning(
        NAME,
        format!("{short}: short enough to be guessed. {tried}"),
        "Who guesses it reads or forges messages.",
        "Set it to a long random text, for example from `openssl rand -hex 32`, and restart this service.",
    )
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
