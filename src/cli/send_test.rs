//! `chatrace-webhook send-test`: sends what Chatrace would send, and shows the outcomes.

mod samples;

use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::Failure;
use super::environment::{Environment, http_url};
use super::terminal::{self, Terminal, table};
use crate::config::Variables;
use crate::delivery::WEBHOOK_PATH;
use crate::diagnose::Status;
use crate::http_client::{self, RequestError};
use crate::text;
use crate::time::Clock;
use samples::{SAMPLES, TestSample};

#[derive(Debug, Clone, clap::Args)]
pub struct SendTestArgs {
    /// Send only this sample; see `--list`.
    #[arg(long, value_name = "NAME", value_parser = samples::parser())]
    shape: Option<&'static TestSample>,
    /// The service to send to [default: the one on this machine, at PORT].
    #[arg(long, value_name = "URL", value_parser = http_url)]
    url: Option<Url>,
    /// How many times each sample is sent.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
    /// List the samples without sending anything.
    #[arg(long)]
    list: bool,
    /// Print the outcomes as JSON.
    #[arg(long)]
    json: bool,
}

/// One test message that was sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    shape: &'static str,
    /// Whether the service has kept it.
    kept: bool,
    /// The HTTP status, if there was an answer.
    status: Option<u16>,
    outcome: Option<String>,
    delivery_id: Option<String>,
    error: Option<String>,
}

/// Sends the samples one after the other.
pub(super) async fn send_test(
    options: &SendTestArgs,
    variables: &Variables,
) -> Result<(), Failure> {
    if options.list {
        list(options.json);
        return Ok(());
    }
    let known = Environment::read(variables, "API_TOKEN");
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
                    known.meta.app_secrets.first(),
                    &sample.fresh(Clock::system().now()),
                    sample.name,
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
        Err(Failure::Reported)
    }
}

async fn send(
    client: &reqwest::Client,
    url: &str,
    secret: Option<&SecretString>,
    app_secret: Option<&SecretString>,
    body: &str,
    shape: &'static str,
) -> Sent {
    let request = http_client::as_sender(client.post(url), secret, app_secret, body);
    let mut sent = Sent {
        shape,
        kept: false,
        status: None,
        outcome: None,
        delivery_id: None,
        error: None,
    };
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            sent.error = Some(explain(&RequestError::from(&error)));
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
        let foreign = "the answer is not from this service: check the URL";
        sent.error = field("error").or_else(|| Some(foreign.to_owned()));
    }
    sent
}

fn explain(error: &RequestError) -> String {
    match error {
        RequestError::Refused => {
            "nothing listens there: start the service with `chatrace-webhook serve`".to_owned()
        }
        error => error.to_string(),
    }
}

/// The meaning of outcomes, for the user of this command.
const MEANINGS: [(&[&str], &str); 4] = [
    (
        &["ignored", "quarantined"],
        "Some samples contain no message, on purpose, so they were not stored. The doctor reports them like any other delivery until newer ones have replaced them.",
    ),
    (
        &["spooled"],
        "Spooled deliveries wait on the service's disk, because its database is away. They are stored when it is available again. The doctor says more.",
    ),
    (
        &["duplicate"],
        "A duplicate is a message that is stored already. It is not stored twice.",
    ),
    (
        &["stored"],
        "Test messages belong to the contact `send-test`; GET /instagram/messages?contactId=send-test lists them.",
    ),
];

fn summary(sent: &[Sent], terminal: Terminal) -> String {
    let mut rows = vec![["sample", "status", "outcome", "delivery"].map(str::to_owned)];
    for one in sent {
        let outcome = one.outcome.clone().unwrap_or_else(|| "not kept".to_owned());
        let status = one
            .status
            .map_or("-".to_owned(), |status| status.to_string());
        let delivery = one.delivery_id.clone().unwrap_or_else(|| "-".to_owned());
        rows.push([one.shape.to_owned(), status, outcome, delivery]);
    }
    let kept = sent.iter().filter(|sent| sent.kept).count();
    let mut text = format!("{}\n", table(rows));
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
    let rows = SAMPLES.iter();
    let rows = rows.map(|sample| [sample.name, sample.description]);
    terminal::print(&table(rows));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unstored_samples_are_said_to_contain_no_message() {
        let summarized = |outcome: &str| {
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
            assert!(
                summarized(outcome).contains("contain no message"),
                "{outcome}"
            );
        }
        for (outcome, sentence) in [
            ("spooled", "wait on the service's disk"),
            ("duplicate", "is not stored twice"),
            ("stored", "Test messages belong to"),
        ] {
            assert!(summarized(outcome).contains(sentence), "{outcome}");
            assert!(
                !summarized(outcome).contains("contain no message"),
                "{outcome}"
            );
        }
    }
}
