//! What this process saw since it started: what it can still say while the database is away, and the requests that it
//! refused, which are no deliveries and stand in no database.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use crate::delivery::{Outcome, Receipt, Rejection};
use crate::message::millis;

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
}

#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    pub(super) deliveries: BTreeMap<Outcome, u64>,
    pub(super) last_delivery_at: Option<Timestamp>,
    pub(super) rejected: BTreeMap<Rejection, u64>,
    pub(super) samples: VecDeque<Sample>,
}

impl Observed {
    pub(super) fn new() -> Self {
        Self {
            started_at: Timestamp::now(),
            seen: Mutex::default(),
        }
    }

    pub(super) fn delivery(&self, receipt: &Receipt, at: Timestamp) {
        metrics::counter!("chatrace_deliveries_total", "outcome" => receipt.outcome.as_str())
            .increment(1);
        let mut seen = self.lock();
        *seen.deliveries.entry(receipt.outcome).or_default() += 1;
        seen.last_delivery_at = Some(at);
    }

    pub(super) fn rejection(&self, reason: Rejection, request: &axum::http::request::Parts) {
        let header = |name| {
            let text = request.headers.get(name)?.to_str().ok()?;
            Some(text.chars().take(SAMPLE_TEXT).collect())
        };
        let sample = Sample {
            at: Timestamp::now(),
            reason,
            method: request.method.as_str().chars().take(16).collect(),
            content_type: header(axum::http::header::CONTENT_TYPE),
            user_agent: header(axum::http::header::USER_AGENT),
        };
        tracing::warn!(
            reason = reason.as_str(),
            method = sample.method,
            user_agent = sample.user_agent.as_deref().unwrap_or_default(),
            "🚫 A request at the webhook was refused"
        );
        metrics::counter!("chatrace_rejected_total", "reason" => reason.as_str()).increment(1);
        let mut seen = self.lock();
        *seen.rejected.entry(reason).or_default() += 1;
        if seen.samples.len() == SAMPLES {
            seen.samples.pop_front();
        }
        seen.samples.push_back(sample);
    }

    pub(super) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    /// Nothing in here can be left half done, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
