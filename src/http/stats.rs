//! `GET /instagram/stats`: all numbers in one request.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::AppState;
use super::error::TokenErrors;
use super::facts::{StoreFacts, facts, report};
use super::health::SpoolView;
use crate::delivery::Outcome;
use crate::diagnose::{Report, Status};
use crate::forward::{DestinationHealth, DestinationStatus};
use crate::message::{Channel, Direction, Kind, Message, Shape};
use crate::probe::ExternalChecks;
use crate::rejection::{RejectReason, RejectedRequest};
use crate::store::{Count, Counts, DeliverySummary, HOUR, Snapshot, SpoolDepth, hour_of};
use crate::text::without_credentials;
use crate::time::millis;

/// The number of hours in `hourly`, including the current one.
const HOURS: i64 = 24;

/// The statistics. The first seven fields are those of the system that this one replaces.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "totalMessages": 1, "inboundMessages": 1, "outboundMessages": 0, "clientsWithInstagram": 1,
    "lastMessage": {
        "id": "01a2040d-6ba7-71fc-8e52-f1e6189bac8e", "content": "hello", "direction": "inbound",
        "createdAt": "2026-11-22T16:18:38.118Z"
    },
    "pollingActive": false,
    "config": {"useChatrace": true, "useMockMode": false, "hasAccessToken": false, "apiUrl": "https://api.chatrace.com"},
    "degraded": false,
    "outcomes": {"duplicate": 0, "ignored": 0, "quarantined": 0, "stored": 1},
    "items": {"duplicate": 0, "ignored": 0, "quarantined": 0, "stored": 1},
    "kinds": {"text": 1},
    "shapes": {"flat": 1},
    "hourly": [{"hour": "2026-11-22T16:00:00.000Z", "deliveries": 1, "inbound": 1, "outbound": 0}],
    "lastDelivery": {
        "id": "01a2040d-6ba6-760d-9d75-582afe0c4905", "receivedAt": "2026-11-22T16:18:38.118Z", "outcome": "stored",
        "reasons": []
    },
    "gauges": {"quarantined": 0, "spool": null, "destinations": {}},
    "status": "ok", "verdict": "All is well: the last message arrived at 16:18.",
    "process": {
        "startedAt": "2026-11-22T16:18:36.655Z", "deliveries": {"stored": 1},
        "lastDeliveryAt": "2026-11-22T16:18:38.118Z", "rejected": {"wrong_secret": 0}, "rejectedSamples": []
    }
}))]
pub(super) struct Stats {
    /// All messages ever received, including deleted ones. `null`, like every number of the database, while the
    /// database is away.
    #[schema(required)]
    pub(super) total_messages: Option<i64>,
    #[schema(required)]
    pub(super) inbound_messages: Option<i64>,
    #[schema(required)]
    pub(super) outbound_messages: Option<i64>,
    /// All contacts ever seen on Instagram, including deleted ones.
    #[schema(required)]
    pub(super) clients_with_instagram: Option<i64>,
    #[schema(required)]
    pub(super) last_message: Option<LastMessage>,
    /// Always false: messages cannot be polled from Chatrace.
    pub(super) polling_active: bool,
    pub(super) config: ConfigView,
    /// Whether the database is away. Then only `process` is known.
    pub(super) degraded: bool,
    /// Deliveries by outcome.
    #[schema(value_type = BTreeMap<String, Option<i64>>)]
    pub(super) outcomes: BTreeMap<&'static str, Option<i64>>,
    /// Items by outcome: a delivery may hold many.
    #[schema(value_type = BTreeMap<String, Option<i64>>)]
    pub(super) items: BTreeMap<&'static str, Option<i64>>,
    #[schema(value_type = BTreeMap<String, Option<i64>>)]
    pub(super) kinds: BTreeMap<&'static str, Option<i64>>,
    pub(super) shapes: BTreeMap<String, i64>,
    /// The last 24 hours, oldest first, by arrival.
    pub(super) hourly: Vec<HourPoint>,
    #[schema(required)]
    pub(super) last_delivery: Option<LastDelivery>,
    pub(super) gauges: Gauges,
    /// The status of `/instagram/diagnosis`, without the external checks if they have not run lately.
    pub(super) status: Status,
    pub(super) verdict: String,
    pub(super) process: Process,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LastMessage {
    pub(super) id: Uuid,
    /// The first thousand letters of its text.
    #[schema(required)]
    pub(super) content: Option<String>,
    pub(super) direction: Direction,
    #[serde(with = "millis")]
    pub(super) created_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigView {
    use_chatrace: bool,
    use_mock_mode: bool,
    has_access_token: bool,
    api_url: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HourPoint {
    #[serde(with = "millis")]
    pub(super) hour: Timestamp,
    pub(super) deliveries: i64,
    pub(super) inbound: i64,
    pub(super) outbound: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LastDelivery {
    id: Uuid,
    #[serde(with = "millis")]
    received_at: Timestamp,
    outcome: Outcome,
    reasons: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Gauges {
    /// Items in quarantine.
    #[schema(required)]
    pub(super) quarantined: Option<i64>,
    /// Deliveries that wait on this machine's disk for the database; `null` without a spool.
    #[schema(required)]
    pub(super) spool: Option<SpoolView>,
    /// What waits for each destination, by name; `null` while the database is away.
    #[schema(required)]
    pub(super) destinations: Option<BTreeMap<String, DestinationGauges>>,
}

/// What waits for a destination.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DestinationGauges {
    pub(super) state: DestinationHealth,
    /// How many messages or deliveries wait, counted up to 100,000.
    pub(super) backlog: i64,
    /// How long the oldest of them has waited, in seconds.
    pub(super) lag_seconds: f64,
    /// What it refused and gets again.
    pub(super) retries: i64,
    /// What it refused and does not get any more.
    pub(super) dead_letters: i64,
}

/// What this process has seen since it started.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Process {
    #[serde(with = "millis")]
    pub(super) started_at: Timestamp,
    #[schema(value_type = BTreeMap<String, u64>)]
    pub(super) deliveries: BTreeMap<Outcome, u64>,
    #[schema(required)]
    #[serde(with = "millis::option")]
    pub(super) last_delivery_at: Option<Timestamp>,
    /// Rejected requests at the webhook, by reason. They are not deliveries.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub(super) rejected: BTreeMap<RejectReason, u64>,
    /// The last few of them, oldest first.
    pub(super) rejected_samples: Vec<RejectedSample>,
}

/// A request that the webhook rejected, without anything that could be a credential.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RejectedSample {
    #[serde(with = "millis")]
    pub(super) at: Timestamp,
    pub(super) reason: RejectReason,
    pub(super) method: String,
    #[schema(required)]
    pub(super) content_type: Option<String>,
    #[schema(required)]
    pub(super) user_agent: Option<String>,
}

/// Statistics
///
/// Their cost does not depend on the amount of data. While the database is away, `degraded` is true, and only the
/// numbers of this process are known.
#[utoipa::path(
    get, path = "/instagram/stats", operation_id = "showStats", tag = "operation", security(("apiToken" = [])),
    responses((status = 200, description = "Totals, the last 24 hours, and this process.", body = Stats), TokenErrors)
)]
pub(super) async fn show(State(state): State<AppState>) -> Json<Stats> {
    Json(look(&state, state.prober.known()).await.stats)
}

/// The statistics and the report.
pub(super) struct Look {
    pub(super) stats: Stats,
    pub(super) report: Report,
}

/// Reads the database and the counts of this process; `external` are the checks that ask others.
pub(super) async fn look(state: &AppState, external: Option<ExternalChecks>) -> Look {
    let now = state.clock.now();
    let since = now
        .checked_sub(SignedDuration::from_hours(HOURS - 1))
        .unwrap_or(now);
    // Before the database is asked: what has left the spool by now is in its answer, and nothing is missing from both.
    let fallback = state.fallback.as_ref();
    let spool = fallback.map(|fallback| fallback.spool().depth());
    let stored = StoreFacts::query(state, since).await;
    let report = report(&facts(state, &stored, now), external);
    Look {
        stats: stats(state, stored, spool, now, &report),
        report,
    }
}

fn stats(
    state: &AppState,
    stored: StoreFacts,
    spool: Option<SpoolDepth>,
    now: Timestamp,
    report: &Report,
) -> Stats {
    let snapshot = stored.snapshot.ok();
    let known = snapshot.is_some();
    let Snapshot {
        total,
        hours,
        contacts,
        last_message,
        last_delivery,
        ..
    } = snapshot.unwrap_or_default();
    let count = |count: Count| known.then(|| total.get(count));
    let by_outcome = |of: fn(Outcome) -> Count| {
        let kept = Outcome::ALL
            .iter()
            .filter(|outcome| **outcome != Outcome::Spooled);
        kept.map(|outcome| (outcome.as_str(), count(of(*outcome))))
            .collect::<BTreeMap<_, _>>()
    };
    let inbound = count(Count::Direction(Direction::Inbound));
    let outbound = count(Count::Direction(Direction::Outbound));
    let shapes = Shape::ALL.iter();
    let shapes = shapes.map(|shape| (shape.as_str().to_owned(), total.get(Count::Shape(*shape))));
    Stats {
        total_messages: inbound
            .zip(outbound)
            .map(|(inbound, outbound)| inbound + outbound),
        inbound_messages: inbound,
        outbound_messages: outbound,
        clients_with_instagram: known.then(|| contacts.contacts(&Channel::Instagram)),
        last_message: last_message.map(LastMessage::from),
        polling_active: false,
        config: ConfigView {
            use_chatrace: true,
            use_mock_mode: false,
            has_access_token: state.config.chatrace.access_token.is_some(),
            api_url: shown(&state.config.chatrace.api_url),
        },
        degraded: !known,
        outcomes: by_outcome(Count::Delivery),
        items: by_outcome(Count::Item),
        kinds: Kind::ALL
            .iter()
            .map(|kind| (kind.as_str(), count(Count::Kind(*kind))))
            .collect(),
        shapes: shapes.filter(|(_, number)| *number > 0).collect(),
        hourly: if known {
            hourly(&hours, now)
        } else {
            Vec::new()
        },
        last_delivery: last_delivery.map(LastDelivery::from),
        gauges: Gauges {
            quarantined: known.then(|| total.in_quarantine()),
            spool: spool.map(SpoolView::from),
            destinations: stored.destinations.ok().map(|all| gauges(all, now)),
        },
        status: report.status,
        verdict: report.verdict.to_string(),
        process: process(state),
    }
}

fn gauges(all: Vec<DestinationStatus>, now: Timestamp) -> BTreeMap<String, DestinationGauges> {
    let gauges = |status: DestinationStatus| {
        let gauges = DestinationGauges {
            state: status.health(),
            backlog: status.backlog.count,
            lag_seconds: status.lag(now),
            retries: status.retries.waiting,
            dead_letters: status.retries.dead,
        };
        (status.state.name, gauges)
    };
    all.into_iter().map(gauges).collect()
}

/// A URL without credentials, and without a slash at the end.
fn shown(url: &str) -> String {
    url::Url::parse(url).map_or_else(
        |_| String::new(),
        |url| {
            let url = without_credentials(&url);
            url.as_str().trim_end_matches('/').to_owned()
        },
    )
}

fn process(state: &AppState) -> Process {
    let counts = state.process.counts();
    let samples = counts.samples.into_iter();
    Process {
        started_at: state.process.started_at,
        deliveries: every(Outcome::ALL, &counts.deliveries),
        last_delivery_at: counts.last_delivery_at,
        rejected: every(RejectReason::COUNTED, &counts.rejected),
        rejected_samples: samples.filter_map(RejectedSample::of).collect(),
    }
}

/// Counts with zeros, so that scripts find every key.
fn every<T: Ord + Copy>(all: &[T], counts: &BTreeMap<T, u64>) -> BTreeMap<T, u64> {
    all.iter()
        .map(|one| (*one, counts.get(one).copied().unwrap_or_default()))
        .collect()
}

fn hourly(hours: &BTreeMap<i64, Counts>, now: Timestamp) -> Vec<HourPoint> {
    let current = hour_of(now);
    let none = Counts::default();
    let point = |hour: i64| {
        let counts = hours.get(&hour).unwrap_or(&none);
        let deliveries = Outcome::ALL
            .iter()
            .map(|outcome| counts.get(Count::Delivery(*outcome)));
        HourPoint {
            hour: Timestamp::from_second(hour * HOUR).unwrap_or_default(),
            deliveries: deliveries.sum(),
            inbound: counts.get(Count::Direction(Direction::Inbound)),
            outbound: counts.get(Count::Direction(Direction::Outbound)),
        }
    };
    (current - HOURS + 1..=current).map(point).collect()
}

impl RejectedSample {
    fn of(request: RejectedRequest) -> Option<Self> {
        let sample = request.sample?;
        Some(Self {
            at: request.last_at,
            reason: request.reason,
            method: sample.method,
            content_type: sample.content_type,
            user_agent: sample.user_agent,
        })
    }
}

impl From<Message> for LastMessage {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            content: message.text,
            direction: message.direction,
            created_at: message.received_at,
        }
    }
}

impl From<DeliverySummary> for LastDelivery {
    fn from(summary: DeliverySummary) -> Self {
        Self {
            id: summary.receipt.delivery_id,
            received_at: summary.received_at,
            outcome: summary.receipt.outcome,
            reasons: summary.reasons,
        }
    }
}
