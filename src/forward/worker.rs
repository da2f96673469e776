//! Forwards to one destination, while it has the lease.

use std::sync::Arc;
use std::time::Duration;

use backon::ExponentialBackoff;
use jiff::Timestamp;
use reqwest::StatusCode;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::attempt::{AttemptClient, Failed};
use super::event::Event;
use super::lease::{LENGTH, LeaseKeeper, LeaseState};
use super::schedule::{next_attempt, probe_pauses};
use super::source::{EventStream, Source};
use super::window::Window;
use crate::config::Destination;
use crate::config::forward::ForwardContent;
use crate::store::{DestinationState, ForwardProgress, ForwardRetry, MOST_RETRIES, StoreError};
use crate::time::{Clock, new_id};

/// How often a process without the lease asks for it.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often is looked for messages that another process committed.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The shortest time between two looks, so that there is not one for each commit.
const SHORTEST_LOOK: Duration = Duration::from_millis(3);
/// How many refusals there may be in a row, without an event that was accepted as it came, before the destination
/// counts as down.
const MOST_REFUSALS: u32 = 20;
/// How often is saved how far a replay is.
const SAVE_REPLAY_EVERY: Duration = Duration::from_secs(1);
/// How long attempts may go on when the service stops.
const FINISH: Duration = Duration::from_secs(3);

/// What all workers share.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) source: Source,
    pub(super) client: Arc<AttemptClient>,
    pub(super) clock: Clock,
    pub(super) commits: watch::Receiver<u64>,
    /// Whether other processes commit as well.
    pub(super) is_shared: bool,
    /// Changes when an operator changes something.
    pub(super) orders: watch::Receiver<u64>,
}

impl Worker {
    /// Forwards until the service stops.
    pub(super) async fn run(mut self, soft: &CancellationToken) {
        let mut is_declared = false;
        while !soft.is_cancelled() {
            let lease = new_id();
            match self.take_lease(lease, &mut is_declared).await {
                Ok(Some(state)) => self.lead(state, lease, soft).await,
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(%error, destination = self.destination().name, "no lease yet");
                }
            }
            tokio::select! {
                () = sleep(ASK_EVERY) => {}
                () = soft.cancelled() => {}
            }
        }
    }

    async fn take_lease(
        &self,
        lease: Uuid,
        is_declared: &mut bool,
    ) -> Result<Option<DestinationState>, StoreError> {
        if !*is_declared {
            self.source.declare().await?;
            *is_declared = true;
        }
        let (store, name) = (&self.source.store, &self.destination().name);
        store.take_lease(name, lease, LENGTH).await
    }

    fn destination(&self) -> &Destination {
        &self.source.destination
    }

    /// Forwards as long as the lease is held.
    async fn lead(&mut self, state: DestinationState, lease: Uuid, soft: &CancellationToken) {
        let (progress, saved) = watch::channel(ForwardProgress {
            cursor: state.cursor,
            forwarded: state.forwarded,
            failing_since: state.failing_since,
            failure: state.failure,
            last_success_at: state.last_success_at,
        });
        let is_paused = state.paused_at.is_some();
        let (telling, lease_state) = watch::channel(LeaseState::Held { is_paused });
        let keeper = LeaseKeeper {
            store: self.source.store.clone(),
            destination: self.destination().name.clone(),
            lease,
            progress: saved,
            state: telling,
        };
        let keeping = tokio::spawn(keeper.run());
        let mut turn = Leading {
            live: EventStream::live(state.cursor),
            replay: None,
            attempts: JoinSet::new(),
            open_retries: 0,
            next_retry: Some(Timestamp::MIN),
            failed: None,
            // What was down before is probed first.
            probe_at: state.failing_since.map(|_| Instant::now()),
            pauses: probe_pauses(),
            refusals: 0,
            progress,
            lease: lease_state,
            looked: Instant::now(),
            replay_saved: Instant::now(),
            worker: self,
        };
        if let Err(error) = turn.run(soft).await {
            tracing::debug!(%error, "forwarding waits for the database");
        }
        // The keeper saves what was done, and gives the lease back.
        drop(turn);
        keeping.await.ok();
    }
}

/// An attempt that has ended.
#[derive(Debug)]
struct Attempted {
    event: Arc<Event>,
    origin: SentFor,
    result: Result<StatusCode, Failed>,
}

/// Why an event is sent.
#[derive(Debug, Clone)]
enum SentFor {
    Live,
    Replay,
    Retry(Box<ForwardRetry>),
}

/// The work of the process that has the lease.
struct Leading<'a> {
    worker: &'a mut Worker,
    live: EventStream,
    replay: Option<EventStream>,
    attempts: JoinSet<Attempted>,
    /// How many of these are retries.
    open_retries: usize,
    /// When the next retry is due, as far as is known.
    next_retry: Option<Timestamp>,
    /// Where and how an attempt failed, until a probe has found out what that means.
    failed: Option<(SentFor, Failed)>,
    /// When the destination is probed: it is down until then.
    probe_at: Option<Instant>,
    pauses: ExponentialBackoff,
    refusals: u32,
    progress: watch::Sender<ForwardProgress>,
    lease: watch::Receiver<LeaseState>,
    /// When was last looked for new messages.
    looked: Instant,
    /// When was last saved how far the replay is.
    replay_saved: Instant,
}

impl Leading<'_> {
    async fn run(&mut self, soft: &CancellationToken) -> Result<(), StoreError> {
        self.find_replay().await?;
        loop {
            let lease = *self.lease.borrow();
            let LeaseState::Held { is_paused } = lease else {
                return Ok(());
            };
            let may_send = !is_paused && self.failed.is_none() && self.probe_at.is_none();
            if may_send {
                self.begin_attempts().await?;
            }
            let is_idle = self.attempts.is_empty();
            if self.failed.is_some() && is_idle && !is_paused {
                tokio::select! {
                    probed = self.probe() => probed?,
                    () = soft.cancelled() => return Ok(()),
                }
                continue;
            }
            let probe_at = self.probe_at.filter(|_| is_idle && !is_paused);
            let retry_at = self
                .retry_in()
                .filter(|_| may_send && self.open_retries == 0);
            tokio::select! {
                Some(ended) = self.attempts.join_next() => {
                    if let Ok(attempted) = ended {
                        self.end_attempt(attempted).await?;
                    }
                }
                () = more(&self.worker.commits, self.worker.is_shared, self.looked), if may_send => {}
                () = sleep_until(retry_at.unwrap_or_else(Instant::now)), if retry_at.is_some() => {}
                () = sleep_until(probe_at.unwrap_or_else(Instant::now)), if probe_at.is_some() => {
                    tokio::select! {
                        probed = self.probe() => probed?,
                        () = soft.cancelled() => return Ok(()),
                    }
                }
                _ = self.lease.changed() => {}
                Ok(()) = self.worker.orders.changed() => self.take_orders().await?,
                () = soft.cancelled() => break,
            }
        }
        // What is on its way may arrive.
        let finishing = async {
            while let Some(Ok(attempted)) = self.attempts.join_next().await {
                self.end_attempt(attempted).await?;
            }
            Ok(())
        };
        timeout(FINISH, finishing).await.unwrap_or(Ok(()))
    }

    /// An operator has paused, resumed, retried or replayed something.
    async fn take_orders(&mut self) -> Result<(), StoreError> {
        self.next_retry = Some(Timestamp::MIN);
        // The keeper asks whether it is paused.
        self.progress.send_modify(|_| {});
        if self.probe_at.is_some() {
            self.probe_at = Some(Instant::now());
        }
        self.find_replay().await
    }

    async fn find_replay(&mut self) -> Result<(), StoreError> {
        if self.replay.is_none() {
            let store = &self.worker.source.store;
            let replays = store.replays(&self.worker.destination().name).await?;
            self.replay = replays.into_iter().next().map(EventStream::replay);
        }
        Ok(())
    }

    fn retry_in(&self) -> Option<Instant> {
        let wait = self.next_retry?.duration_since(self.worker.clock.now());
        Some(Instant::now() + Duration::try_from(wait).unwrap_or_default())
    }

    fn concurrency(&self) -> usize {
        match self.worker.destination().content {
            ForwardContent::Messages { .. } => self.worker.destination().concurrency,
            // They have no order but that of their positions.
            ForwardContent::Deliveries => 1,
        }
    }

    /// Begins as many attempts as there may be: what comes in, then what is due again, then what is replayed.
    async fn begin_attempts(&mut self) -> Result<(), StoreError> {
        self.look_for_more();
        self.live.fill(&self.worker.source).await?;
        // What is filtered out moves the cursor, too.
        self.publish_cursor();
        let most = self.concurrency();
        while self.attempts.len() < most
            && let Some(event) = self.live.window.take()
        {
            self.begin_attempt(event, SentFor::Live);
        }
        if self.open_retries == 0
            && self
                .next_retry
                .is_some_and(|at| at <= self.worker.clock.now())
        {
            self.begin_retries(most).await?;
        }
        while let Some(replay) = &mut self.replay {
            replay.fill(&self.worker.source).await?;
            if replay.is_done() {
                self.end_replay().await?;
                continue;
            }
            if self.attempts.len() >= most {
                break;
            }
            let Some(event) = replay.window.take() else {
                break;
            };
            self.begin_attempt(event, SentFor::Replay);
        }
        self.save_replay().await
    }

    /// Notes whether there may be new messages.
    fn look_for_more(&mut self) {
        let commits = &mut self.worker.commits;
        let is_told =
            commits.has_changed().unwrap_or_default() && self.looked.elapsed() >= SHORTEST_LOOK;
        let is_due = self.worker.is_shared && self.looked.elapsed() >= LOOK_EVERY;
        if is_told || is_due {
            commits.mark_unchanged();
            self.looked = Instant::now();
            self.live.may_have_more = true;
        }
    }

    /// Saves from time to time how far the replay is.
    async fn save_replay(&mut self) -> Result<(), StoreError> {
        if let Some(replay) = &self.replay
            && let Some(id) = replay.replay_id()
            && self.replay_saved.elapsed() >= SAVE_REPLAY_EVERY
        {
            self.replay_saved = Instant::now();
            let store = &self.worker.source.store;
            store.move_replay(id, replay.window.cursor()).await?;
        }
        Ok(())
    }

    async fn end_replay(&mut self) -> Result<(), StoreError> {
        if let Some(done) = self.replay.take()
            && let Some(id) = done.replay_id()
        {
            let store = &self.worker.source.store;
            store.move_replay(id, done.window.cursor()).await?;
            tracing::info!(
                destination = self.worker.destination().name,
                "a replay is complete"
            );
        }
        self.find_replay().await
    }

    async fn begin_retries(&mut self, most: usize) -> Result<(), StoreError> {
        let source = &self.worker.source;
        let name = &source.destination.name;
        let limit = u32::try_from(most).unwrap_or(1);
        let due = source
            .store
            .due_retries(name, self.worker.clock.now(), limit)
            .await?;
        let positions: Vec<_> = due.iter().map(|retry| retry.position).collect();
        let events = source.at(&positions).await?;
        let mut begun = Vec::new();
        for retry in due {
            match events.iter().find(|event| event.position == retry.position) {
                Some(event) => begun.push((Arc::new(event.clone()), retry)),
                None => source.store.end_retry(name, retry.position).await?,
            }
        }
        self.next_retry = source.store.retry_counts(name).await?.next_at;
        self.open_retries = begun.len();
        for (event, retry) in begun {
            self.begin_attempt(event, SentFor::Retry(Box::new(retry)));
        }
        Ok(())
    }

    fn begin_attempt(&mut self, event: Arc<Event>, origin: SentFor) {
        let client = self.worker.client.clone();
        self.attempts.spawn(async move {
            let result = client.attempt(&event).await;
            Attempted {
                event,
                origin,
                result,
            }
        });
    }

    async fn end_attempt(&mut self, attempted: Attempted) -> Result<(), StoreError> {
        let Attempted {
            event,
            origin,
            result,
        } = attempted;
        if let SentFor::Retry(retry) = origin {
            return self.end_retry(*retry, result).await;
        }
        let window = self.window(&origin);
        match result {
            Ok(_) => {
                if let Some(window) = window {
                    window.done(&event);
                }
                self.refusals = 0;
                self.accepted();
            }
            Err(failed) => {
                if let Some(window) = window {
                    window.put_back(event);
                }
                self.failed.get_or_insert((origin, failed));
            }
        }
        Ok(())
    }

    fn window(&mut self, origin: &SentFor) -> Option<&mut Window> {
        match origin {
            SentFor::Replay => self.replay.as_mut().map(|replay| &mut replay.window),
            _ => Some(&mut self.live.window),
        }
    }

    async fn end_retry(
        &mut self,
        retry: ForwardRetry,
        result: Result<StatusCode, Failed>,
    ) -> Result<(), StoreError> {
        self.open_retries -= 1;
        let source = self.worker.source.clone();
        let (store, name) = (source.store, &source.destination.name);
        match result {
            Ok(_) => {
                store.end_retry(name, retry.position).await?;
                self.accepted();
            }
            Err(failed) => {
                let attempts = retry.attempts + 1;
                let next_at = next_attempt(attempts, self.worker.clock.now(), failed.retry_after);
                if next_at.is_none() {
                    tracing::error!(destination = name, id = %retry.id, attempts, "forwarding is given up: {}; it is a dead letter now", failed.failure.problem);
                }
                let retry = ForwardRetry {
                    attempts,
                    next_at,
                    failure: failed.failure,
                    ..retry
                };
                store.save_retry(name, &retry).await?;
            }
        }
        if self.open_retries == 0 {
            self.next_retry = store.retry_counts(name).await?.next_at;
        }
        Ok(())
    }

    /// Notes that the destination accepted something.
    fn accepted(&mut self) {
        let now = self.worker.clock.now();
        let cursor = self.live.window.cursor();
        let mut was_down = None;
        self.progress.send_modify(|progress| {
            progress.cursor = cursor;
            progress.forwarded += 1;
            progress.last_success_at = Some(now);
            was_down = progress.failing_since.take();
        });
        if let Some(since) = was_down {
            tracing::info!(destination = self.worker.destination().name, %since, "the destination accepts again");
        }
    }

    fn publish_cursor(&self) {
        let cursor = self.live.window.cursor();
        self.progress.send_if_modified(|progress| {
            let moved = progress.cursor != cursor;
            progress.cursor = cursor;
            moved
        });
    }

    /// Finds out whether the oldest event is refused or the destination is down: sends that once more, and if it fails
    /// again, the oldest of two other people. If one of those is accepted, the first has one more chance.
    async fn probe(&mut self) -> Result<(), StoreError> {
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
        let results = futures_util::future::join_all(tries).await;
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

/// Waits until it is time to look for new messages.
async fn more(commits: &watch::Receiver<u64>, is_shared: bool, looked: Instant) {
    // A copy, so that a change is not taken for seen if something else ends this.
    let mut commits = commits.clone();
    let committed_here = async {
        if commits.changed().await.is_err() {
            // Nothing is committed here any more.
            std::future::pending::<()>().await;
        }
        sleep_until(looked + SHORTEST_LOOK).await;
    };
    tokio::select! {
        () = committed_here => {}
        () = sleep_until(looked + LOOK_EVERY), if is_shared => {}
    }
}
