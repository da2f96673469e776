//! The facts that the diagnosis and the statistics are made of: what the database, this process and the disk say.

use jiff::Timestamp;

use super::AppState;
use crate::config::WebhookAuth;
use crate::delivery::{Delivery, WEBHOOK_PATH};
use crate::diagnose::facts::{
    DatabaseState, Disk, Known, RecentBodies, SenderAuth, SilenceFacts, SpoolFacts,
};
use crate::diagnose::{Facts, Report, WatchedCheck, own_checks, watched_checks};
use crate::forward::{DestinationStatus, statuses};
use crate::message::Direction;
use crate::normalize::Normalizer;
use crate::probe::ExternalChecks;
use crate::rejection::RejectionLog;
use crate::setup;
use crate::store::{Count, Recent, Snapshot, StoreError};
use crate::text;

/// All checks: those on the facts and, if others were asked, those on their answers.
pub(super) fn report(facts: &Facts, external: Option<ExternalChecks>) -> Report {
    let own = own_checks(facts);
    Report::new(match external {
        Some(external) => external.around(own),
        None => own,
    })
}

/// The checks that somebody is told of, as they are now.
pub(super) async fn look_at_checks(state: &AppState) -> Vec<WatchedCheck> {
    let now = state.clock.now();
    let facts = facts(state, &StoreFacts::query(state, now).await, now);
    let external = state.prober.recent();
    let certificate = external.and_then(|external| external.certificate().cloned());
    watched_checks(&facts, own_checks(&facts), certificate)
}

/// What the database says. Both answers cost the same however many rows there are.
pub(super) struct StoreFacts {
    pub(super) snapshot: Result<Snapshot, StoreError>,
    recent: Result<Recent, StoreError>,
    pub(super) destinations: Result<Vec<DestinationStatus>, StoreError>,
    /// Whether a delivery could be committed.
    ready: Result<(), StoreError>,
    /// The rejected requests that were not yet written when the database was asked. They may be in its answer all the
    /// same, but none is missing.
    unwritten: RejectionLog,
}

impl StoreFacts {
    /// Asks for the newest rows, and for counters from `since`.
    pub(super) async fn query(state: &AppState, since: Timestamp) -> Self {
        let unwritten = state.process.rejections.unwritten();
        let (snapshot, ready) = tokio::join!(state.store.snapshot(since), state.store.ready());
        let recent = match &snapshot {
            Ok(_) => state.store.recent().await,
            Err(error) => Err(error.clone()),
        };
        let destinations = match &recent {
            Ok(_) => statuses(state.store.as_ref(), &state.config.destinations).await,
            Err(error) => Err(error.clone()),
        };
        if let Err(error) = snapshot.as_ref().and(recent.as_ref()) {
            tracing::warn!(%error, "the database cannot be read for the statistics");
        }
        Self {
            snapshot,
            recent,
            destinations,
            ready,
            unwritten,
        }
    }
}

/// Gathers everything that the checks look at.
pub(super) fn facts(state: &AppState, stored: &StoreFacts, now: Timestamp) -> Facts {
    let (snapshot, recent, error) = match (&stored.snapshot, &stored.recent) {
        (Ok(snapshot), Ok(recent)) => (Some(snapshot), Some(recent), None),
        (Err(error), _) | (_, Err(error)) => (None, None, Some(error)),
    };
    let process = state.process.counts();
    let health = state.store.health();
    let written = recent
        .iter()
        .flat_map(|recent| recent.rejected.iter().cloned());
    let rejected: RejectionLog = written.chain(stored.unwritten.clone()).collect();
    Facts {
        now,
        webhook: webhook_url(state),
        started_at: state.process.started_at,
        last_delivery_at: snapshot
            .and_then(|snapshot| snapshot.last_delivery_at)
            .max(process.last_delivery_at),
        last_message_at: state
            .process
            .last_message_at(snapshot.and_then(|snapshot| snapshot.last_message_at)),
        sender_auth: if state.sender.is_open() {
            SenderAuth::Open
        } else if state.config.auth.webhook_auth == WebhookAuth::Observe {
            SenderAuth::Observed
        } else {
            SenderAuth::Enforced
        },
        has_secret: !state.config.auth.webhook_secrets.is_empty(),
        short_secrets: state.config.short_secrets(),
        handshake_expected: state.config.meta.verify_token.is_some(),
        rejected,
        known: snapshot
            .zip(recent)
            .map(|(snapshot, recent)| known(snapshot, recent, &state.config.normalizer)),
        away: away(state, error.or(stored.ready.as_ref().err())),
        database: match (&stored.ready, refusal(state)) {
            (Err(_), _) => DatabaseState::Away,
            (Ok(()), Some(_)) => DatabaseState::Refuses,
            (Ok(()), None) => DatabaseState::Takes,
        },
        damage: health.damage.map(|cause| one_line(state, &cause)),
        is_log_pending: health.is_log_pending,
        spool: spool(state),
        disk: disk(state),
        retention_days: state.config.retention_days,
        silence: SilenceFacts {
            after: state.config.silence_after,
            assessment: *state.silence.borrow(),
        },
        destinations: stored.destinations.as_ref().ok().cloned(),
    }
}

fn known(snapshot: &Snapshot, recent: &Recent, normalizer: &Normalizer) -> Known {
    Known {
        recent: recent.clone(),
        bodies: bodies(&recent.bodies, normalizer),
        quarantined: snapshot.total.in_quarantine(),
        inbound: snapshot.total.get(Count::Direction(Direction::Inbound)),
    }
}

/// Reads the newest bodies again, by the templates that are declared now. Of what Meta sends nobody declares one.
fn bodies(deliveries: &[Delivery], normalizer: &Normalizer) -> RecentBodies {
    let mut bodies = RecentBodies {
        is_template_declared: normalizer.is_template_declared(),
        ..RecentBodies::default()
    };
    for delivery in deliveries {
        let reading = normalizer.normalize(delivery);
        if reading.shape.is_metas() {
            continue;
        }
        bodies.recent += 1;
        if !reading.by_template {
            bodies.unknown += 1;
            bodies.doubtful += usize::from(reading.is_doubtful());
            bodies.newest_unknown = bodies.newest_unknown.or(Some(delivery.id));
        }
    }
    bodies
}

fn webhook_url(state: &AppState) -> String {
    match &state.config.server.public_url {
        Some(url) => setup::webhook_url(url),
        None => format!("https://<this server>{WEBHOOK_PATH}"),
    }
}

/// Why the database cannot be read, or takes no deliveries.
fn away(state: &AppState, error: Option<&StoreError>) -> String {
    if let Some(error) = error {
        return cause(state, error);
    }
    refusal(state).map_or_else(String::new, |refusal| one_line(state, &refusal))
}

/// Why the database took no delivery when it was last tried.
fn refusal(state: &AppState) -> Option<String> {
    match &state.fallback {
        Some(fallback) => fallback.database_problem(),
        None => state.ingest.refusal().map(|refusal| refusal.to_string()),
    }
}

fn cause(state: &AppState, error: &StoreError) -> String {
    match error {
        StoreError::Unavailable(cause) | StoreError::Conflict(cause) => one_line(state, cause),
        other => one_line(state, &other.to_string()),
    }
}

/// One line without credentials.
fn one_line(state: &AppState, cause: &str) -> String {
    text::excerpt(&state.redactor.redact(cause))
}

fn spool(state: &AppState) -> SpoolFacts {
    match &state.fallback {
        Some(fallback) => {
            if let Err(error) = fallback.spool().check_files() {
                return SpoolFacts::Gone(cause(state, &error));
            }
            let depth = fallback.spool().depth();
            SpoolFacts::On {
                deliveries: depth.deliveries,
                oldest: depth.oldest,
                refuses: fallback.spool_refuses(),
            }
        }
        None if let Some(problem) = &state.spool_problem => {
            SpoolFacts::Gone(one_line(state, problem))
        }
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
