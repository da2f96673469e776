//! Why the webhook rejects a request: what is counted, what is logged, and what its sender is answered.

use axum::http::request::Parts;

use crate::delivery::Receipt;
use crate::http::AppState;
use crate::http::body::BodyError;
use crate::http::error::ApiError;
use crate::http::refusals;
use crate::http::sender::Unverified;
use crate::ingest::SubmitError;
use crate::normalize::Defect;
use crate::rejection::RejectReason;

/// A rejected request, not yet recorded.
#[derive(Debug)]
pub(super) struct Rejected {
    reason: RejectReason,
    /// For the log alone.
    cause: Option<String>,
    answer: ApiError,
}

impl Rejected {
    pub(super) fn new(reason: RejectReason, answer: ApiError) -> Self {
        Self {
            reason,
            cause: None,
            answer,
        }
    }

    /// A body that cannot be read. It is kept all the same.
    pub(super) fn unreadable(defect: Defect, receipt: &Receipt) -> Self {
        let delivery_id = receipt.delivery_id;
        let answer = ApiError::Unreadable {
            defect,
            delivery_id,
        };
        Self::new(RejectReason::Unreadable, answer)
    }

    /// Records it, and gives the answer for its sender.
    pub(super) fn record(self, state: &AppState, request: &Parts) -> ApiError {
        if self.reason.is_of_credential()
            && let Err(limited) = refusals::count(state, request)
        {
            state.process.record_limited(self.reason);
            return limited;
        }
        state
            .process
            .record(self.reason, self.cause.as_deref(), request);
        self.answer
    }

    fn not_kept(cause: String, answer: ApiError) -> Self {
        Self {
            reason: RejectReason::NotKept,
            cause: Some(cause),
            answer,
        }
    }
}

impl From<BodyError> for Rejected {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit } => {
                Self::new(RejectReason::TooLarge, ApiError::TooLarge(limit))
            }
            BodyError::Timeout => Self::new(RejectReason::Incomplete, ApiError::Timeout),
            BodyError::Broken => Self::new(
                RejectReason::Incomplete,
                ApiError::BadRequest("The body did not arrive whole.".to_owned()),
            ),
            // This says nothing about the next message, which is small: the service stays ready.
            BodyError::Busy => Self::not_kept(
                "too many large bodies arrive at once".to_owned(),
                ApiError::Busy,
            ),
        }
    }
}

impl From<Unverified> for Rejected {
    fn from(unverified: Unverified) -> Self {
        Self::new(unverified.reason, unverified.into())
    }
}

impl From<SubmitError> for Rejected {
    fn from(error: SubmitError) -> Self {
        Self::not_kept(error.to_string(), error.into())
    }
}
