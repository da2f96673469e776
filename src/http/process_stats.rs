//! What this process counted since it started. It can still say this while the database is away.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::request::Parts;
use axum::http::{HeaderName, header};
use jiff::Timestamp;

use super::rejections::Rejections;
use super::webhook_path;
use crate::delivery::{Outcome, Receipt};
use crate::redact::Redactor;
use crate::rejection::{RejectReason, RejectedRequest, RequestSample};
use crate::time::Clock;

/// How many rejected requests are remembered one by one.
const SAMPLES: usize = 20;
/// The longest text of a foreign header that is remembered, in characters.
const SAMPLE_TEXT: usize = 120;

/// The counts of this process. Rejected requests are also passed on to the database, so that they survive restarts and
/// are shared by replicas.
#[derive(Debug)]
pub(super) struct ProcessStats {
    pub(super) started_at: Timestamp,
    clock: Clock,
    pub(super) rejections: Rejections,
    counts: Mutex<ProcessCounts>,
    redactor: Redactor,
}

#[derive(Debug, Default, Clone)]
pub(super) struct ProcessCounts {
    pub(super) deliveries: BTreeMap<Outcome, u64>,
    pub(super) last_delivery_at: Option<Timestamp>,
    pub(super) rejected: BTreeMap<RejectReason, u64>,
    /// The last few of them, oldest first.
    pub(super) samples: VecDeque<RejectedRequest>,
    /// The newest message in the database, when it was asked last.
    last_message_at: Option<Timestamp>,
}

impl ProcessStats {
    pub(super) fn new(redactor: Redactor, rejections: Rejections, clock: Clock) -> Self {
        let started_at = clock.now();
        rejections.note(RejectedRequest::once(
            RejectReason::Started,
            started_at,
            None,
        ));
        Self {
            started_at,
            clock,
            rejections,
            counts: Mutex::default(),
            redactor,
        }
    }

    /// Counts a delivery that was kept.
    pub(super) fn count_delivery(&self, receipt: &Receipt, at: Timestamp) {
        metrics::counter!("chatrace_deliveries_total", "outcome" => receipt.outcome.as_str())
            .increment(1);
        let mut counts = self.lock();
        *counts.deliveries.entry(receipt.outcome).or_default() += 1;
        counts.last_delivery_at = counts.last_delivery_at.max(Some(at));
    }

    /// Notes a request for the diagnosis. One that the webhook itself rejects is also counted and logged. `cause` is
    /// for the log alone.
    pub(super) fn record(&self, reason: RejectReason, cause: Option<&str>, request: &Parts) {
        let sample = self.sample(request);
        let recorded = RejectedRequest::once(reason, self.clock.now(), Some(sample));
        if RejectReason::AT_WEBHOOK.contains(&reason) {
            self.count_rejection(&recorded, cause);
        }
        self.rejections.note(recorded);
    }

    fn count_rejection(&self, rejected: &RejectedRequest, cause: Option<&str>) {
        let reason = rejected.reason.as_str();
        let sample = rejected.sample.as_ref();
        tracing::warn!(
            reason,
            cause,
            method = sample.map(|sample| sample.method.as_str()),
            user_agent = sample.and_then(|sample| sample.user_agent.as_deref()),
            "🚫 A request at the webhook was rejected"
        );
        metrics::counter!("chatrace_rejected_total", "reason" => reason).increment(1);
        let mut counts = self.lock();
        *counts.rejected.entry(rejected.reason).or_default() += 1;
        if counts.samples.len() == SAMPLES {
            counts.samples.pop_front();
        }
        counts.samples.push_back(rejected.clone());
    }

    /// When the newest message arrived, given what the database says now. While it is away (`None`), its last answer.
    pub(super) fn last_message_at(&self, stored: Option<Timestamp>) -> Option<Timestamp> {
        let mut counts = self.lock();
        counts.last_message_at = counts.last_message_at.max(stored);
        counts.last_message_at
    }

    /// A request without anything that could be a credential.
    fn sample(&self, request: &Parts) -> RequestSample {
        let header = |name: HeaderName| {
            let text = request.headers.get(name)?.to_str().ok()?;
            // Cut roughly before redacting, so that a long text costs nothing, and exactly afterwards.
            let text: String = text.chars().take(4 * SAMPLE_TEXT).collect();
            Some(
                self.redactor
                    .redact(&text)
                    .chars()
                    .take(SAMPLE_TEXT)
                    .collect(),
            )
        };
        RequestSample {
            method: request.method.as_str().chars().take(16).collect(),
            path: webhook_path::shown(request.uri.path()),
            content_type: header(header::CONTENT_TYPE),
            user_agent: header(header::USER_AGENT),
        }
    }

    pub(super) fn counts(&self) -> ProcessCounts {
        self.lock().clone()
    }

    /// No update can be left half done, so a panic elsewhere does not spoil the counts.
    fn lock(&self) -> MutexGuard<'_, ProcessCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
