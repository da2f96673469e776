//! A destination as the API shows it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::forward::{DestinationHealth, DestinationStatus};
use crate::store::{AttemptFailure, ForwardedContent};
use crate::time::millis;

/// A destination, and how it is doing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct DestinationView {
    pub(in crate::http) name: String,
    /// The host of its URL; `null` if it is not configured any more.
    #[schema(required)]
    pub(in crate::http) host: Option<String>,
    /// `messages` or `deliveries`.
    pub(in crate::http) content: String,
    /// Which messages; empty for all.
    pub(in crate::http) filter: String,
    pub(in crate::http) state: DestinationHealth,
    /// Since when it accepts nothing.
    #[serde(with = "millis::option")]
    #[schema(required)]
    pub(in crate::http) failing_since: Option<Timestamp>,
    /// Since when it is paused.
    #[serde(with = "millis::option")]
    #[schema(required)]
    pub(in crate::http) paused_at: Option<Timestamp>,
    /// Why it is paused.
    #[schema(required)]
    pub(in crate::http) pause_reason: Option<String>,
    /// The last attempt that failed, if one ever did.
    #[schema(required)]
    pub(in crate::http) last_failure: Option<AttemptFailure>,
    /// When it last accepted something.
    #[serde(with = "millis::option")]
    #[schema(required)]
    pub(in crate::http) last_success_at: Option<Timestamp>,
    pub(in crate::http) backlog: BacklogView,
    pub(in crate::http) retries: RetriesView,
    /// How many it accepted, of all time.
    pub(in crate::http) forwarded: i64,
    /// How many it refused while it accepted others, of all time.
    pub(in crate::http) refused: i64,
    /// How many were deleted by retention before it got them, of all time.
    pub(in crate::http) expired: i64,
    /// The number of replays that are not complete.
    pub(in crate::http) replays: usize,
}

/// What waits for a destination.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct BacklogView {
    /// How many wait, counted up to 100,000.
    pub(in crate::http) count: i64,
    /// Whether there are more.
    pub(in crate::http) is_more: bool,
    /// When the oldest of them arrived.
    #[serde(with = "millis::option")]
    #[schema(required)]
    pub(in crate::http) oldest: Option<Timestamp>,
}

/// What a destination refused while it accepted others.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct RetriesView {
    /// How many are tried again.
    pub(in crate::http) waiting: i64,
    /// How many are not tried any more.
    pub(in crate::http) dead_letters: i64,
    /// When the next one is tried.
    #[serde(with = "millis::option")]
    #[schema(required)]
    pub(in crate::http) next_at: Option<Timestamp>,
}

impl From<DestinationStatus> for DestinationView {
    fn from(status: DestinationStatus) -> Self {
        let state_word = status.health();
        let DestinationStatus {
            state,
            host,
            backlog,
            retries,
            replays,
        } = status;
        let (content, filter) = match &state.content {
            ForwardedContent::Messages(selector) => ("messages", selector.to_string()),
            ForwardedContent::Deliveries => ("deliveries", String::new()),
        };
        Self {
            name: state.name,
            host,
            content: content.to_owned(),
            filter,
            state: state_word,
            failing_since: state.failing_since,
            paused_at: state.paused_at,
            pause_reason: state.pause_reason,
            last_failure: state.failure,
            last_success_at: state.last_success_at,
            backlog: BacklogView {
                count: backlog.count,
                is_more: backlog.is_more,
                oldest: backlog.oldest,
            },
            retries: RetriesView {
                waiting: retries.waiting,
                dead_letters: retries.dead,
                next_at: retries.next_at,
            },
            forwarded: state.forwarded,
            refused: state.refused,
            expired: state.expired,
            replays: replays.len(),
        }
    }
}
