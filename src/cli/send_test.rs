//! `chatrace-webhook send-test`: sends what Chatrace would send, and says what became of it.

mod samples;

use jiff::Timestamp;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::environment::{Environment, http_url};
use super::terminal::{self, Terminal, table};
use super::{Failure, Lookup};
use crate::delivery::WEBHOOK_PATH;
use crate::diagnose::Status;
use crate::http_client::{self, RequestError};
use crate::{crypto, text};
use samples::{SAMPLES, TestSample};

/// The arguments.
#[derive(Debug, Clone, clap::Args)]
pub struct SendTestArgs {
    /// Send only this sample; see `--list`.
    #[arg(long, value_name = "NAME", value_parser = samples::named)]
    shape: Option<&'static TestSample>,
    /// The service to send to [default: the one on this machine, at PORT].
    #[arg(long, value_name = "URL", value_parser = http_url)]
    url: Option<Url>,
    /// How many times each sample is sent.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
    /// List the samples, and send nothing.
    #[arg(long)]
    list: bool,
    /// Print what became of them as JSON.
    #[arg(long)]
    json: bool,
}

/// What became of one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    shape: &'static str,
    /// Whether the service keeps it.
    kept: bool,
    /// The HTTP status, if there was an answer.
    status: Option<u16>,
    outcome: Option<String>,
    delivery_id: Option<String>,
    error: Option<String>,
}

/// Sends the samples one after the other.
pub(super) async fn send_test(options: &SendTestArgs, lookup: Lookup<'_>) -> Result<(), Failure> {
    if options.list {
        list(options.json);
        return Ok(());
    }
    let known = Environment::read(lookup, "API_TOKEN");
    let base = known.base(options.url.as_ref())?;
    let url = match base.strip_suffix(WEBHOOK_PATH) {
        Some(_) => base,
        None => format!("{base}{WEBHOOK_PATH}"),
    };
    let client = http_client::client()
        .build()
        .map_err(|_| Failure::no_client())?;
    let chosen: Vec<&TestSample> = match options.shape {
        Some(sample) => vec![sample],
        None => SAMPLES.iter().collect(),
    };
    let mut sent = Vec::new();
    for _ in 0..options.count {
        for sample in &chosen {
            let secret = known.auth.webhook_secrets.first();
            sent.push(
                send(
                    &client,
                    &url,
                    secret,
                    known.meta.app_secret.as_ref(),
                    sample,
                )
                .await,
            );
        }
    }
    if options.json {
        terminal::print_json(&serde_json::json!({ "sent": sent }));
    } else {
        terminal::print(&summary(&sent, Terminal::stdout()));
    }
    if sent.iter().all(|sent| sent.kept) {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}

async fn send(
    client: &reqwest::Client,
    url: &str,
    secret: Option<&SecretString>,
    app_secret: Option<&SecretString>,
    sample: &TestSample,
) -> Sent {
    let body = sample.fresh(Timestamp::now());
    let mut request = client.post(url).header("content-type", "application/json");
    if let Some(Ok(mut secret)) = secret.map(|secret| HeaderValue::from_str(secret.expose_secret()))
    {
        secret.set_sensitive(true);
        request = request.header("x-webhook-secret", secret);
    } else if let Some(secret) = app_secret {
        request = request.header(
            "x-hub-signature-256",
            crypto::meta_signature(secret, body.as_bytes()),
        );
    }
    let mut sent = Sent {
        shape: sample.name,
        kept: false,
        status: None,
        outcome: None,
        delivery_id: None,
        error: None,
    };
    let response = match request.body(body).send().await {
        Ok(response) => response,
        Err(error) => {
            sent.error = Some(no_answer(&RequestError::from(&error)));
            return sent;
        }
    };
    let success = response.status().is_success();
    sent.status = Some(response.status().as_u16());
    let body = http_client::read_body(response).await.unwrap_or_default();
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    let field = |key: &str| answer[key].as_str().map(text::excerpt);
    sent.outcome = field("outcome");
    sent.delivery_id = field("deliveryId");
    sent.kept = success && sent.delivery_id.is_some();
    if !sent.kept {
        let foreign = "what answers is not this service: check the URL";
        sent.error = field("error").or_else(|| Some(foreign.to_owned()));
    }
    sent
}

fn no_answer(trouble: &RequestError) -> String {
    match trouble {
        RequestError::Refused => {
            "nothing listens there: start the service with `chatrace-webhook serve`".to_owned()
        }
        trouble => trouble.to_string(),
    }
}

/// What outcomes mean for whoever sends a test.
const MEANINGS: [(&[&str], &str); 4] = [
    (
        &["ignored", "quarantined"],
        "What was not stored holds no message, on purpose. The doctor tells of it as of any other delivery, until newer ones have taken its place.",
    ),
    (
        &["spooled"],
        "What is spooled waits on the service's disk, because its database is away, and is stored when that is back. The doctor says more.",
    ),
    (
        &["duplicate"],
        "A duplicate is a message that the service has already: it is not stored twice.",
    ),
    (
        &["stored"],
        "Test messages belong to the contact `send-test`; GET /instagram/messages?contactId=send-test lists them.",
    ),
];

fn summary(sent: &[Sent], terminal: Terminal) -> String {
    let mut rows = Vec::new();
    for one in sent {
        let outcome = one.outcome.clone().unwrap_or_else(|| "not kept".to_owned());
        let status = one
            .status
            .map_or("-".to_owned(), |status| status.to_string());
        let delivery = one.delivery_id.clone().unwrap_or_else(|| "-".to_owned());
        rows.push(vec![one.shape.to_owned(), status, outcome, delivery]);
    }
    let heads = ["sample", "status", "outcome", "delivery"]
        .map(str::to_owned)
        .to_vec();
    rows.insert(0, heads);
    let kept = sent.iter().filter(|sent| sent.kept).count();
    let mut text = format!("{}\n", table(&rows));
    if kept == sent.len() {
        text += &terminal.painted(Status::Ok, &format!("{kept} of {kept} kept."));
        text.push('\n');
        for (outcomes, sentence) in MEANINGS {
            let became =
                |sent: &Sent| outcomes.contains(&sent.outcome.as_deref().unwrap_or_default());
            if sent.iter().any(became) {
                text += &terminal.wrapped("", 0, sentence);
            }
        }
        return text;
    }
    text += &terminal.painted(
        Status::Problem,
        &format!("{} of {} not kept:", sent.len() - kept, sent.len()),
    );
    text.push('\n');
    let mut errors: Vec<_> = sent
        .iter()
        .filter_map(|sent| sent.error.as_deref())
        .collect();
    errors.dedup();
    for error in errors {
        text += &terminal.wrapped("  ", 2, error);
    }
    text
}

fn list(json: bool) {
    if json {
        let samples = SAMPLES.iter().map(
            |sample| serde_json::json!({ "name": sample.name, "description": sample.description }),
        );
        terminal::print_json(&samples.collect::<Vec<_>>());
        return;
    }
    let rows: Vec<_> = SAMPLES
        .iter()
        .map(|sample| vec![sample.name.to_owned(), sample.description.to_owned()])
        .collect();
    terminal::print(&table(&rows));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_holds_no_message_is_said_to_hold_none() {
        let told = |outcome: &str| {
            let sent = Sent {
                shape: "template",
                kept: true,
                status: Some(200),
                outcome: Some(outcome.to_owned()),
                delivery_id: None,
                error: None,
            };
            summary(&[sent], Terminal::stdout())
        };
        for outcome in ["ignored", "quarantined"] {
            assert!(told(outcome).contains("holds no message"), "{outcome}");
        }
        for (outcome, sentence) in [
            ("spooled", "waits on the service's disk"),
            ("duplicate", "is not stored twice"),
            ("stored", "Test messages belong to"),
        ] {
            assert!(told(outcome).contains(sentence), "{outcome}");
            assert!(!told(outcome).contains("holds no message"), "{outcome}");
        }
    }
}
