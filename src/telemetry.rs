//! Logs on standard output, and the recorder of metrics.

mod log;

use std::io::{self, IsTerminal as _, stdout};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Telemetry};
use crate::text::printable;
use log::{LogBuffer, LogWriter};

static LOG: LogBuffer = LogBuffer::new();

/// Writes what waits when dropped.
#[derive(Debug)]
#[must_use = "lines that wait at the end of the process are lost without it"]
pub struct LogGuard;

impl Drop for LogGuard {
    fn drop(&mut self) {
        LOG.flush();
    }
}

/// Starts logging. Called once, before anything that logs.
///
/// # Errors
/// When no thread can be started.
pub fn init(telemetry: &Telemetry) -> io::Result<LogGuard> {
    // The configuration has checked the filter.
    let filter = EnvFilter::try_new(&telemetry.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let is_coloured = stdout().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(is_coloured)
        .with_writer(move || LogWriter {
            buffer: &LOG,
            is_coloured,
        })
        // The reader of the log may be gone: an error message to a closed pipe would panic.
        .log_internal_errors(false);
    let started = match telemetry.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // A second call, in tests, changes nothing.
    if started.is_ok() {
        let thread = thread::Builder::new().name("log".to_owned());
        thread.spawn(|| LOG.write_to(stdout()))?;
    }
    Ok(LogGuard)
}

/// Prints text in the order of the log lines.
pub fn print(text: &str) {
    LOG.add(printable(text).as_bytes());
}

/// How often the recorder compacts its histograms.
const COMPACT_INTERVAL: Duration = Duration::from_secs(5);
/// Upper bounds of durations, in seconds.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Upper bounds of the number of deliveries in a commit.
const BATCHES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];

/// The recorder of this process, installed at the first call. `None` if another one is installed already.
pub fn metrics() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER.get_or_init(install).as_ref()
}

fn install() -> Option<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(
                Matcher::Full("chatrace_commit_deliveries".to_owned()),
                BATCHES,
            )
        });
    let handle = builder.and_then(PrometheusBuilder::install_recorder).ok()?;
    describe();
    Some(handle)
}

fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!(
        "chatrace_deliveries_total",
        "Deliveries kept by this process, by outcome."
    );
    describe_counter!(
        "chatrace_messages_total",
        "New messages stored by this process, by kind and direction."
    );
    describe_counter!(
        "chatrace_rejected_total",
        "Requests at the webhook that were refused, by reason."
    );
    describe_counter!(
        "chatrace_drained_total",
        "Deliveries moved from the spool into the database."
    );
    describe_counter!(
        "chatrace_http_requests_total",
        "Requests by route, method and status."
    );
    describe_histogram!(
        "chatrace_http_request_seconds",
        "Time to the answer, by route."
    );
    describe_histogram!("chatrace_commit_seconds", "Time to keep one batch.");
    describe_histogram!("chatrace_commit_deliveries", "Deliveries in one batch.");
    describe_gauge!(
        "chatrace_queue_deliveries",
        "Deliveries that wait for the writer."
    );
    describe_gauge!(
        "chatrace_spool_deliveries",
        "Deliveries that wait on local disk for the database."
    );
    describe_gauge!(
        "chatrace_spool_oldest_age_seconds",
        "Age of the delivery that waits longest in the spool."
    );
    describe_gauge!(
        "chatrace_last_delivery_timestamp_seconds",
        "Arrival of this process's last delivery."
    );
    describe_gauge!(
        "chatrace_last_message_age_seconds",
        "Time since the last message arrived, at any replica."
    );
    describe_gauge!("chatrace_start_timestamp_seconds", "Start of this process.");
    describe_counter!(
        "chatrace_connections_evicted_total",
        "Connections that were ended because others needed their places."
    );
    describe_counter!(
        "chatrace_forward_attempts_total",
        "Attempts to forward, by destination and result."
    );
    describe_histogram!(
        "chatrace_forward_attempt_seconds",
        "Time to the answer of a destination."
    );
    describe_histogram!(
        "chatrace_forward_age_seconds",
        "Time from the arrival of a message until a destination accepted it."
    );
    describe_gauge!(
        "chatrace_forward_up",
        "Whether a destination accepts what is forwarded: 1, or 0."
    );
    describe_gauge!(
        "chatrace_forward_backlog",
        "What waits for a destination, counted up to 100,000."
    );
    describe_gauge!(
        "chatrace_forward_lag_seconds",
        "How long the oldest of what waits for a destination has waited."
    );
    describe_gauge!(
        "chatrace_forward_retries",
        "What a destination refused and gets again."
    );
    describe_gauge!(
        "chatrace_forward_dead_letters",
        "What a destination refused and does not get any more."
    );
    describe_gauge!(
        "chatrace_forward_expired",
        "What retention deleted before a destination got it, of all time."
    );
    describe_counter!(
        "chatrace_log_lines_dropped_total",
        "Log lines that were dropped, because nobody read the log."
    );
}

/// Keeps the recorder's memory bounded while nobody reads the metrics.
pub async fn compact_metrics() {
    let Some(recorder) = metrics() else {
        return std::future::pending().await;
    };
    let mut ticks = tokio::time::interval(COMPACT_INTERVAL);
    loop {
        ticks.tick().await;
        recorder.run_upkeep();
    }
}
