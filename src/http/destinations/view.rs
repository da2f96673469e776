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
    name: String,
    /// The host of its URL; `null` if it is not configured any more.
    #[schema(required)]
    host: Option<String>,
    /// `messages` or `deliveries`.
    content: String,
    /// Which messages; empty for all.
    filter: String,
    state: DestinationHealth,
    /// Since when it accepts nothing.
    #[serde(with = "millis::option")]
    #[schema(required)]
    failing_since: Option<Timestamp>,
    /// Since when it is paused.
    #[serde(with = "millis::option")]
    #[schema(required)]
    paused_at: Option<Timestamp>,
    /// Why it is paused.
    #[schema(required)]
    pause_reason: Option<String>,
    /// The last attempt that failed, if one ever did.
    #[schema(required)]
    last_failure: Option<AttemptFailure>,
    /// When it last accepted something.
    #[serde(with = "millis::option")]
    #[schema(required)]
    last_success_at: Option<Timestamp>,
    backlog: BacklogView,
    retries: RetriesView,
    /// How many it accepted, of all time.
    forwarded: i64,
    /// How many it refused while it accepted others, of all time.
    refused: i64,
    /// How many were deleted by retention before it got them, of all time.
    expired: i64,
    /// The number of replays that are not complete.
    replays: usize,
}

/// What waits for a destination.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BacklogView {
    /// How many wait, counted up to 100,000.
    count: i64,
    /// Whether there are more.
    is_more: bool,
    /// When the oldest of them arrived.
    #[serde(with = "millis::option")]
    #[schema(required)]
    oldest: Option<Timestamp>,
}

/// What a destination refused while it accepted others.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RetriesView {
    /// How many are tried again.
    waiting: i64,
    /// How many are not tried any more.
    dead_letters: i64,
    /// When the next one is tried.
    #[serde(with = "millis::option")]
    #[schema(required)]
    next_at: Option<Timestamp>,
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
