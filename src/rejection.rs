//! Rejected requests: those that did not become a delivery, and so explain why nothing arrives.
//!
//! Domain types only: no I/O, no SQL, no HTTP.

mod log;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

pub use log::RejectionLog;

use crate::named::impl_named;

/// Why a request did not become a delivery, most upstream first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RejectReason {
    /// TLS was spoken to the plain HTTP port.
    Tls,
    /// The path resembles the webhook's.
    WrongPath,
    /// Something was sent to a path that is for reading.
    ReadingPath,
    /// A redirect turned a POST into a GET, which loses the body.
    Redirected,
    /// The webhook does not take this method.
    Method,
    /// A secret is needed, and none came.
    MissingSecret,
    /// None of the secrets that came is valid.
    WrongSecret,
    /// `X-Hub-Signature-256` does not match the body.
    BadSignature,
    /// Meta's verification came with a wrong token.
    Handshake,
    /// Somebody wanted to read, or to log in, with a wrong token or without one.
    Token,
    /// The body is empty.
    Empty,
    /// The body did not arrive whole, or not in time.
    Incomplete,
    /// The body is too large.
    TooLarge,
    /// The body is neither JSON nor a form. It is kept, so this is a delivery as well.
    Unreadable,
    /// It could not be kept: 503.
    NotKept,
    /// Not a rejection: Meta verified the webhook URL. Kept here because the diagnosis compares it with
    /// `Handshake`.
    Verified,
    /// Not a rejection: a process started. The first start is when the service was set up.
    Started,
}

impl_named!(RejectReason);

impl RejectReason {
    /// The reasons of the statistics and of the metric: those for which the webhook itself refuses a request, and wrong
    /// tokens.
    pub const COUNTED: &'static [Self] = &[
        Self::MissingSecret,
        Self::WrongSecret,
        Self::BadSignature,
        Self::Empty,
        Self::TooLarge,
        Self::Incomplete,
        Self::Method,
        Self::Redirected,
        Self::Handshake,
        Self::NotKept,
        Self::Token,
    ];

    /// Whether a request was rejected at all.
    pub fn is_rejection(self) -> bool {
        !matches!(self, Self::Verified | Self::Started)
    }

    /// Whether a message may be lost for this reason.
    pub fn may_lose_messages(self) -> bool {
        self.is_rejection() && self != Self::Token
    }

    /// Whether a credential was wrong or missing.
    pub fn is_of_credential(self) -> bool {
        matches!(
            self,
            Self::MissingSecret
                | Self::WrongSecret
                | Self::BadSignature
                | Self::Handshake
                | Self::Token
        )
    }
}

/// One request, in short texts without control characters and without anything that could be a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestSample {
    /// The HTTP method.
    pub method: String,
    /// The path without its query. Parts that could be a credential are left out.
    pub path: String,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
}

/// The methods of browsers, scanners and monitors, which only look whether something is there.
const LOOKING: [&str; 6] = ["GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"];

impl RequestSample {
    /// Whether the request was meant to bring something.
    pub fn sends(&self) -> bool {
        !LOOKING.contains(&self.method.as_str())
    }
}

/// After this time without another one, rejected requests are over: the count begins anew, and a path makes room for
/// another.
const STALE_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The requests that were rejected for one reason: how many, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRequest {
    /// Why.
    pub reason: RejectReason,
    /// Of [`RejectReason::WrongPath`]: which path. Empty for every other reason.
    pub path: String,
    /// How many.
    pub count: i64,
    /// The first.
    pub first_at: Timestamp,
    /// The last.
    pub last_at: Timestamp,
    /// The last that sent something, and did not only look.
    pub sent_at: Option<Timestamp>,
    /// The last request that has a sample. One that sent something goes before all others.
    pub sample: Option<RequestSample>,
}

impl RejectedRequest {
    /// A single request.
    pub fn once(reason: RejectReason, at: Timestamp, sample: Option<RequestSample>) -> Self {
        let sends = |sample: &&RequestSample| sample.sends() || reason == RejectReason::Redirected;
        let path = match &sample {
            Some(sample) if reason == RejectReason::WrongPath => sample.path.clone(),
            _ => String::new(),
        };
        Self {
            reason,
            path,
            count: 1,
            first_at: at,
            last_at: at,
            sent_at: sample.as_ref().filter(sends).map(|_| at),
            sample,
        }
    }

    /// Merges others of the same reason and path. If one side ended a day before the other began, the earlier side is
    /// over and only the later one counts.
    fn merge(&mut self, other: Self) {
        if !self.reason.is_rejection()
            || !self.is_over_before(&other) && !other.is_over_before(self)
        {
            self.sum(other);
        } else if self.is_over_before(&other) {
            *self = other;
        }
    }

    fn is_over_before(&self, other: &Self) -> bool {
        other.first_at.duration_since(self.last_at) > STALE_AFTER
    }

    fn sum(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.first_at = self.first_at.min(other.first_at);
        if self.sample.is_none() || (other.sent_at, other.last_at) >= (self.sent_at, self.last_at) {
            self.sample = other.sample.or(self.sample.take());
        }
        self.last_at = self.last_at.max(other.last_at);
        self.sent_at = self.sent_at.max(other.sent_at);
    }
}
