//! The `chatrace-webhook` program: starts the runtime, runs a command, returns its exit code.

use std::process::ExitCode;

use chatrace_webhook::cli::{self, Cli, EnvSource, Failure};
use clap::Parser as _;
use tikv_jemallocator::Jemalloc;

/// One thread often frees what another allocated, and then the system's allocator waits for locks. See
/// docs/performance.md.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let source = EnvSource::at_start();
    match run(cli, source.clone()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(source.wants_json()),
    }
}

fn run(cli: Cli, source: EnvSource) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::CannotRun(format!("cannot start the runtime: {error}").into()))?;
    runtime.block_on(cli::run(cli, source))
}
