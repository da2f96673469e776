//! How the process ends: a soft stop first, then a hard one.
//!
//! On SIGTERM or SIGINT `/readyz` answers 503 while requests are still accepted for `SHUTDOWN_DELAY`. Then no new
//! connection is accepted, open requests are answered, the queue is committed, and the process exits with 0. A second
//! signal, or the time limit, is the hard stop.
//!
//! A worker that ends by itself stops the process, with a failing exit code and a log line that names it: a service
//! that only looks alive loses more than one that is restarted.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long open requests and the queue may take to finish after new connections are refused.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(25);

/// The stages of the shutdown, shared by everything that runs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    draining: CancellationToken,
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
    failed: watch::Sender<Option<&'static str>>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

impl Lifecycle {
    /// A running process.
    pub fn new() -> Self {
        Self {
            draining: CancellationToken::new(),
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
            tasks: TaskTracker::new(),
            failed: watch::Sender::new(None),
        }
    }

    /// Whether the shutdown was announced: load balancers should send requests elsewhere.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Cancelled when the shutdown is announced.
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Cancelled when no new work may begin.
    pub fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// Cancelled when everything has to stop at once.
    pub fn hard(&self) -> &CancellationToken {
        &self.hard
    }

    /// Announces the shutdown, waits for `delay`, and stops new work.
    pub async fn shut_down(&self, delay: Duration) {
        self.draining.cancel();
        tokio::select! {
            () = sleep(delay) => {}
            () = self.hard.cancelled() => {}
        }
        self.soft.cancel();
    }

    /// Stops hard what is not finished in time after the soft stop, whether a signal or a dead worker caused that.
    pub async fn enforce_timeout(self) {
        self.soft.cancelled().await;
        sleep(SHUTDOWN_TIMEOUT).await;
        self.hard.cancel();
    }

    /// Runs a worker that should live until the soft stop. If it ends earlier, or panics, the process ends.
    pub fn spawn_worker(
        &self,
        name: &'static str,
        worker: impl Future<Output = ()> + Send + 'static,
    ) {
        let guard = WorkerGuard {
            name,
            lifecycle: self.clone(),
            finished: false,
        };
        self.tasks.spawn(async move {
            worker.await;
            guard.finish();
        });
    }

    /// Waits until every worker has ended; `false` if the hard stop came first.
    pub async fn workers_ended(&self) -> bool {
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => true,
            () = self.hard.cancelled() => false,
        }
    }

    /// The worker that ended too early, if one did.
    pub fn failed_worker(&self) -> Option<&'static str> {
        *self.failed.borrow()
    }
}

/// Notices the end of a worker, including by a panic.
struct WorkerGuard {
    name: &'static str,
    lifecycle: Lifecycle,
    /// It returned: it did not panic, and was not aborted.
    finished: bool,
}

impl WorkerGuard {
    /// The worker returned.
    fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        let is_stopping = self.lifecycle.soft.is_cancelled();
        if self.lifecycle.hard.is_cancelled() || is_stopping && self.finished {
            return;
        }
        tracing::error!(
            worker = self.name,
            "a worker ended too early: the service stops"
        );
        self.lifecycle.failed.send_replace(Some(self.name));
        self.lifecycle.draining.cancel();
        self.lifecycle.soft.cancel();
    }
}

/// Turns signals into the stages of the shutdown, until the process is gone.
///
/// # Errors
/// When the signals cannot be listened to.
pub fn listen_to_signals(lifecycle: &Lifecycle, delay: Duration) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let lifecycle = lifecycle.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        tracing::info!("stopping: finishing open requests; a second signal stops at once");
        let ending = lifecycle.clone();
        tokio::spawn(async move { ending.shut_down(delay).await });
        next().await;
        tracing::warn!("stopping at once");
        lifecycle.hard.cancel();
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dead_worker_stops_the_service_and_is_named() {
        let lifecycle = Lifecycle::new();
        lifecycle.spawn_worker("writer", async { panic!("boom") });
        lifecycle.soft().cancelled().await;
        assert_eq!(lifecycle.failed_worker(), Some("writer"));
    }

    #[tokio::test]
    async fn a_worker_that_dies_while_it_finishes_is_a_failure_too() {
        let lifecycle = Lifecycle::new();
        let soft = lifecycle.soft().clone();
        lifecycle.spawn_worker("writer", async move {
            soft.cancelled().await;
            panic!("boom");
        });
        lifecycle.soft().cancel();
        lifecycle.workers_ended().await;
        assert_eq!(lifecycle.failed_worker(), Some("writer"));
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_caused_the_soft_stop_the_hard_stop_follows_in_time() {
        let lifecycle = Lifecycle::new();
        tokio::spawn(lifecycle.clone().enforce_timeout());
        lifecycle.spawn_worker("writer", async {});
        lifecycle.hard().cancelled().await;
        assert_eq!(lifecycle.failed_worker(), Some("writer"));
    }

    #[tokio::test]
    async fn a_worker_that_ends_after_the_soft_stop_is_no_failure() {
        let lifecycle = Lifecycle::new();
        let soft = lifecycle.soft().clone();
        lifecycle.spawn_worker("writer", async move { soft.cancelled().await });
        lifecycle.soft().cancel();
        assert!(lifecycle.workers_ended().await);
        assert_eq!(lifecycle.failed_worker(), None);
    }
}
