//! What this process saw since it started: what it can still say while the database is away, and the requests that it
//! refused, which are no deliveries. Near misses are also handed on, to be remembered across restarts and replicas.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::request::Parts;
use axum::http::{HeaderName, header};
use jiff::Timestamp;
use serde::Serialize;

use super::near_miss;
use crate::delivery::{Outcome, Receipt, Rejection};
use crate::ingest::Sightings;
use crate::redact::Redactor;
use crate::sighting::{self, Sight, Sighting};
use crate::time::millis;

/// How many refused requests are remembered.
const SAMPLES: usize = 20;
/// The longest text of a foreign header that is remembered.
const SAMPLE_TEXT: usize = 120;

/// A refused request, without anything that could be a credential.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sample {
    #[serde(with = "millis")]
    pub(super) at: Timestamp,
    pub(super) reason: Rejection,
    pub(super) method: String,
    #[schema(required)]
    pub(super) content_type: Option<String>,
    #[schema(required)]
    pub(super) user_agent: Option<String>,
}

/// What this process saw since it started.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) started_at: Timestamp,
    seen: Mutex<Seen>,
    redactor: Redactor,
    sightings: Sightings,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    pub(super) deliveries: BTreeMap<Outcome, u64>,
    pub(super) last_delivery_at: Option<Timestamp>,
    pub(super) rejected: BTreeMap<Rejection, u64>,
    pub(super) samples: VecDeque<Sample>,
    /// The newest message in the database, as far as anybody asked.
    pub(super) last_message_at: Option<Timestamp>,
}

impl Observed {
    pub(super) fn new(redactor: Redactor, sightings: Sightings) -> Self {
        let started_at = Timestamp::now();
        sightings.note(Sighting::once(Sight::Started, started_at, None));
        Self {
            started_at,
            seen: Mutex::default(),
            redactor,
            sightings,
        }
    }

    pub(super) fn delivery(&self, receipt: &Receipt, at: Timestamp) {
        metrics::counter!("chatrace_deliveries_total", "outcome" => receipt.outcome.as_str())
            .increment(1);
        let mut seen = self.lock();
        *seen.deliveries.entry(receipt.outcome).or_default() += 1;
        seen.last_delivery_at = seen.last_delivery_at.max(Some(at));
    }

    /// A request at the webhook that is refused.
    pub(super) fn rejection(&self, reason: Rejection, request: &Parts) {
        self.refused(reason, None, request);
    }

    /// A delivery that cannot be kept: its sender learns only that, the log why.
    pub(super) fn not_kept(&self, cause: &str, request: &Parts) {
        self.refused(Rejection::NotKept, Some(cause), request);
    }

    fn refused(&self, reason: Rejection, cause: Option<&str>, request: &Parts) {
        let at = Timestamp::now();
        let near_miss = self.sample(request);
        let sample = Sample {
            at,
            reason,
            method: near_miss.method.clone(),
            content_type: near_miss.content_type.clone(),
            user_agent: near_miss.user_agent.clone(),
        };
        tracing::warn!(
            reason = reason.as_str(),
            cause,
            method = sample.method,
            user_agent = sample.user_agent.as_deref().unwrap_or_default(),
            "🚫 A request at the webhook was refused"
        );
        metrics::counter!("chatrace_rejected_total", "reason" => reason.as_str()).increment(1);
        self.sightings
            .note(Sighting::once(reason.into(), at, Some(near_miss)));
        let mut seen = self.lock();
        *seen.rejected.entry(reason).or_default() += 1;
        if seen.samples.len() == SAMPLES {
            seen.samples.pop_front();
        }
        seen.samples.push_back(sample);
    }

    /// A request that was no delivery, or none as it should be, and tells something all the same.
    pub(super) fn sighting(&self, sight: Sight, request: &Parts) {
        let sample = self.sample(request);
        self.sightings
            .note(Sighting::once(sight, Timestamp::now(), Some(sample)));
    }

    /// Where near misses are noted.
    pub(super) fn sightings(&self) -> &Sightings {
        &self.sightings
    }

    /// The newest message: the one that is told, or if the database could not be asked, the last that was.
    pub(super) fn last_message_at(&self, told: Option<Timestamp>) -> Option<Timestamp> {
        let mut seen = self.lock();
        seen.last_message_at = seen.last_message_at.max(told);
        seen.last_message_at
    }

    /// A request without anything that could be a credential.
    fn sample(&self, request: &Parts) -> sighting::Sample {
        let header = |name: HeaderName| {
            let text = request.headers.get(name)?.to_str().ok()?;
            // Cut roughly before, so that a long one costs nothing, and exactly after.
            let text: String = text.chars().take(4 * SAMPLE_TEXT).collect();
            Some(
                self.redactor
                    .redact(&text)
                    .chars()
                    .take(SAMPLE_TEXT)
                    .collect(),
            )
        };
        sighting::Sample {
            method: request.method.as_str().chars().take(16).collect(),
            path: near_miss::shown(request.uri.path()),
            content_type: header(header::CONTENT_TYPE),
            user_agent: header(header::USER_AGENT),
        }
    }

    pub(super) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    /// Nothing in here can be left half done, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
