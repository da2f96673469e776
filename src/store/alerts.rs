//! What is kept about silence, and about what somebody is told of.

use jiff::Timestamp;
use uuid::Uuid;

use super::values::Time;

/// Whether there is silence, as all replicas agree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SilenceState {
    /// When the message arrived that is the last; `None` while there is no silence.
    pub since: Option<Timestamp>,
    /// How often it changed: a replica that does not know the last change makes none.
    pub changes: i64,
}

/// Whether something is wrong that alerts are about, as all replicas agree. What was never wrong has the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertState {
    /// What it is about: a check, or one thing that a check looks at.
    pub subject: String,
    /// Since when it is wrong; `None` while it is not.
    pub since: Option<Timestamp>,
    /// How often it changed: a replica that does not know the last change makes none.
    pub changes: i64,
}

/// Something that has to be sent to `ALERT_URL`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Alert {
    /// The same in every attempt.
    pub id: Uuid,
    /// What is sent, as JSON.
    pub body: String,
    /// When it happened.
    #[sqlx(try_from = "Time")]
    pub made_at: Timestamp,
    /// How often it was tried.
    pub attempts: i32,
    /// When it may be tried next.
    #[sqlx(try_from = "Time")]
    pub next_at: Timestamp,
}
