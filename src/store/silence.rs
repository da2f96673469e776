//! What replicas have to agree on about silence, and the alerts about it on their way out.

use jiff::Timestamp;
use uuid::Uuid;

/// Whether there is silence, as all replicas agree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Silence {
    /// When the message arrived that is the last; `None` while there is no silence.
    pub since: Option<Timestamp>,
    /// How often it changed: a change is made only by who knows the last one.
    pub changes: i64,
}

/// Something that has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The same in every attempt.
    pub id: Uuid,
    /// What is told, as JSON.
    pub body: String,
    /// When it happened.
    pub made_at: Timestamp,
    /// How often it was tried.
    pub attempts: i32,
    /// When it may be tried next.
    pub next_at: Timestamp,
}
