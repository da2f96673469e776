//! States, as opposed to events: they are looked up when somebody asks.

use std::time::Duration;

use jiff::Timestamp;
use metrics::gauge;
use tokio::time::timeout;

use super::super::AppState;
use super::super::facts::{StoreFacts, facts, report};
use crate::diagnose::facts::{DatabaseState, Disk};
use crate::diagnose::{Facts, Report, Status};
use crate::forward::{DestinationHealth, DestinationStatus};
use crate::store::Snapshot;

/// How long the database is waited for: less than Prometheus waits for all of it, which is 10 s.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);

/// Sets every gauge. What only the database knows is left as it was while that is away.
pub(super) async fn set(state: &AppState) {
    gauge!("chatrace_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    gauge!("chatrace_start_timestamp_seconds").set(seconds(state.process.started_at));
    gauge!("chatrace_queue_deliveries").set(number(state.ingest.queued()));
    gauge!("chatrace_queue_oldest_age_seconds").set(state.ingest.oldest_age().as_secs_f64());
    let connections = state.store.health().connections;
    for (label, count) in [("idle", connections.idle), ("used", connections.used)] {
        gauge!("chatrace_database_connections", "state" => label).set(number(count));
    }
    gauge!("chatrace_database_connections_limit").set(number(connections.limit));
    set_spool(state);
    let now = state.clock.now();
    let Ok(stored) = timeout(DATABASE_TIMEOUT, StoreFacts::query(state, now)).await else {
        gauge!("chatrace_database_up").set(0.0);
        return;
    };
    let facts = facts(state, &stored, now);
    set_facts(&facts);
    set_report(&report(&facts, None));
    if let Ok(snapshot) = &stored.snapshot {
        set_counts(snapshot);
    }
    for status in stored.destinations.iter().flatten() {
        set_destination(status, now);
    }
}

fn set_spool(state: &AppState) {
    let Some(fallback) = &state.fallback else {
        return;
    };
    let depth = fallback.spool().depth();
    let age = depth.oldest.map_or(0.0, |oldest| {
        state.clock.now().duration_since(oldest).as_secs_f64()
    });
    let deliveries = usize::try_from(depth.deliveries).unwrap_or(usize::MAX);
    gauge!("chatrace_spool_deliveries").set(number(deliveries));
    gauge!("chatrace_spool_oldest_age_seconds").set(age.max(0.0));
}

fn set_facts(facts: &Facts) {
    gauge!("chatrace_database_up").set(flag(facts.database == DatabaseState::Takes));
    if let Some(last) = facts.last_delivery_at {
        gauge!("chatrace_last_delivery_timestamp_seconds").set(seconds(last));
    }
    // While the database is away the age keeps growing.
    if let Some(last) = facts.last_message_at {
        let age = facts.now.duration_since(last).as_secs_f64();
        gauge!("chatrace_last_message_age_seconds").set(age.max(0.0));
    }
    if let Some(Disk { free, total }) = facts.disk {
        for (name, bytes) in [("free", free), ("total", total)] {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            gauge!("chatrace_disk_bytes", "kind" => name).set(number(bytes));
        }
    }
}

/// One series for each status, of which one is 1: so that an alert can name a status.
fn set_report(report: &Report) {
    for status in Status::ALL {
        let is = |other: Status| flag(other == *status);
        gauge!("chatrace_verdict", "status" => status.as_str()).set(is(report.status));
        for check in &report.checks {
            let labels = [
                ("check", check.name.clone()),
                ("status", status.as_str().to_owned()),
            ];
            gauge!("chatrace_check", &labels).set(is(check.status));
        }
    }
}

fn set_counts(snapshot: &Snapshot) {
    let quarantined = snapshot.total.in_quarantine();
    gauge!("chatrace_quarantined_items").set(number(usize::try_from(quarantined).unwrap_or(0)));
}

fn set_destination(status: &DestinationStatus, now: Timestamp) {
    let label = || status.state.name.clone();
    let count = |count: i64| number(usize::try_from(count).unwrap_or_default());
    let is_up = status.health() == DestinationHealth::Up;
    gauge!("chatrace_forward_up", "destination" => label()).set(flag(is_up));
    gauge!("chatrace_forward_backlog", "destination" => label()).set(count(status.backlog.count));
    gauge!("chatrace_forward_lag_seconds", "destination" => label()).set(status.lag(now));
    gauge!("chatrace_forward_retries", "destination" => label()).set(count(status.retries.waiting));
    gauge!("chatrace_forward_dead_letters", "destination" => label())
        .set(count(status.retries.dead));
    gauge!("chatrace_forward_expired", "destination" => label()).set(count(status.state.expired));
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and no number comes near 2^53"
)]
fn number(number: usize) -> f64 {
    number as f64
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}
