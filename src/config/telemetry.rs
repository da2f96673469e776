//! Logs.

use tracing_subscriber::EnvFilter;

use super::Env;
use crate::i18n::Text;

#[derive(Debug, Clone)]
pub struct Telemetry {
    pub format: LogFormat,
    /// Whether bodies are logged, with credentials redacted.
    pub bodies: bool,
    /// Which lines are written, in the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// Where traces are sent to, if they are.
    pub otlp_endpoint: Option<url::Url>,
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
        // The parser of filters panics at some letters that are no ASCII.
        let problem = if filter.is_ascii() {
            EnvFilter::try_new(&filter)
                .err()
                .map(|error| Text::Words(error.to_string()))
        } else {
            Some(Text::new("only-ascii"))
        };
        if let Some(cause) = problem {
            let problem = Text::new("config-log-filter").with("value", filter.as_str());
            env.mistake("RUST_LOG", problem.with("cause", cause));
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
            otlp_endpoint: env.http_url("OTEL_EXPORTER_OTLP_ENDPOINT"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_not_ascii_is_a_mistake_and_no_panic() {
        let variables = [("RUST_LOG", "a` whose `X- `F_\u{49b}wwwURL<h\u{49b}=pw")];
        let variables = variables.into_iter().collect();
        let mut env = Env::new(&variables);
        Telemetry::read(&mut env);
        assert_eq!(env.into_errors().len(), 1);
    }
}
