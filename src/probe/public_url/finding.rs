//! The findings of this check, and the sentences that several of them share.

use crate::diagnose::{Check, Status};
use crate::i18n::Text;

pub(crate) const NAME: &str = "public_url";

/// The header of `WEBHOOK_SECRET`.
pub(super) const SECRET_HEADER: &str = "X-Webhook-Secret";
pub(super) const UNREACHABLE: &str = "Chatrace cannot reach the service, so nothing arrives.";
/// Chatrace gets as far as this program does.
pub(super) const REFUSED_TOO: &str = "Chatrace refuses the connection as well, so nothing arrives.";

pub(super) fn problem(
    observed: impl Into<Text>,
    meaning: impl Into<Text>,
    next: impl Into<Text>,
) -> Check {
    Check::new(NAME, Status::Problem, observed, meaning, next)
}

pub(super) fn warning(observed: impl Into<Text>, meaning: &str, next: &str) -> Check {
    Check::new(NAME, Status::Warning, observed, meaning, next)
}

pub(super) fn unknown(observed: impl Into<Text>, meaning: &str, next: &str) -> Check {
    Check::new(NAME, Status::Unknown, observed, meaning, next)
}
