//! The command line: one file for each command.

pub mod doctor;
pub mod env_file;
mod environment;
pub mod export;
pub mod healthcheck;
pub mod message_filter_args;
mod progress;
pub mod reprocess;
pub mod send_test;
pub mod serve;
pub mod service;
pub mod setup;
pub mod tail;
mod terminal;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigErrors};

/// Receives the webhooks by which Chatrace hands over Instagram messages, and never loses one.
///
/// Configured by the environment, or by a file `.env` in the working directory: see .env.example.
#[derive(Debug, Parser)]
#[command(name = "chatrace-webhook", version, about, long_about)]
pub struct Cli {
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Receive webhooks and serve the API.
    Serve,
    /// Ask the service on this machine whether it is alive; exit code 0 if it is, 1 if not.
    Healthcheck,
    /// Say why nothing arrives, and what to do; exit code 0 if all is well, 1 if there are problems.
    Doctor(doctor::DoctorArgs),
    /// Print what to enter in Chatrace, step by step.
    Setup(setup::SetupArgs),
    /// Send realistic test messages and say what became of each; exit code 1 if one was not kept.
    SendTest(send_test::SendTestArgs),
    /// Write the messages to a file, from the database itself: the service may run or not.
    Export(export::ExportArgs),
    /// Show the messages of a running service as they come.
    Tail(tail::TailArgs),
    /// Read what is in quarantine again, with the normalizer of this version.
    ///
    /// Asks the service to do it; where none answers at PORT, and no URL is given, opens the database itself.
    Reprocess(reprocess::ReprocessArgs),
}

/// Where variables are looked up.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Exit code of a command that could not begin: bad configuration, a port in use, an unusable database.
const CANNOT_RUN: u8 = 2;

/// Why a command ends without success.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It could not begin, and will not until somebody changes something. One clear line or list.
    #[error("{0}")]
    CannotRun(String),
    /// It went wrong while running.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
    /// The command did its work, and what it printed says what is wrong.
    #[error("see what was printed")]
    Said,
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::CannotRun(errors.to_string())
    }
}

impl Failure {
    /// No HTTP client can be made, for which there is one reason.
    fn no_client() -> Self {
        Self::CannotRun(
            "this system has no certificates of authorities: install ca-certificates".to_owned(),
        )
    }

    /// Says on standard error what went wrong, and gives the exit code.
    pub fn report(&self) -> ExitCode {
        if !matches!(self, Self::Said) {
            // Nothing is left to be done if even this cannot be written.
            writeln!(std::io::stderr(), "error: {self}").ok();
        }
        match self {
            Self::CannotRun(_) => ExitCode::from(CANNOT_RUN),
            Self::Failed(_) | Self::Said => ExitCode::FAILURE,
        }
    }
}

/// Runs a command.
///
/// # Errors
/// See [`Failure`].
pub async fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve(Config::read(variable)?).await,
        Command::Reprocess(options) => reprocess::reprocess(Config::read(variable)?, options).await,
        Command::Healthcheck => healthcheck::healthcheck(&variable).await,
        Command::Doctor(options) => doctor::doctor(&options, &variable).await,
        Command::Setup(options) => setup::setup(options, &variable),
        Command::SendTest(options) => send_test::send_test(&options, &variable).await,
        Command::Export(arguments) => export::export(arguments, &variable).await,
        Command::Tail(arguments) => tail::tail(arguments, &variable).await,
    }
}

/// A variable of the process's environment, which `.env` has been read into.
fn variable(name: &str) -> Option<String> {
    Some(std::env::var_os(name)?.to_string_lossy().into_owned())
}
