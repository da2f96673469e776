//! Answers to requests that cannot be served: one place for status, words and log level.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

use crate::ingest::SubmitError;
use crate::normalize::Defect;
use crate::store::StoreError;

/// Why a request is not served. The sentences go to the client; causes inside the service go to the log only.
#[derive(Debug)]
pub(super) enum ApiError {
    /// The request is wrong: what and how to mend it.
    BadRequest(String),
    /// The body is no JSON, no form, and could not be repaired; it is kept.
    Unreadable {
        /// Where and why.
        defect: Defect,
        /// The delivery under which it is kept.
        delivery_id: Uuid,
    },
    /// A credential is missing or wrong: what to send.
    Unauthorized(String),
    /// Understood, and refused.
    Forbidden(String),
    /// There is nothing here: what there is.
    NotFound(String),
    /// It was here, and is no more.
    Gone(String),
    /// The path has other methods.
    MethodNotAllowed,
    /// The body did not arrive in time.
    Timeout,
    /// The body is larger than this many bytes.
    TooLarge(usize),
    /// More comes in than can be kept at the moment.
    Busy,
    /// The database cannot be used now; the cause is in the log.
    Unavailable,
    /// A mistake of this service; the cause is in the log.
    Internal,
}

impl ApiError {
    fn status(&self) -> StatusCode {
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

    fn sentence(&self) -> String {
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

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Busy => Self::Busy,
            SubmitError::Unavailable(_) | SubmitError::Stopping => Self::Unavailable,
        }
    }
}
