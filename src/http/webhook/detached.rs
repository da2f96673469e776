//! Work that does not hold up others, and goes on when nobody waits for it any more.

use std::future::poll_fn;
use std::panic::resume_unwind;
use std::task::Poll;

use tokio::task::{JoinHandle, spawn_blocking};
use tracing::{Instrument as _, Span};

/// Does work to its end, even if the caller is dropped, as a handler is when its client hangs up. Work that is ready at
/// once, as most is, needs no task of its own. `None`: the process ends.
pub(super) async fn detached<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let mut work = Box::pin(work.in_current_span());
    match poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
        Poll::Ready(done) => Some(done),
        Poll::Pending => result_of(tokio::spawn(work)).await,
    }
}

/// Computes something that takes long on a thread for that. `None`: the process ends.
pub(super) async fn off_workers<T: Send + 'static>(
    compute: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let span = Span::current();
    result_of(spawn_blocking(move || span.in_scope(compute))).await
}

/// What a task returned. Its panic goes on here.
async fn result_of<T>(task: JoinHandle<T>) -> Option<T> {
    match task.await {
        Ok(done) => Some(done),
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_is_ready_is_done_at_once() {
        assert_eq!(detached(async { 1 }).now_or_never(), Some(Some(1)));
    }

    #[tokio::test]
    async fn what_was_begun_goes_on_without_its_caller() {
        let (begin, wait) = oneshot::channel();
        let (end, done) = oneshot::channel();
        let work = detached(async move {
            wait.await.unwrap();
            end.send("done").unwrap();
        });
        assert!(
            work.now_or_never().is_none(),
            "it waits, and its caller leaves"
        );
        begin.send(()).unwrap();
        assert_eq!(done.await, Ok("done"));
    }
}
