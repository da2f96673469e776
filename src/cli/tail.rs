//! `chatrace-webhook tail`: follows a running service in the terminal.

mod hand_over;
mod line;

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use jiff::tz::TimeZone;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};
use url::Url;

use super::Failure;
use super::environment::http_url;
use super::message_filter_args::MessageFilterArgs;
use super::service::{Service, ServiceArgs};
use super::terminal;
use crate::config::{Env, Variables};
use crate::http_client::RequestError;
use crate::i18n::{Argument, Text};
use crate::text::one_line;
use crate::time::Clock;
use hand_over::HandOver;

/// How long the service is asked to wait for a message.
const WAIT: Duration = Duration::from_secs(25);
/// How much longer an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// The first and the longest pause before a service that did not answer is asked again.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The cursor of readers who want only new messages.
const LATEST: &str = "latest";

#[derive(Debug, Clone, Args)]
pub struct TailArgs {
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Print each message as one line of JSON, exactly as the API gives it.
    #[arg(long)]
    pub json: bool,
    /// Continue at the cursor in this file, and update it.
    ///
    /// The file is created if it does not exist. It is updated when the messages are printed: a program that reads
    /// them from a pipe may not have processed them yet, and loses them if it crashes.
    #[arg(long, value_name = "FILE")]
    pub cursor_file: Option<PathBuf>,
    /// Post each message to a handler, as a destination gets it, and show its answer.
    ///
    /// It is signed with the first `FORWARD_SECRET`, if that is set. A handler that is not there is waited for.
    #[arg(long, value_name = "URL", value_parser = http_url, conflicts_with = "exec")]
    pub forward_to: Option<Url>,
    /// Run a command for each message, which gets it as one line of JSON on its standard input.
    ///
    /// If the command does not end with 0, this one ends, and the cursor in the file stays before the message.
    #[arg(long, value_name = "CMD")]
    pub exec: Option<String>,
    #[command(flatten)]
    pub filter: MessageFilterArgs,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessagesAnswer {
    messages: Vec<Value>,
    next_cursor: String,
    caught_up: bool,
}

/// Why there is no answer.
enum TailError {
    /// Trying again may help.
    Temporary(Text),
    Permanent(Text),
}

/// Follows until a signal arrives, with exit code 0.
pub(super) async fn tail(arguments: TailArgs, variables: &Variables) -> Result<(), Failure> {
    let service = Service::find(arguments.service.clone(), variables)?;
    let secrets = Env::new(variables).keys("FORWARD_SECRET");
    let hand_over = match (&arguments.forward_to, &arguments.exec) {
        (Some(url), _) => HandOver::to_handler(url.clone(), secrets.first())?,
        (None, Some(command)) => HandOver::Run(command.clone()),
        (None, None) => HandOver::Print,
    };
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    tokio::select! {
        ended = follow(&service, &arguments, &hand_over) => ended,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

async fn follow(
    service: &Service,
    arguments: &TailArgs,
    hand_over: &HandOver,
) -> Result<(), Failure> {
    let file = arguments.cursor_file.as_deref();
    let mut cursor = match file.map(read_cursor).transpose()?.flatten() {
        Some(cursor) => cursor,
        // `--since` asks for older messages.
        None if arguments.filter.since.is_some() => String::new(),
        None => LATEST.to_owned(),
    };
    // How long ago is counted from the start.
    let filter = arguments.filter.parameters(Clock::system().now());
    let zone = TimeZone::system();
    if !arguments.json && !hand_over.is_command() {
        terminal::say_text(&zone_in_words(&zone));
    }
    let mut pause = None;
    loop {
        let asked = Instant::now();
        let waits = cursor != LATEST;
        let page = match ask(service, &filter, &cursor).await {
            Ok(page) => page,
            Err(TailError::Permanent(sentence)) => return Err(anyhow::Error::msg(sentence).into()),
            Err(TailError::Temporary(sentence)) => {
                let now = pause.unwrap_or(PAUSES.0);
                let again = Text::new("tail-trying-again").with("problem", sentence);
                terminal::say_text(&again.with("seconds", now.as_secs()));
                sleep(now).await;
                pause = Some((now * 2).min(PAUSES.1));
                continue;
            }
        };
        if pause.take().is_some() {
            let again = Text::new("tail-answers-again").with("url", service.base());
            terminal::say_text(&again);
        }
        match take(&page, arguments, hand_over, &zone).await {
            // The reader has closed the pipe.
            Err(error) if is_broken_pipe(&error) => return Ok(()),
            taken => taken?,
        }
        let moved = page.next_cursor != cursor;
        cursor = page.next_cursor;
        if let (Some(file), true) = (file, moved) {
            write_cursor(file, &cursor).with_context(|| about_file("file-unwritable", file))?;
        }
        // A service that is stopping answers without waiting.
        let idle = page.messages.is_empty() && page.caught_up;
        if waits && idle && asked.elapsed() < PAUSES.0 {
            sleep(PAUSES.0).await;
        }
    }
}

async fn ask(
    service: &Service,
    filter: &[(&'static str, String)],
    cursor: &str,
) -> Result<MessagesAnswer, TailError> {
    let mut parameters = filter.to_vec();
    parameters.push(("after", cursor.to_owned()));
    // The first request only gets the end of the list, so that the cursor is stored before the first message.
    if cursor != LATEST {
        parameters.push(("wait", WAIT.as_secs().to_string()));
    }
    let request = service
        .request(Method::GET, "/instagram/messages")
        .query(&parameters)
        .timeout(WAIT + ANSWER_TIMEOUT);
    let temporary = |error: reqwest::Error| {
        let cause = RequestError::from(&error).text();
        let sentence = Text::new("service-does-not-answer").with("url", service.base());
        TailError::Temporary(sentence.with("cause", cause))
    };
    let response = request.send().await.map_err(temporary)?;
    let status = response.status();
    let body = response.bytes().await.map_err(temporary)?;
    if status == StatusCode::OK {
        let answer: Option<MessagesAnswer> = serde_json::from_slice(&body).ok();
        let ours = answer.filter(|answer| is_cursor(&answer.next_cursor));
        return ours.ok_or_else(|| {
            TailError::Permanent(Text::new("answer-is-foreign").with("url", service.base()))
        });
    }
    let answer: Option<Value> = serde_json::from_slice(&body).ok();
    let sentence = answer.as_ref().and_then(|answer| answer["error"].as_str());
    let reason = match sentence {
        Some(sentence) => Argument::from(&*one_line(sentence)),
        None => Text::new("no-reason-given").into(),
    };
    let sentence = Text::new("service-says")
        .with("url", service.base())
        .with("status", status.as_u16())
        .with("reason", reason);
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        Err(TailError::Temporary(sentence))
    } else {
        Err(TailError::Permanent(sentence))
    }
}

/// Prints a page, and hands its messages over one by one: then the cursor follows each of them.
async fn take(
    page: &MessagesAnswer,
    arguments: &TailArgs,
    hand_over: &HandOver,
    zone: &TimeZone,
) -> anyhow::Result<()> {
    let colour = terminal::is_coloured();
    let line = |message| {
        if arguments.json {
            line::json(message)
        } else {
            line::readable(message, zone, colour)
        }
    };
    if let HandOver::Print = hand_over {
        let lines = page.messages.iter().map(|message| line(message) + "\n");
        return Ok(terminal::write(&lines.collect::<String>())?);
    }
    for message in &page.messages {
        if !hand_over.is_command() {
            terminal::write(&(line(message) + "\n"))?;
        }
        if let Some(answer) = hand_over.hand_over(message).await? {
            terminal::write(&(answer + "\n"))?;
        }
        if let (Some(file), Some(position)) = (&arguments.cursor_file, message["position"].as_i64())
        {
            write_cursor(file, &format!("m{position}"))
                .with_context(|| about_file("file-unwritable", file))?;
        }
    }
    Ok(())
}

/// Which zone the times are in.
fn zone_in_words(zone: &TimeZone) -> Text {
    let offset = Clock::system().now().to_zoned(zone.clone());
    let offset = offset.strftime("UTC%:z").to_string();
    match zone.iana_name() {
        Some(name) => Text::new("tail-zone")
            .with("zone", name)
            .with("offset", offset),
        None => Text::new("tail-zone-of-offset").with("offset", offset),
    }
}

fn about_file(id: &'static str, file: &Path) -> Text {
    Text::new(id).with("path", file.display().to_string())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

fn read_cursor(file: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(cursor) if cursor.trim().is_empty() => Ok(None),
        Ok(cursor) if is_cursor(cursor.trim()) => Ok(Some(cursor.trim().to_owned())),
        Ok(_) => Err(anyhow::Error::msg(about_file("no-cursor", file))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| about_file("file-unreadable", file)),
    }
}

/// Whether it is a `nextCursor` of the messages.
fn is_cursor(text: &str) -> bool {
    let digits = text.strip_prefix('m').unwrap_or_default();
    digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<i64>().is_ok()
}

/// Written to another file and renamed: a crash leaves the old cursor or the new one. It is no secret.
fn write_cursor(file: &Path, cursor: &str) -> io::Result<()> {
    let directory = Path::new(".").join(file.parent().unwrap_or(Path::new("")));
    let mut aside = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(directory)?;
    writeln!(aside, "{cursor}")?;
    aside.persist(file)?;
    Ok(())
}
