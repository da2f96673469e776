//! Logs on standard output, and the recorder of metrics.

mod descriptions;
mod log;
pub(crate) mod traces;

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
    let is_coloured = stdout().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(telemetry))
        .with_target(false)
        .with_ansi(is_coloured)
        .with_writer(move || LogWriter {
            buffer: &LOG,
            is_coloured,
        })
        // The reader of the log may be gone: an error message to a closed pipe would panic.
        .log_internal_errors(false);
    let (started, set): (_, SetFilter) = match telemetry.format {
        LogFormat::Text => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            let set = move |filter| drop(handle.reload(filter));
            (builder.try_init(), Box::new(set))
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            let set = move |filter| drop(handle.reload(filter));
            (builder.try_init(), Box::new(set))
        }
    };
    // A second call, in tests, changes nothing.
    if started.is_ok() {
        SET_FILTER.set(set).ok();
        let thread = thread::Builder::new().name("log".to_owned());
        thread.spawn(|| LOG.write_to(stdout()))?;
    }
    Ok(LogGuard)
}

type SetFilter = Box<dyn Fn(EnvFilter) + Send + Sync>;

static SET_FILTER: OnceLock<SetFilter> = OnceLock::new();

fn filter(telemetry: &Telemetry) -> EnvFilter {
    // The configuration has checked it.
    EnvFilter::try_new(&telemetry.filter).unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Changes which lines are written from now on.
pub fn set_filter(telemetry: &Telemetry) {
    if let Some(set) = SET_FILTER.get() {
        set(filter(telemetry));
    }
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
    for (name, text) in descriptions::COUNTERS {
        metrics::describe_counter!(*name, *text);
    }
    for (name, text) in descriptions::GAUGES {
        metrics::describe_gauge!(*name, *text);
    }
    for (name, text) in descriptions::HISTOGRAMS {
        metrics::describe_histogram!(*name, *text);
    }
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
