//! Gathers the input of the checks, for the diagnosis and the statistics.

use jiff::Timestamp;

use super::AppState;
use crate::config::WebhookAuth;
use crate::delivery::WEBHOOK_PATH;
use crate::diagnose::facts::{Disk, Known, SenderAuth, SilenceFacts, SpoolFacts};
use crate::diagnose::{Facts, Report, own_checks};
use crate::message::Direction;
use crate::probe::ExternalChecks;
use crate::setup;
use crate::sighting::Tally;
use crate::store::{Counter, CounterName, Recent, Snapshot, StoreError};
use crate::text;

/// The report on these facts.
pub(super) fn report(facts: &Facts, external: Option<ExternalChecks>) -> Report {
    let own = own_checks(facts);
    Report::new(match external {
        Some(external) => external.around(own),
        None => own,
    })
}

/// The answers of the database. Their cost does not depend on the number of rows.
pub(super) struct DatabaseAnswers {
    pub(super) snapshot: Result<Snapshot, StoreError>,
    recent: Result<Recent, StoreError>,
    /// Rejected requests that were not written before the database was asked. They may be in its answer as well, but
    /// none is missing.
    pending: Tally,
}

impl DatabaseAnswers {
    /// Reads the newest rows, and counters from `since`. A database that is away is asked only once.
    pub(super) async fn read(state: &AppState, since: Timestamp) -> Self {
        let pending = state.observed.sightings().pending();
        let snapshot = state.store.snapshot(since).await;
        let recent = match &snapshot {
            Ok(_) => state.store.recent().await,
            Err(error) => Err(error.clone()),
        };
        if let Err(error) = snapshot.as_ref().and(recent.as_ref()) {
            tracing::warn!(%error, "the database cannot be read for the statistics");
        }
        Self {
            snapshot,
            recent,
            pending,
        }
    }
}

/// Gathers the input of the checks.
pub(super) fn facts(state: &AppState, asked: &DatabaseAnswers, now: Timestamp) -> Facts {
    let (snapshot, recent, error) = match (&asked.snapshot, &asked.recent) {
        (Ok(snapshot), Ok(recent)) => (Some(snapshot), Some(recent), None),
        (Err(error), _) | (_, Err(error)) => (None, None, Some(error)),
    };
    let process = state.observed.seen();
    let remembered = recent
        .iter()
        .flat_map(|recent| recent.sightings.iter().cloned());
    let seen: Tally = remembered.chain(asked.pending.clone()).collect();
    Facts {
        now,
        webhook: webhook_url(state),
        started_at: state.observed.started_at,
        last_delivery_at: snapshot
            .and_then(|snapshot| snapshot.last_delivery_at)
            .max(process.last_delivery_at),
        last_message_at: state
            .observed
            .last_message_at(snapshot.and_then(|snapshot| snapshot.last_message_at)),
        sender_auth: if state.sender.is_open() {
            SenderAuth::Open
        } else if state.config.auth.webhook_auth == WebhookAuth::Observe {
            SenderAuth::Observed
        } else {
            SenderAuth::Enforced
        },
        has_secret: !state.config.auth.webhook_secrets.is_empty(),
        handshake_expected: state.config.meta.verify_token.is_some(),
        seen,
        known: snapshot
            .zip(recent)
            .map(|(snapshot, recent)| known(snapshot, recent)),
        away: error.map_or_else(String::new, |error| cause(state, error)),
        spool: spool(state),
        disk: disk(state),
        retention_days: state.config.retention_days,
        silence: SilenceFacts {
            after: state.config.silence.after,
            assessment: *state.silence.borrow(),
        },
    }
}

fn known(snapshot: &Snapshot, recent: &Recent) -> Known {
    let total = |name, label| value(&snapshot.counters, 0, name, label);
    Known {
        recent: recent.clone(),
        quarantined: snapshot.open_quarantine(),
        inbound: total(CounterName::Direction, Direction::Inbound.as_str()),
    }
}

fn webhook_url(state: &AppState) -> String {
    match &state.config.server.public_url {
        Some(url) => setup::webhook_url(url),
        None => format!("https://<this server>{WEBHOOK_PATH}"),
    }
}

/// Why the database is away, in one line without credentials.
fn cause(state: &AppState, error: &StoreError) -> String {
    let cause = match error {
        StoreError::Unavailable(cause) | StoreError::Conflict(cause) => cause.clone(),
        other => other.to_string(),
    };
    text::excerpt(&state.redactor.redact(&cause))
}

fn spool(state: &AppState) -> SpoolFacts {
    match state.ingest.spool_depth() {
        Some(depth) => SpoolFacts::On {
            deliveries: depth.deliveries,
            oldest: depth.oldest,
            refuses: state.ingest.spool_refuses(),
        },
        None if state.config.database.is_embedded() => SpoolFacts::Unneeded,
        None => SpoolFacts::Off,
    }
}

fn disk(state: &AppState) -> Option<Disk> {
    let disk = rustix::fs::statvfs(&state.config.data_dir).ok()?;
    Some(Disk {
        free: disk.f_bavail.saturating_mul(disk.f_frsize),
        total: disk.f_blocks.saturating_mul(disk.f_frsize),
    })
}

/// The value of a counter.
pub(super) fn value(counters: &[Counter], hour: i64, name: CounterName, label: &str) -> i64 {
    let matching = counters
        .iter()
        .find(|counter| counter.hour == hour && counter.name == name && counter.label == label);
    matching.map_or(0, |counter| counter.value)
}
