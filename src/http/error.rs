//! Answers to requests that fail: one place for status, sentence and log level.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;

use super::sender::Unverified;
use crate::ingest::SubmitError;
use crate::normalize::Defect;
use crate::store::StoreError;

/// Why a request fails. The sentences go to the client; causes inside the service go to the log only.
#[derive(Debug)]
pub(super) enum ApiError {
    /// The request is wrong: what is wrong and how to fix it.
    BadRequest(String),
    /// The body is neither JSON nor a form, and could not be repaired. It is kept.
    Unreadable {
        defect: Defect,
        /// The delivery under which it is kept.
        delivery_id: Uuid,
    },
    /// A credential is missing or wrong: what to send.
    Unauthorized(String),
    /// Understood, and refused.
    Forbidden(String),
    /// It does not exist: what does.
    NotFound(String),
    /// It existed, and was deleted.
    Gone(String),
    /// The path takes other methods.
    MethodNotAllowed,
    /// The body did not arrive in time.
    Timeout,
    /// The body is larger than this many bytes.
    TooLarge(usize),
    /// More arrives than can be kept at the moment.
    Busy,
    /// The database cannot be used now; the cause is in the log.
    Unavailable,
    /// A bug in this service; the cause is in the log.
    Internal,
}

/// The body of an error.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"success": false, "error": "`limit` must be a whole number from 1 to 1000."}))]
#[expect(dead_code, reason = "a description of what `into_response` makes")]
pub(super) struct ErrorBody {
    /// Always false.
    success: bool,
    /// What is wrong and how to fix it, in one sentence.
    error: String,
    /// The delivery under which an unreadable body is kept. Left out elsewhere.
    #[schema(rename = "deliveryId", nullable = false)]
    delivery_id: Option<Uuid>,
}

/// The errors of reading lists.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "a description of answers that `ApiError` makes")]
pub(super) enum ReadErrors {
    /// A parameter is wrong or unknown: the sentence names it.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// The API token is missing or wrong.
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// A bug in this service: its log has the cause.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// The database is away: try again in a moment.
    #[response(status = 503, headers(("retry-after" = u32, description = "Seconds.")))]
    Unavailable(ErrorBody),
}

/// The errors of endpoints that only need a token.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "a description of answers that `ApiError` makes")]
pub(super) enum TokenErrors {
    /// The token is missing or wrong.
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// A bug in this service: its log has the cause.
    #[response(status = 500)]
    Internal(ErrorBody),
}

/// There is nothing with this id.
#[derive(Debug, IntoResponses)]
#[response(status = 404)]
#[expect(dead_code, reason = "a description of answers that `ApiError` makes")]
pub(super) struct NotFound(ErrorBody);

/// Its body was erased.
#[derive(Debug, IntoResponses)]
#[response(status = 410)]
#[expect(dead_code, reason = "a description of answers that `ApiError` makes")]
pub(super) struct Gone(ErrorBody);

/// Why a delivery is rejected.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "a description of answers that `ApiError` makes")]
pub(super) enum DeliveryErrors {
    /// The body is empty, did not arrive whole, or cannot be read. A body that cannot be read is kept, under
    /// `deliveryId`.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// A credential is missing or wrong: the sentence says what to send.
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// The body did not arrive in time.
    #[response(status = 408)]
    Timeout(ErrorBody),
    /// The body is larger than `MAX_BODY_BYTES`, or becomes so when unpacked.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// A bug in this service: its log has the cause.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// It cannot be kept now: send it again in a moment.
    #[response(status = 503, headers(("retry-after" = u32, description = "Seconds.")))]
    Unavailable(ErrorBody),
}

impl ApiError {
    pub(super) fn empty_body() -> Self {
        Self::BadRequest(
            "The body is empty: choose raw JSON in the External API Request and paste the body template of the README."
                .to_owned(),
        )
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::Unreadable { .. } => StatusCode::BAD_REQUEST,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Gone(_) => StatusCode::GONE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(super) fn sentence(&self) -> String {
        match self {
            Self::BadRequest(sentence)
            | Self::Unauthorized(sentence)
            | Self::Forbidden(sentence)
            | Self::NotFound(sentence)
            | Self::Gone(sentence) => sentence.clone(),
            Self::Unreadable {
                defect,
                delivery_id,
            } => format!(
                "The body is neither JSON nor a form: {defect}. It is kept as it came: see GET \
                 /instagram/deliveries/{delivery_id}, and check the body template of the External API Request."
            ),
            Self::MethodNotAllowed => {
                "This path does not take this method: see the Allow header.".to_owned()
            }
            Self::Timeout => "The body did not arrive in time.".to_owned(),
            Self::TooLarge(limit) => {
                format!(
                    "The body is larger than {limit} bytes: raise MAX_BODY_BYTES if such bodies are expected."
                )
            }
            Self::Busy => "Too much is waiting to be stored: send it again in a moment.".to_owned(),
            Self::Unavailable => {
                "It cannot be stored or read at the moment: send it again in a moment.".to_owned()
            }
            Self::Internal => {
                "Something went wrong inside the service: its log has the cause.".to_owned()
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = json!({ "success": false, "error": self.sentence() });
        if let Self::Unreadable { delivery_id, .. } = &self {
            body["deliveryId"] = json!(delivery_id);
        }
        let mut response = (self.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        match self {
            Self::Unauthorized(_) => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"chatrace-webhook\""),
                );
            }
            Self::Busy | Self::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            }
            // The rest of the body may still be on its way.
            Self::TooLarge(_) | Self::Timeout => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) | StoreError::Conflict(cause) => {
                tracing::warn!(%cause, "the database is unavailable");
                Self::Unavailable
            }
            StoreError::Refused(cause) | StoreError::Corrupt(cause) => {
                tracing::error!(%cause, "the database answered something unexpected");
                Self::Internal
            }
        }
    }
}

impl From<Unverified> for ApiError {
    fn from(unverified: Unverified) -> Self {
        Self::Unauthorized(unverified.advice.to_owned())
    }
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Busy => Self::Busy,
            SubmitError::Unavailable(_) | SubmitError::Stopping => Self::Unavailable,
        }
    }
}
