//! Logs, on standard output.

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Telemetry};

/// Starts logging. Called once, before anything that logs.
pub fn init(telemetry: &Telemetry) {
    // The configuration has checked the filter; sqlx logs its own errors at levels that are meant for applications.
    let filter = EnvFilter::try_new(&telemetry.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false);
    // A second call, in tests, is harmless.
    let _ = match telemetry.format {
        LogFormat::Text => builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stdout()))
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
