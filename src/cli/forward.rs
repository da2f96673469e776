//! `chatrace-webhook forward`: how forwarding goes, and what can be done about it. A running service does it, but for
//! the test, which is sent from here.

use std::fmt::Write as _;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Failure;
use super::service::{Service, ServiceArgs};
use super::terminal::{self, table};
use crate::alerts::send_test_alert;
use crate::config::{Config, Destination, Variables};
use crate::filter::{Moment, parse_moment};
use crate::forward::{SampleAttempt, send_sample};
use crate::i18n::Text;
use crate::text::one_line;
use crate::time::{Clock, millis};

#[derive(Debug, Clone, Args)]
pub struct ForwardArgs {
    #[command(subcommand)]
    action: ForwardAction,
    #[command(flatten)]
    service: ServiceArgs,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Clone, Subcommand)]
enum ForwardAction {
    /// Show every destination: whether it accepts, what waits, what it refused.
    Status,
    /// Send one signed sample, and show the request, the answer and the time; exit code 1 if it is not accepted.
    Test(TestArgs),
    /// Forward once more what a destination has had already, under the same ids.
    Replay(ReplayArgs),
    /// Try dead letters again.
    Retry(DestinationArg),
    /// Stop forwarding until it is resumed. What arrives meanwhile waits.
    Pause(DestinationArg),
    /// Forward again.
    Resume(DestinationArg),
    /// Forget a destination that is not configured any more.
    Forget(DestinationArg),
}

#[derive(Debug, Clone, Args)]
struct DestinationArg {
    /// The name of the destination: that of `FORWARD_URL` is `default`.
    #[arg(default_value = "default")]
    name: String,
}

#[derive(Debug, Clone, Args)]
struct TestArgs {
    #[command(flatten)]
    destination: DestinationArg,
    /// Send an alert to `ALERT_URL` instead.
    #[arg(long, conflicts_with = "name")]
    alert: bool,
}

#[derive(Debug, Clone, Args)]
struct ReplayArgs {
    #[command(flatten)]
    destination: DestinationArg,
    /// What arrived at this time or later: 2026-07-09T14:56:00Z, a date (its beginning in UTC), or how long ago (12h,
    /// 7d).
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    since: Option<Moment>,
    /// What arrived before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    until: Option<Moment>,
    /// Messages of this person.
    #[arg(long, value_name = "ID")]
    contact_id: Option<String>,
    /// These messages, or deliveries where whole deliveries are relayed: ids with commas between.
    #[arg(long, value_name = "IDS", value_delimiter = ',', conflicts_with_all = ["since", "until", "contact_id"])]
    ids: Option<Vec<Uuid>>,
    /// Only count.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn forward(arguments: ForwardArgs, variables: &Variables) -> Result<(), Failure> {
    let is_json = arguments.json;
    if let ForwardAction::Test(arguments) = &arguments.action {
        return test(arguments, is_json, &Config::read(variables)?).await;
    }
    let service = Service::find(arguments.service, variables)?;
    let post = async |name: &str, what: &str, body: Value| {
        let path = format!("/instagram/destinations/{}/{what}", escaped(name));
        service.ask_with(Method::POST, &path, Some(&body)).await
    };
    let (answer, sentence): (Value, String) = match &arguments.action {
        ForwardAction::Test(_) => return Ok(()),
        ForwardAction::Status => {
            let answer = service.ask(Method::GET, "/instagram/destinations").await?;
            let sentence = status(&answer);
            (answer, sentence)
        }
        ForwardAction::Replay(replay) => {
            let name = &replay.destination.name;
            let now = Clock::system().now();
            let time = |moment: Option<Moment>| moment.map(|moment| moment.resolve(now));
            let body = json!({
                "since": time(replay.since), "until": time(replay.until), "contactId": replay.contact_id,
                "ids": replay.ids, "dryRun": replay.dry_run
            });
            let answer: Value = post(name, "replay", without_nulls(body)).await?;
            let more = if answer["isMore"] == true {
                "more than "
            } else {
                ""
            };
            let verb = if replay.dry_run {
                "would be forwarded"
            } else {
                "are forwarded"
            };
            let count = one_line(&answer["count"].to_string()).into_owned();
            let sentence = format!("{more}{count} {verb} to {name} once more\n");
            (answer, sentence)
        }
        ForwardAction::Retry(destination) => {
            let answer: Value = post(&destination.name, "retry", json!({})).await?;
            let revived = one_line(&answer["revived"].to_string()).into_owned();
            let sentence = format!("{revived} dead letters are tried again\n");
            (answer, sentence)
        }
        ForwardAction::Pause(destination) => {
            let answer = post(&destination.name, "pause", json!({})).await?;
            (answer, format!("{} is paused\n", destination.name))
        }
        ForwardAction::Resume(destination) => {
            let answer = post(&destination.name, "resume", json!({})).await?;
            (answer, format!("{} is resumed\n", destination.name))
        }
        ForwardAction::Forget(destination) => {
            let path = format!("/instagram/destinations/{}", escaped(&destination.name));
            let answer = service.ask(Method::DELETE, &path).await?;
            (answer, format!("{} is forgotten\n", destination.name))
        }
    };
    if is_json {
        terminal::print_json(&answer);
        return Ok(());
    }
    terminal::write(&sentence).context("cannot write to standard output")?;
    Ok(())
}

fn escaped(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

/// One line for each destination, and the last failure of those that have one.
fn status(answer: &Value) -> String {
    let all = answer["destinations"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if all.is_empty() {
        return "There is no destination: set FORWARD_URL. See docs/forwarding.md.\n".to_owned();
    }
    let heading = [
        "NAME",
        "HOST",
        "STATE",
        "WAITING",
        "RETRIES",
        "DEAD",
        "FORWARDED",
    ];
    let mut rows = vec![heading.map(str::to_owned)];
    let mut notes = String::new();
    for one in &all {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            other => other.to_string(),
        };
        let more = if one["backlog"]["isMore"] == true {
            "+"
        } else {
            ""
        };
        rows.push([
            text(&one["name"]),
            text(&one["host"]),
            text(&one["state"]),
            format!("{}{more}", one["backlog"]["count"]),
            text(&one["retries"]["waiting"]),
            text(&one["retries"]["deadLetters"]),
            text(&one["forwarded"]),
        ]);
        if one["state"] != "up" {
            let since = one["pausedAt"].as_str().or(one["failingSince"].as_str());
            let why = one["pauseReason"]
                .as_str()
                .or(one["lastFailure"]["problem"].as_str());
            if let (Some(since), Some(why)) = (since, why) {
                let line = format!("{}: {why}, since {since}", text(&one["name"]));
                writeln!(notes, "{}", one_line(&line)).ok();
            }
        }
    }
    format!("{}{notes}", table(rows))
}

/// Sends a sample to a destination of this environment, or to where its alerts go.
async fn test(arguments: &TestArgs, is_json: bool, config: &Config) -> Result<(), Failure> {
    let (destination, sample) = if arguments.alert {
        let Some(target) = &config.alerts else {
            return Err(Failure::CannotRun(Text::new("alert-url-unset")));
        };
        let sample = send_test_alert(target, config.secrets(), Clock::system()).await?;
        (&target.destination, sample)
    } else {
        let destination = configured(&arguments.destination.name, config)?;
        let sample = send_sample(destination, config.secrets(), Clock::system()).await?;
        (destination, sample)
    };
    show(destination, &sample, is_json)
}

fn configured<'a>(name: &str, config: &'a Config) -> Result<&'a Destination, Failure> {
    let destination = config.destinations.iter().find(|one| one.name == name);
    destination.ok_or_else(|| {
        let names: Vec<_> = config.destinations.iter().map(|one| &*one.name).collect();
        let all = if names.is_empty() {
            "set FORWARD_URL".to_owned()
        } else {
            format!("there are: {}", names.join(", "))
        };
        let problem = format!("no destination `{name}` is configured: {all}");
        Failure::CannotRun(problem.into())
    })
}

/// Prints what was sent and what came of it.
fn show(destination: &Destination, sample: &SampleAttempt, is_json: bool) -> Result<(), Failure> {
    let took = sample.took.as_millis();
    let failure = sample.result.as_ref().err();
    if is_json {
        terminal::print_json(&json!({
            "destination": destination.name,
            "accepted": failure.is_none(),
            "status": sample.result.as_ref().ok().copied().or(failure.and_then(|failure| failure.status)),
            "problem": failure.map(|failure| &failure.problem),
            "answer": failure.and_then(|failure| failure.answer.as_ref()),
            "milliseconds": u64::try_from(took).unwrap_or(u64::MAX),
            "sentAt": millis::format(Clock::system().now()),
        }));
    } else {
        let mut text = format!("{} to {}\n", sample.method, destination.host());
        for (name, value) in &sample.headers {
            writeln!(text, "  {name}: {}", one_line(value)).ok();
        }
        writeln!(text, "\n  {}\n", one_line(&sample.body)).ok();
        match &sample.result {
            Ok(status) => writeln!(text, "accepted with {status} after {took} ms").ok(),
            Err(failure) => {
                writeln!(text, "not accepted after {took} ms: {}", failure.problem).ok();
                let answer = failure.answer.as_deref().unwrap_or_default();
                writeln!(text, "  {}", one_line(answer)).ok()
            }
        };
        terminal::write(&text).context("cannot write to standard output")?;
    }
    if failure.is_some() {
        return Err(Failure::Reported);
    }
    Ok(())
}
