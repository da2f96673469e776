//! Commands that write files under temporary names delete them when a signal ends them.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;

/// Waits for the work on a file, or for a signal that drops it.
pub(super) async fn unless_interrupted<T>(
    file: &Path,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    let interrupted = || anyhow!("interrupted: {} was not written", file.display()).into();
    tokio::select! {
        done = work => done,
        _ = interrupt.recv() => Err(interrupted()),
        _ = terminate.recv() => Err(interrupted()),
    }
}
