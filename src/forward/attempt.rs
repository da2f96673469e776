//! One attempt to hand an event to its destination.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use url::Url;

use super::event::Event;
use crate::config::Destination;
use crate::crypto;
use crate::http_client::{self, AnswerError, RequestError};
use crate::redact::Redactor;
use crate::store::AttemptFailure;
use crate::telemetry::traces::TraceSpan;
use crate::text::excerpt;
use crate::time::Clock;

/// What an attempt may come to, as the metrics have it.
pub(crate) const RESULTS: [&str; 5] = ["accepted", "3xx", "4xx", "5xx", "no_answer"];

/// How much is shown of the answer of an attempt that failed, in bytes.
const SHOWN: usize = 500;
/// The longest pause that a destination may ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// An attempt that failed.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub(crate) failure: AttemptFailure,
    /// How long the destination asks to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// It says that it is gone for good.
    pub(super) is_gone: bool,
}

/// Makes attempts at one destination.
#[derive(Debug)]
pub(crate) struct AttemptClient {
    client: Client,
    destination: Arc<Destination>,
    url: Url,
    keys: Vec<Vec<u8>>,
    redactor: Redactor,
    clock: Clock,
    /// Ticks when the next attempt may begin.
    pace: Option<Mutex<Interval>>,
}

impl AttemptClient {
    /// # Errors
    /// When this machine has no CA certificates.
    pub(crate) fn new(
        destination: Arc<Destination>,
        redactor: Redactor,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let url: Url = destination.url.expose_secret().parse()?;
        let mut client = http_client::client().timeout(destination.timeout);
        if url.scheme() == "http" {
            // Without TLS no certificates are needed.
            client = client.tls_certs_only([]);
        }
        let client = client.build().with_context(|| {
            format!(
                "cannot forward to `{}`: no CA certificates found; install the package ca-certificates",
                destination.name
            )
        })?;
        let secrets = destination.secrets.iter();
        let pace = destination.rate.map(|rate| {
            let mut pace = interval(Duration::from_secs(1) / rate);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Mutex::new(pace)
        });
        Ok(Self {
            client,
            url,
            keys: secrets
                .filter_map(|secret| crypto::webhook_key(secret.expose_secret()))
                .collect(),
            redactor,
            clock,
            pace,
            destination,
        })
    }

    /// Sends an event. Only an answer with a status 2xx that arrives whole means that it is accepted.
    pub(crate) async fn attempt(&self, event: &Event) -> Result<StatusCode, Failed> {
        if let Some(pace) = &self.pace {
            pace.lock().await.tick().await;
        }
        let began = Instant::now();
        let name = self.destination.name.clone();
        let mut headers = self.headers(event, self.clock.now().as_second());
        let trace = TraceSpan::of_attempt(&name, &event.id.to_string(), &mut headers);
        let result = match self.send(event, headers).await {
            Ok(response) => self.judge(response).await,
            Err(error) => Err(self.failed(None, &RequestError::from(&error).to_string(), None)),
        };
        let status = match &result {
            Ok(status) => Some(status.as_u16()),
            Err(failed) => failed.failure.status,
        };
        trace.end(status, result.is_err());
        let word = match &result {
            Ok(_) => "accepted".to_owned(),
            Err(failed) => match failed.failure.status {
                Some(status) => format!("{}xx", status / 100),
                None => "no_answer".to_owned(),
            },
        };
        metrics::counter!("chatrace_forward_attempts_total", "destination" => name.clone(), "result" => word)
            .increment(1);
        metrics::histogram!("chatrace_forward_attempt_seconds", "destination" => name.clone())
            .record(began.elapsed().as_secs_f64());
        if result.is_ok() {
            let age = self.clock.now().duration_since(event.received_at);
            metrics::histogram!("chatrace_forward_age_seconds", "destination" => name)
                .record(age.as_secs_f64().max(0.0));
        }
        result
    }

    /// The headers of an attempt at this time.
    pub(super) fn headers(&self, event: &Event, timestamp: i64) -> HeaderMap {
        let id = event.id.to_string();
        let mut headers = event.headers.clone();
        for (name, value) in &self.destination.headers {
            headers.insert(name, value.clone());
        }
        let mut set = |name, text: &str| {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        };
        set("webhook-id", &id);
        set("webhook-timestamp", &timestamp.to_string());
        if !self.keys.is_empty() {
            let keys = self.keys.iter();
            let signatures: Vec<_> = keys
                .map(|key| crypto::webhook_signature(key, &id, timestamp, &event.body))
                .collect();
            set("webhook-signature", &signatures.join(" "));
        }
        headers
    }

    async fn send(&self, event: &Event, headers: HeaderMap) -> Result<Response, reqwest::Error> {
        let mut url = self.url.clone();
        if let Some(query) = &event.query {
            let both = match url.query() {
                Some(own) => format!("{own}&{query}"),
                None => query.clone(),
            };
            url.set_query(Some(&both));
        }
        self.client
            .request(event.method.clone(), url)
            .headers(headers)
            .body(event.body.clone())
            .send()
            .await
    }

    async fn judge(&self, response: Response) -> Result<StatusCode, Failed> {
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| self.pause(value.to_str().ok()?));
        let body = http_client::read_body(response).await;
        if status.is_success() {
            return match body {
                Ok(_) | Err(AnswerError::TooLarge) => Ok(status),
                Err(AnswerError::Incomplete(error)) => {
                    let problem = format!("its answer was cut off: {error}");
                    Err(self.failed(Some(status), &problem, None))
                }
            };
        }
        let problem = if status.is_redirection() {
            format!("it answers {status}: enter the final URL, redirects are not followed")
        } else {
            format!("it answers {status}")
        };
        let answer = body.ok().filter(|body| !body.is_empty()).map(|body| {
            // A credential may reach beyond what is shown.
            let whole = self.redactor.redact(&String::from_utf8_lossy(&body));
            let end = whole.floor_char_boundary(SHOWN.min(whole.len()));
            whole[..end].to_owned()
        });
        let mut failed = self.failed(Some(status), &problem, answer);
        failed.retry_after = retry_after;
        failed.is_gone = status == StatusCode::GONE;
        Err(failed)
    }

    fn failed(&self, status: Option<StatusCode>, problem: &str, answer: Option<String>) -> Failed {
        Failed {
            failure: AttemptFailure {
                at: self.clock.now(),
                status: status.map(|status| status.as_u16()),
                problem: excerpt(problem),
                answer,
            },
            retry_after: None,
            is_gone: false,
        }
    }

    /// The pause in `Retry-After`: seconds, or a date.
    fn pause(&self, value: &str) -> Option<Duration> {
        let pause = if let Ok(seconds) = value.trim().parse::<u64>() {
            Duration::from_secs(seconds)
        } else {
            let date = jiff::fmt::rfc2822::parse(value.trim()).ok()?;
            let pause = date.timestamp().duration_since(self.clock.now());
            Duration::try_from(pause).unwrap_or_default()
        };
        Some(pause.min(LONGEST_PAUSE))
    }
}
