//! Counters that begin at 0 with every label that is known: else the first event would be no increase.

use metrics::counter;

use super::super::AppState;
use crate::delivery::{Outcome, WEBHOOK_PATH};
use crate::forward::RESULTS;
use crate::message::{Direction, Kind};
use crate::rejection::RejectReason;

/// What the webhook answers.
const STATUSES: [&str; 7] = ["200", "400", "401", "405", "413", "429", "503"];

/// Announces every counter.
pub(in crate::http) fn begin_at_zero(state: &AppState) {
    for outcome in Outcome::ALL {
        counter!("chatrace_deliveries_total", "outcome" => outcome.as_str()).increment(0);
    }
    for kind in Kind::ALL {
        for direction in Direction::ALL {
            let labels = [("kind", kind.as_str()), ("direction", direction.as_str())];
            counter!("chatrace_messages_total", &labels).increment(0);
        }
    }
    for reason in RejectReason::COUNTED {
        counter!("chatrace_rejected_total", "reason" => reason.as_str()).increment(0);
    }
    for status in STATUSES {
        let labels = [
            ("route", WEBHOOK_PATH),
            ("method", "POST"),
            ("status", status),
        ];
        counter!("chatrace_http_requests_total", &labels).increment(0);
    }
    for destination in &state.config.destinations {
        for result in RESULTS {
            let labels = [
                ("destination", destination.name.clone()),
                ("result", result.to_owned()),
            ];
            counter!("chatrace_forward_attempts_total", &labels).increment(0);
        }
    }
    counter!("chatrace_drained_total").increment(0);
    counter!("chatrace_connections_evicted_total").increment(0);
    counter!("chatrace_log_lines_dropped_total").increment(0);
}
