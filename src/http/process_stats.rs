//! What this process counted since it started. It can still say this while the database is away.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::http::request::Parts;
use axum::http::{HeaderName, header};
use jiff::Timestamp;
use tokio::time::sleep;

use super::rejections::Rejections;
use super::webhook_path;
use crate::delivery::{Outcome, Receipt};
use crate::redact::Redactor;
use crate::rejection::{RejectReason, RejectedRequest, RequestSample};
use crate::time::Clock;

/// How many rejected requests are remembered one by one.
const SAMPLES: usize = 20;
/// How long rejected requests are summed up before the log says how many there were.
const LOG_INTERVAL: Duration = Duration::from_secs(1);
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
    /// How many requests were rejected for a reason since the last line in the log about it, a moment ago.
    unlogged: Arc<Mutex<BTreeMap<RejectReason, u64>>>,
    redactor: ArcSwap<Redactor>,
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
            unlogged: Arc::default(),
            redactor: ArcSwap::from_pointee(redactor),
        }
    }

    /// Has other secrets removed from what is noted from now on.
    pub(super) fn replace_redactor(&self, redactor: Redactor) {
        self.redactor.store(Arc::new(redactor));
    }

    /// Counts a delivery that was kept.
    pub(super) fn count_delivery(&self, receipt: &Receipt, at: Timestamp) {
        metrics::counter!("chatrace_deliveries_total", "outcome" => receipt.outcome.as_str())
            .increment(1);
        let mut counts = self.lock();
        *counts.deliveries.entry(receipt.outcome).or_default() += 1;
        counts.last_delivery_at = counts.last_delivery_at.max(Some(at));
    }

    /// Notes a request for the diagnosis. One of [`RejectReason::COUNTED`] is also counted and logged. `cause` is for
    /// the log alone.
    pub(super) fn record(&self, reason: RejectReason, cause: Option<&str>, request: &Parts) {
        let sample = self.sample(request);
        let recorded = RejectedRequest::once(reason, self.clock.now(), Some(sample));
        if RejectReason::COUNTED.contains(&reason) {
            if self.may_log(reason) {
                log(&recorded, cause);
            }
            self.count_rejection(reason);
            let mut counts = self.lock();
            if counts.samples.len() == SAMPLES {
                counts.samples.pop_front();
            }
            counts.samples.push_back(recorded.clone());
        }
        self.rejections.note(recorded);
    }

    /// Notes one request of many that an address sends without a valid credential: as cheaply as possible, so without
    /// a sample.
    pub(super) fn record_limited(&self, reason: RejectReason) {
        let recorded = RejectedRequest::once(reason, self.clock.now(), None);
        if self.may_log(reason) {
            log(&recorded, None);
        }
        self.count_rejection(reason);
        self.rejections.note(recorded);
    }

    fn count_rejection(&self, reason: RejectReason) {
        metrics::counter!("chatrace_rejected_total", "reason" => reason.as_str()).increment(1);
        *self.lock().rejected.entry(reason).or_default() += 1;
    }

    /// Whether a rejected request may have a line of its own in the log. Those that follow within a second are summed
    /// up in one.
    pub(super) fn may_log(&self, reason: RejectReason) -> bool {
        let unlogged = self.unlogged.clone();
        match lock(&unlogged).entry(reason) {
            Entry::Occupied(mut more) => {
                *more.get_mut() += 1;
                return false;
            }
            Entry::Vacant(none) => *none.insert(0),
        };
        tokio::spawn(async move {
            sleep(LOG_INTERVAL).await;
            let more = lock(&unlogged).remove(&reason).unwrap_or_default();
            if more > 0 {
                let reason = reason.as_str();
                tracing::warn!(reason, more, "🚫 More requests were rejected");
            }
        });
        true
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
                    .load()
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

    fn lock(&self) -> MutexGuard<'_, ProcessCounts> {
        lock(&self.counts)
    }
}

fn log(rejected: &RejectedRequest, cause: Option<&str>) {
    let reason = rejected.reason.as_str();
    let sample = rejected.sample.as_ref();
    let method = sample.map(|sample| sample.method.as_str());
    let user_agent = sample.and_then(|sample| sample.user_agent.as_deref());
    if rejected.reason == RejectReason::Token {
        tracing::warn!(
            reason,
            method,
            user_agent,
            "🚫 A request without a valid token was refused"
        );
    } else {
        tracing::warn!(
            reason,
            cause,
            method,
            user_agent,
            "🚫 A request at the webhook was rejected"
        );
    }
}

/// No update can be left half done, so a panic elsewhere does not spoil the counts.
fn lock<T>(counts: &Mutex<T>) -> MutexGuard<'_, T> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}
