//! The command line: one file for each command.

pub mod healthcheck;
pub mod reprocess;
pub mod serve;
mod service;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigErrors};

/// Receives the webhooks by which Chatrace hands over Instagram messages, and never loses one.
///
/// Configured by the environment, or by a file `.env`: see .env.example.
#[derive(Debug, Parser)]
#[command(name = "chatrace-webhook", version, about, long_about)]
pub struct Cli {
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Command {
    /// Receive webhooks and serve the API.
    Serve,
    /// Ask the service on this machine whether it is alive; exit code 0 if it is, 1 if not.
    Healthcheck,
    /// Read what is in quarantine again, with the normalizer of this version.
    ///
    /// Asks the service on this machine to do it; where none answers at PORT, opens the database itself.
    Reprocess(reprocess::Reprocess),
}

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
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::CannotRun(errors.to_string())
    }
}

impl Failure {
    /// Says on standard error what went wrong, and gives the exit code.
    pub fn report(&self) -> ExitCode {
        // Nothing is left to be done if even this cannot be written.
        writeln!(std::io::stderr(), "error: {self}").ok();
        match self {
            Self::CannotRun(_) => ExitCode::from(CANNOT_RUN),
            Self::Failed(_) => ExitCode::FAILURE,
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
    }
}

/// A variable of the process's environment, which `.env` has been read into.
fn variable(name: &str) -> Option<String> {
    Some(std::env::var_os(name)?.to_string_lossy().into_owned())
}
