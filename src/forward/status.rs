//! How each destination is doing, for people.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::config::Destination;
use crate::store::{Backlog, DestinationState, RetryCounts, Store, StoreError};

/// How a destination is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationStatus {
    /// What the database knows.
    pub state: DestinationState,
    /// The host of its URL; `None`: it is not configured any more.
    pub host: Option<String>,
    /// What waits for it.
    pub backlog: Backlog,
    /// What it refused.
    pub retries: RetryCounts,
    /// The replays that are not complete.
    pub replays: Vec<Uuid>,
}

/// Whether a destination takes what it gets.
#[derive(Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum DestinationHealth {
    /// As far as is known.
    Up,
    /// It accepts nothing.
    Down,
    /// By an operator, or because it said that it is gone.
    Paused,
    /// It is not in the configuration of the service that answers.
    NotConfigured,
}

crate::named::impl_named!(DestinationHealth);

impl DestinationStatus {
    pub fn health(&self) -> DestinationHealth {
        if self.host.is_none() {
            DestinationHealth::NotConfigured
        } else if self.state.paused_at.is_some() {
            DestinationHealth::Paused
        } else if self.state.failing_since.is_some() {
            DestinationHealth::Down
        } else {
            DestinationHealth::Up
        }
    }

    /// How long the oldest of what waits has waited, in seconds.
    pub fn lag(&self, now: Timestamp) -> f64 {
        let oldest = self.backlog.oldest;
        oldest.map_or(0.0, |oldest| {
            now.duration_since(oldest).as_secs_f64().max(0.0)
        })
    }
}

/// How all destinations are doing, by name.
///
/// # Errors
/// Those of the database.
pub async fn statuses(
    store: &dyn Store,
    configured: &[Destination],
) -> Result<Vec<DestinationStatus>, StoreError> {
    let hosts = configured.iter().map(|one| (one.name.as_str(), one.host()));
    let hosts: BTreeMap<_, _> = hosts.collect();
    let states = store.destinations().await?;
    if states.is_empty() {
        return Ok(Vec::new());
    }
    let head = store.head().await?;
    let mut statuses = Vec::with_capacity(states.len());
    for state in states {
        let replays = store.replays(&state.name).await?.into_iter();
        statuses.push(DestinationStatus {
            host: hosts.get(&*state.name).map(|host| (*host).to_owned()),
            backlog: store
                .backlog(&state.content, None, state.cursor, head)
                .await?,
            retries: store.retry_counts(&state.name).await?,
            replays: replays.map(|replay| replay.id).collect(),
            state,
        });
    }
    Ok(statuses)
}
