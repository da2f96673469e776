//! The command line: one file for each command.

pub mod backup;
pub mod doctor;
mod env_file;
mod environment;
pub mod export;
pub mod forward;
pub mod healthcheck;
mod interrupt;
pub mod manual;
pub mod message_filter_args;
pub mod migrate;
mod postgres_tool;
mod progress;
pub mod reprocess;
pub mod restore;
pub mod send_test;
pub mod serve;
pub mod service;
pub mod setup;
pub mod tail;
mod terminal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::{Value, json};

pub use env_file::EnvSource;

use crate::config::{Config, ConfigErrors};
use crate::i18n::Text;
use crate::store::PrepareError;
use crate::time::Clock;
use crate::version::version_and_commit;

/// Receives the webhooks by which Chatrace hands over Instagram messages, and never loses one.
///
/// Configured by the environment, or by a file `.env` in the working directory: see .env.example.
#[derive(Debug, Parser)]
#[command(name = "chatrace-webhook", version = version_and_commit(), about, long_about, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do; `serve` by default.
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Receive webhooks and serve the API.
    Serve,
    /// Check whether the service on this machine is alive; exit code 0 if it is, 1 if not.
    Healthcheck,
    /// Explain why nothing arrives and what to do; exit code 1 if there are problems.
    Doctor(doctor::DoctorArgs),
    /// Print what to enter in Chatrace, step by step.
    Setup(setup::SetupArgs),
    /// Send realistic test messages and show the outcome of each; exit code 1 if one was not kept.
    SendTest(send_test::SendTestArgs),
    /// Write the messages to a file, directly from the database: the service may be running or not.
    Export(export::ExportArgs),
    /// Show the messages of a running service as they arrive.
    Tail(tail::TailArgs),
    /// Show how forwarding goes; test, replay, retry, pause or resume a destination.
    Forward(forward::ForwardArgs),
    /// Reprocess quarantined deliveries with the normalizer of this version.
    ///
    /// The running service does it. If none answers at PORT, and no --url is given, this command opens the database.
    Reprocess(reprocess::ReprocessArgs),
    /// Copy what is stored, while the service runs.
    ///
    /// The embedded database becomes one file. Postgres becomes a directory with what waits in this machine's spool,
    /// and a dump by `pg_dump`; where that is missing, this prints the command to run elsewhere. Tokens and secrets
    /// that the service generated are not in it.
    Backup(backup::BackupArgs),
    /// Make a database of a backup, with the service stopped; refused where there is data already.
    ///
    /// FILE is what `backup` made, or for Postgres a file of `pg_dump --format=custom`. Afterwards new messages get
    /// positions that are larger by a million, so that readers whose cursor is ahead of the backup miss none.
    Restore(restore::RestoreArgs),
    /// Bring the schema of the database up to date, as the start does where MIGRATE is not `false`.
    ///
    /// With --check, exit code 0 means up to date, 1 that there is something to do, 2 that this program cannot use the
    /// database.
    Migrate(migrate::MigrateArgs),
    /// Print a script that completes commands in a shell.
    Completions(manual::CompletionsArgs),
    /// Print the manual page.
    Man(manual::ManArgs),
    /// Print this, or what a command does.
    Help(manual::HelpArgs),
}

/// Exit code of a command that could not begin: wrong configuration, a port in use, an unusable database.
const CANNOT_RUN: u8 = 2;

/// Why a command ends without success.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It could not begin, and will not until somebody fixes the cause. One clear line or list.
    #[error("{0}")]
    CannotRun(Text),
    /// The same, because of mistakes in the environment.
    #[error(transparent)]
    Misconfigured(#[from] ConfigErrors),
    /// It failed while running.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
    /// It ran, and its output says what is wrong.
    #[error("see the output")]
    Reported,
}

impl From<PrepareError> for Failure {
    fn from(error: PrepareError) -> Self {
        Self::CannotRun(error.to_string().into())
    }
}

impl Failure {
    /// No HTTP client can be made, which has only one cause.
    fn no_client() -> Self {
        Self::CannotRun(Text::new("no-authorities"))
    }

    /// What it says, in words where it has any.
    fn text(&self) -> Option<Text> {
        match self {
            Self::CannotRun(text) => Some(text.clone()),
            Self::Misconfigured(errors) => Some(errors.text()),
            Self::Failed(error) => Some(in_words(error)),
            Self::Reported => None,
        }
    }

    /// Prints the error to standard error, if wanted as log lines in JSON, and gives the exit code.
    pub fn report(&self, as_json: bool) -> ExitCode {
        match self.text() {
            None => {}
            Some(_) if as_json => self.lines().iter().for_each(|line| terminal::say(line)),
            Some(problem) => terminal::say_text(&Text::new("error").with("problem", problem)),
        }
        match self {
            Self::CannotRun(_) | Self::Misconfigured(_) => ExitCode::from(CANNOT_RUN),
            Self::Failed(_) | Self::Reported => ExitCode::FAILURE,
        }
    }

    /// One object for each mistake, in the form of a log line.
    fn lines(&self) -> Vec<String> {
        let line = |fields: Value| {
            let mut line = json!({ "timestamp": Clock::system().now(), "level": "ERROR" });
            if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
                line.extend(fields);
            }
            line.to_string()
        };
        match self {
            Self::Misconfigured(errors) => {
                let errors = errors.0.iter();
                errors
                    .map(|error| {
                        line(json!({
                            "message": ConfigErrors::IN_A_LOG,
                            "variable": error.variable,
                            "problem": error.problem,
                        }))
                    })
                    .collect()
            }
            error => vec![line(json!({ "message": error.to_string() }))],
        }
    }
}

/// An error and its causes. What this program says itself is the outermost.
fn in_words(error: &anyhow::Error) -> Text {
    let Some(text) = error.downcast_ref::<Text>() else {
        return format!("{error:#}").into();
    };
    let causes = error
        .chain()
        .skip(1)
        .map(|cause| Text::Words(cause.to_string()));
    Text::list([text.clone()].into_iter().chain(causes), ": ")
}

/// Runs a command.
///
/// # Errors
/// See [`Failure`].
pub async fn run(cli: Cli, source: EnvSource) -> Result<(), Failure> {
    let command = cli.command.unwrap_or(Command::Serve);
    // These need no environment, and so no valid one.
    match &command {
        Command::Completions(arguments) => return Ok(manual::completions(arguments)?),
        Command::Man(arguments) => return Ok(manual::man(arguments)?),
        Command::Help(arguments) => return manual::help(arguments),
        _ => {}
    }
    let variables = source.read()?;
    match command {
        Command::Completions(_) | Command::Man(_) | Command::Help(_) => Ok(()),
        Command::Serve => serve::serve(variables, source).await,
        Command::Reprocess(options) => {
            reprocess::reprocess(Config::read(&variables)?, options).await
        }
        Command::Healthcheck => healthcheck::healthcheck(&variables).await,
        Command::Doctor(options) => doctor::doctor(&options, &variables).await,
        Command::Setup(options) => setup::setup(options, &variables),
        Command::SendTest(options) => send_test::send_test(&options, &variables).await,
        Command::Export(arguments) => export::export(arguments, &variables).await,
        Command::Forward(arguments) => forward::forward(arguments, &variables).await,
        Command::Tail(arguments) => tail::tail(arguments, &variables).await,
        Command::Backup(arguments) => backup::backup(arguments, &variables).await,
        Command::Restore(arguments) => restore::restore(arguments, &variables).await,
        Command::Migrate(arguments) => migrate::migrate(arguments, &variables).await,
    }
}
