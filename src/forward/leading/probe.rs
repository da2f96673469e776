//! Finds out whether one event is refused or the destination is down.

use futures_util::future::join_all;
use tokio::time::Instant;

use super::{Leading, SentFor};
use crate::forward::attempt::Failed;
use crate::forward::event::Event;
use crate::forward::schedule::{next_attempt, probe_pauses};
use crate::store::{ForwardRetry, MOST_RETRIES, StoreError};

/// How many refusals there may be in a row, without an event that was accepted as it came, before the destination
/// counts as down.
const MOST_REFUSALS: u32 = 20;

impl Leading<'_> {
    /// Finds out whether the oldest event is refused or the destination is down: sends that once more, and if it fails
    /// again, the oldest of two other people. If one of those is accepted, the first has one more chance.
    pub(super) async fn probe(&mut self) -> Result<(), StoreError> {
        self.probe_at = None;
        let origin = match self.failed.take() {
            Some((_, failed)) if failed.is_gone || failed.retry_after.is_some() => {
                return self.go_down(failed).await;
            }
            Some((origin, _)) => origin,
            None => SentFor::Live,
        };
        let source = self.worker.source.clone();
        let stream = match (&origin, &mut self.replay) {
            (SentFor::Replay, Some(replay)) => replay,
            _ => &mut self.live,
        };
        let oldest = stream.oldest(&source).await?;
        let Some((head, others)) = oldest.split_first() else {
            // It was deleted meanwhile.
            return Ok(());
        };
        let client = self.worker.client.clone();
        let Err(failed) = client.attempt(head).await else {
            self.done(&origin, head);
            return Ok(());
        };
        let counts = source.store.retry_counts(&source.destination.name).await?;
        if failed.is_gone
            || failed.retry_after.is_some()
            || self.refusals >= MOST_REFUSALS
            || counts.waiting >= MOST_RETRIES
        {
            self.refusals = 0;
            return self.go_down(failed).await;
        }
        let mut is_up = false;
        let tries = others.iter().map(|event| client.attempt(event));
        let results = join_all(tries).await;
        for (event, result) in others.iter().zip(results) {
            if result.is_ok() {
                is_up = true;
                self.done(&origin, event);
            }
        }
        if !is_up {
            return self.go_down(failed).await;
        }
        // It may have come up in between.
        match client.attempt(head).await {
            Ok(_) => {
                self.done(&origin, head);
                Ok(())
            }
            Err(failed) => self.refuse(&origin, head, failed).await,
        }
    }

    fn done(&mut self, origin: &SentFor, event: &Event) {
        if let Some(window) = self.window(origin) {
            window.done(event);
        }
        self.pauses = probe_pauses();
        self.accepted();
    }

    /// Keeps an event that was refused, to be tried again, and goes on behind it.
    async fn refuse(
        &mut self,
        origin: &SentFor,
        event: &Event,
        failed: Failed,
    ) -> Result<(), StoreError> {
        self.refusals += 1;
        let now = self.worker.clock.now();
        let source = &self.worker.source;
        let name = &source.destination.name;
        tracing::warn!(destination = name, id = %event.id, "one event is refused while others are accepted: {}; it is tried again later", failed.failure.problem);
        let retry = ForwardRetry {
            position: event.position,
            id: event.id,
            attempts: 1,
            first_at: now,
            next_at: next_attempt(1, now, failed.retry_after),
            failure: failed.failure.clone(),
        };
        source.store.save_retry(name, &retry).await?;
        self.next_retry = self.next_retry.into_iter().chain(retry.next_at).min();
        if let Some(window) = self.window(origin) {
            window.done(event);
        }
        self.progress
            .send_modify(|progress| progress.failure = Some(failed.failure));
        self.publish_cursor();
        Ok(())
    }

    /// Waits before the destination is probed again. What waits is read again then.
    async fn go_down(&mut self, failed: Failed) -> Result<(), StoreError> {
        let now = self.worker.clock.now();
        let name = self.worker.destination().name.clone();
        let mut is_new = false;
        let failure = failed.failure;
        let problem = failure.problem.clone();
        self.progress.send_modify(|progress| {
            is_new = progress.failing_since.is_none();
            progress.failing_since.get_or_insert(now);
            progress.failure = Some(failure);
        });
        if failed.is_gone {
            tracing::error!(
                destination = name,
                "the destination says that it is gone: {problem}; forwarding is paused until it is resumed"
            );
            let reason = "it answered 410 Gone";
            let store = &self.worker.source.store;
            store.pause_destination(&name, Some((reason, now))).await?;
            self.progress.send_modify(|_| {});
        } else if is_new {
            tracing::warn!(
                destination = name,
                "the destination is down: {problem}; messages wait for it"
            );
        }
        self.live.window.rewind();
        if let Some(replay) = &mut self.replay {
            replay.window.rewind();
        }
        let pause = self.pauses.next().unwrap_or_default();
        self.probe_at = Some(Instant::now() + pause.max(failed.retry_after.unwrap_or_default()));
        Ok(())
    }
}
