//! Logs.

use tracing_subscriber::EnvFilter;

use super::Env;

#[derive(Debug, Clone)]
pub struct Telemetry {
    pub format: LogFormat,
    /// Whether bodies are logged, with credentials redacted.
    pub bodies: bool,
    /// Which lines are written, in the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line for each event.
    Text,
    /// One JSON object for each event.
    Json,
}

impl Telemetry {
    pub fn read(env: &mut Env<'_>) -> Self {
        let filter = env.text("RUST_LOG").unwrap_or_else(|| "info".to_owned());
        if let Err(error) = EnvFilter::try_new(&filter) {
            env.mistake(
                "RUST_LOG",
                format!(
                    "`{filter}` is not valid: {error}; expected a level, for example info or debug"
                ),
            );
        }
        Self {
            format: env
                .one_of(
                    "LOG_FORMAT",
                    &[("text", LogFormat::Text), ("json", LogFormat::Json)],
                )
                .unwrap_or(LogFormat::Text),
            bodies: env
                .one_of("LOG_BODIES", &[("true", true), ("false", false)])
                .unwrap_or(false),
            filter,
        }
    }
}
