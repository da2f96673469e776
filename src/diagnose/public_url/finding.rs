//! What there is to say about the public way, in one check.

use super::NAME;
use crate::diagnose::{Check, Status};

/// The check with what was found.
pub(super) fn finding(
    status: Status,
    observed: impl Into<String>,
    meaning: impl Into<String>,
    next_step: impl Into<String>,
) -> Check {
    Check {
        name: NAME.to_owned(),
        status,
        observed: observed.into(),
        meaning: meaning.into(),
        next_step: next_step.into(),
    }
}

/// Nothing arrives, or messages go astray.
pub(super) fn problem(
    observed: impl Into<String>,
    meaning: impl Into<String>,
    next_step: impl Into<String>,
) -> Check {
    finding(Status::Problem, observed, meaning, next_step)
}

/// It works, and will not last or is not as it should be.
pub(super) fn warning(
    observed: impl Into<String>,
    meaning: impl Into<String>,
    next_step: impl Into<String>,
) -> Check {
    finding(Status::Warning, observed, meaning, next_step)
}

/// It cannot be told from here.
pub(super) fn unknown(
    observed: impl Into<String>,
    meaning: impl Into<String>,
    next_step: impl Into<String>,
) -> Check {
    finding(Status::Unknown, observed, meaning, next_step)
}
