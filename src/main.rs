//! The `chatrace-webhook` program: reads `.env`, starts the runtime, runs a command, gives its exit code.

use std::process::ExitCode;

use chatrace_webhook::cli::{self, Cli, Failure};
use clap::Parser as _;
use tikv_jemallocator::Jemalloc;

/// What one thread allocates here, another often frees, at which the system's allocator waits for locks. See
/// docs/performance.md.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match load_env().and_then(|()| run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Reads `.env` into the environment while the process has one thread only. What is set already wins.
fn load_env() -> Result<(), Failure> {
    match dotenvy::dotenv() {
        Ok(_) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        // The line itself may hold a secret.
        Err(dotenvy::Error::LineParse(_, index)) => Err(Failure::CannotRun(format!(
            ".env cannot be read: something is wrong near character {index} of a line"
        ))),
        Err(error) => Err(Failure::CannotRun(format!(".env cannot be read: {error}"))),
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::CannotRun(format!("the runtime cannot be started: {error}")))?;
    runtime.block_on(cli::run(cli))
}
