//! Answers to requests that fail: one place for status, sentence and log level.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use utoipa::openapi::{self, Content, HeaderBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, PartialSchema as _, ToSchema};
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
    /// A redirect turned a POST into a GET.
    Redirected,
    /// The body did not arrive in time.
    Timeout,
    /// The body is larger than this many bytes.
    TooLarge(usize),
    /// More arrives than can be kept at the moment.
    Busy,
    /// Too many requests of this address had no valid credential: how long to wait.
    TooManyRefused(Duration),
    /// Too many readers wait for messages.
    TooManyReaders,
    /// The database cannot be used now; the cause is in the log.
    Unavailable,
    /// The database is damaged where this stands.
    Damaged,
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

/// Describes answers that `ApiError` makes: the status, and when it comes.
macro_rules! describe_errors {
    ($($name:ident { $($status:literal $when:expr),+ })+) => {$(
        #[derive(Debug)]
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
                [$(described($status, $when)),+].into()
            }
        }
    )+};
}

const INTERNAL: &str = "A bug in this service, or a damaged database: its log has the cause.";

// The errors of reading lists; of endpoints that only need a token; of one thing; and why a delivery is rejected.
describe_errors! {
    ReadErrors {
        400 "A parameter is wrong or unknown: the sentence names it.",
        401 "The API token is missing or wrong.",
        429 "Too many requests from this address had no valid token.",
        500 INTERNAL,
        503 "The database is away, or too many readers wait: try again in a moment."
    }
    TokenErrors {
        401 "The token is missing or wrong.",
        429 "Too many requests from this address had no valid token.",
        500 INTERNAL
    }
    NotFound { 404 "There is nothing with this id." }
    Gone { 410 "Its body was erased." }
    DeliveryErrors {
        400 "The body is empty, did not arrive whole, or cannot be read. A body that cannot be read is kept, under\n\
            `deliveryId`.",
        401 "A credential is missing or wrong: the sentence says what to send.",
        408 "The body did not arrive in time.",
        413 "The body is larger than `MAX_BODY_BYTES`, or becomes so when unpacked.",
        429 "Too many requests from this address had no valid credential.",
        500 INTERNAL,
        503 "It cannot be kept now: send it again in a moment."
    }
}

fn described(status: u16, when: &str) -> (String, RefOr<openapi::Response>) {
    let body = Content::new(Some(Ref::from_schema_name("ErrorBody")));
    let mut response = ResponseBuilder::new()
        .description(when)
        .content("application/json", body);
    if matches!(status, 429 | 503) {
        let seconds = HeaderBuilder::new()
            .schema(Some(u32::schema()))
            .description(Some("Seconds."));
        response = response.header("retry-after", seconds.build());
    }
    (status.to_string(), response.build().into())
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
            Self::MethodNotAllowed | Self::Redirected => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooManyRefused(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy | Self::TooManyReaders | Self::Unavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Damaged | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
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
            Self::Redirected => {
                "A redirect turned the POST into a GET, which loses the body: enter the final https URL in the \
                 External API Request."
                    .to_owned()
            }
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
            Self::TooManyRefused(_) => {
                "Too many requests from this address came without a valid credential: wait, then send the right one."
                    .to_owned()
            }
            Self::TooManyReaders => {
                "Too many readers wait for messages: end some, or ask without `wait`.".to_owned()
            }
            Self::Unavailable => {
                "It cannot be stored or read at the moment: send it again in a moment.".to_owned()
            }
            Self::Damaged => {
                "The database is damaged, and this cannot be read: the diagnosis says what to do.".to_owned()
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
            Self::Busy | Self::TooManyReaders | Self::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            }
            Self::TooManyRefused(wait) => {
                let seconds = HeaderValue::from(wait.as_secs().max(1));
                headers.insert(header::RETRY_AFTER, seconds);
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
            StoreError::Unavailable(cause)
            | StoreError::Full(cause)
            | StoreError::Conflict(cause) => {
                tracing::warn!(%cause, "the database is unavailable");
                Self::Unavailable
            }
            StoreError::Damaged(cause) => {
                tracing::warn!(%cause, "the database is damaged");
                Self::Damaged
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
            SubmitError::Unavailable(_) | SubmitError::Full(_) | SubmitError::Stopping => {
                Self::Unavailable
            }
        }
    }
}
