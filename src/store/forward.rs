//! What is kept about destinations: how far each one is, what it refused, and what it is to get once more.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::values::Time;
use crate::selector::MessageSelector;
use crate::time::millis;

/// How many rows of what it refused a destination may have at most that wait for their next attempt.
pub const MOST_RETRIES: i64 = 1_000;
/// How far a backlog is counted.
pub(super) const COUNTED: i64 = 100_000;

/// What a destination gets, as far as the store has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForwardedContent {
    /// Messages that are selected.
    Messages(MessageSelector),
    /// Every delivery.
    Deliveries,
}

impl ForwardedContent {
    /// As two columns.
    pub(super) fn columns(&self) -> (&'static str, String) {
        match self {
            Self::Messages(selector) => ("messages", selector.to_string()),
            Self::Deliveries => ("deliveries", String::new()),
        }
    }

    /// From two columns. A filter that this version does not know lets all through.
    fn of(content: &str, filter: &str) -> Self {
        match content {
            "deliveries" => Self::Deliveries,
            _ => Self::Messages(filter.parse().unwrap_or_default()),
        }
    }
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptFailure {
    /// When.
    #[serde(serialize_with = "millis::serialize")]
    pub at: Timestamp,
    /// The status of the answer, if there was one.
    #[schema(required)]
    pub status: Option<u16>,
    /// What went wrong, in one clause.
    pub problem: String,
    /// The first 500 bytes of the answer, without credentials.
    #[schema(required)]
    pub answer: Option<String>,
}

impl AttemptFailure {
    pub(super) fn to_json(&self) -> String {
        // Texts and numbers can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// How far a destination is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationState {
    /// Its name.
    pub name: String,
    /// What it gets.
    pub content: ForwardedContent,
    /// Everything up to here was accepted, is not wanted, or is kept to be tried again.
    pub cursor: i64,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
    /// Why it is paused.
    pub pause_reason: Option<String>,
    /// Since when it is down.
    pub failing_since: Option<Timestamp>,
    /// The last attempt that failed.
    pub failure: Option<AttemptFailure>,
    /// When it last accepted something.
    pub last_success_at: Option<Timestamp>,
    /// How many it accepted, of all time.
    pub forwarded: i64,
    /// How many it refused while it accepted others, of all time.
    pub refused: i64,
    /// How many were deleted before it got them, of all time.
    pub expired: i64,
}

/// A row of `destinations`.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct DestinationRow {
    name: String,
    content: String,
    filter: String,
    cursor: i64,
    paused_at: Option<Time>,
    pause_reason: Option<String>,
    failing_since: Option<Time>,
    failure: Option<String>,
    last_success_at: Option<Time>,
    forwarded: i64,
    refused: i64,
    expired: i64,
}

impl From<DestinationRow> for DestinationState {
    fn from(row: DestinationRow) -> Self {
        Self {
            content: ForwardedContent::of(&row.content, &row.filter),
            name: row.name,
            cursor: row.cursor,
            paused_at: row.paused_at.map(Into::into),
            pause_reason: row.pause_reason,
            failing_since: row.failing_since.map(Into::into),
            failure: row
                .failure
                .and_then(|failure| serde_json::from_str(&failure).ok()),
            last_success_at: row.last_success_at.map(Into::into),
            forwarded: row.forwarded,
            refused: row.refused,
            expired: row.expired,
        }
    }
}

/// What the holder of the lease knows of a destination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForwardProgress {
    /// The new place.
    pub cursor: i64,
    /// How many it accepted, of all time.
    pub forwarded: i64,
    /// Since when it is down.
    pub failing_since: Option<Timestamp>,
    /// The last attempt that failed.
    pub failure: Option<AttemptFailure>,
    /// When it last accepted something.
    pub last_success_at: Option<Timestamp>,
}

/// Something that a destination refused while it accepted others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardRetry {
    /// The position of the message or the delivery.
    pub position: i64,
    /// Its id.
    pub id: Uuid,
    /// How often it was tried.
    pub attempts: i32,
    /// When it was first refused.
    pub first_at: Timestamp,
    /// When it is tried again; never, if it is a dead letter.
    pub next_at: Option<Timestamp>,
    /// The last attempt.
    pub failure: AttemptFailure,
}

/// A row of `forward_retries`.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct RetryRow {
    position: i64,
    id: Uuid,
    attempts: i32,
    first_at: Time,
    next_at: Option<Time>,
    failure: String,
}

impl From<RetryRow> for ForwardRetry {
    fn from(row: RetryRow) -> Self {
        let unknown = || AttemptFailure {
            at: row.first_at.0,
            status: None,
            problem: "unknown".to_owned(),
            answer: None,
        };
        Self {
            position: row.position,
            id: row.id,
            attempts: row.attempts,
            first_at: row.first_at.0,
            next_at: row.next_at.map(Into::into),
            failure: serde_json::from_str(&row.failure).unwrap_or_else(|_| unknown()),
        }
    }
}

/// How much of what it refused a destination has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryCounts {
    /// Those that are tried again.
    pub waiting: i64,
    /// Those that are not.
    pub dead: i64,
    /// When the next one is tried.
    pub next_at: Option<Timestamp>,
}

/// What a replay is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayScope {
    /// Which messages. Of deliveries only the times count.
    pub selector: MessageSelector,
    /// Only what is at these positions, which rise.
    pub positions: Option<Vec<i64>>,
}

/// What is to be forwarded once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardReplay {
    /// Its id.
    pub id: Uuid,
    /// Up to here it is done.
    pub cursor: i64,
    /// Where it ends.
    pub until: i64,
    /// What of that.
    pub scope: ReplayScope,
}

/// A row of `forward_replays`.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct ReplayRow {
    id: Uuid,
    cursor: i64,
    until: i64,
    filter: String,
    positions: Option<String>,
}

impl From<ReplayRow> for ForwardReplay {
    fn from(row: ReplayRow) -> Self {
        Self {
            id: row.id,
            cursor: row.cursor,
            until: row.until,
            scope: ReplayScope {
                selector: row.filter.parse().unwrap_or_default(),
                positions: row
                    .positions
                    .map(|positions| serde_json::from_str(&positions).unwrap_or_default()),
            },
        }
    }
}

/// What waits for a destination.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many, counted up to 100,000.
    pub count: i64,
    /// Whether there are more.
    pub is_more: bool,
    /// When the oldest of them arrived.
    pub oldest: Option<Timestamp>,
}
