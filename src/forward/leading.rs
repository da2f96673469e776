//! The work of the process that has the lease: begins attempts, and ends them.

mod probe;

use std::sync::Arc;
use std::time::Duration;

use backon::ExponentialBackoff;
use jiff::Timestamp;
use reqwest::StatusCode;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::attempt::{AttemptClient, Failed};
use super::event::Event;
use super::lease::LeaseState;
use super::schedule::{next_attempt, probe_pauses};
use super::source::{EventStream, Source};
use super::window::Window;
use crate::config::Destination;
use crate::config::forward::ForwardContent;
use crate::store::{ForwardProgress, ForwardRetry, StoreError};
use crate::time::Clock;

/// How often is looked for messages that another process committed.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The shortest time between two looks, so that there is not one for each commit.
const SHORTEST_LOOK: Duration = Duration::from_millis(3);
/// How often is saved how far a replay is.
const SAVE_REPLAY_EVERY: Duration = Duration::from_secs(1);
/// How long attempts may go on when the service stops.
const FINISH: Duration = Duration::from_secs(3);

/// What forwarding to a destination needs.
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
    pub(super) fn destination(&self) -> &Destination {
        &self.source.destination
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
pub(super) struct Leading<'a> {
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

impl<'a> Leading<'a> {
    pub(super) fn new(
        worker: &'a mut Worker,
        cursor: i64,
        failing_since: Option<Timestamp>,
        progress: watch::Sender<ForwardProgress>,
        lease: watch::Receiver<LeaseState>,
    ) -> Self {
        Self {
            live: EventStream::live(cursor),
            replay: None,
            attempts: JoinSet::new(),
            open_retries: 0,
            next_retry: Some(Timestamp::MIN),
            failed: None,
            // What was down before is probed first.
            probe_at: failing_since.map(|_| Instant::now()),
            pauses: probe_pauses(),
            refusals: 0,
            progress,
            lease,
            looked: Instant::now(),
            replay_saved: Instant::now(),
            worker,
        }
    }

    /// Forwards until the service stops or the lease is lost.
    pub(super) async fn run(&mut self, soft: &CancellationToken) -> Result<(), StoreError> {
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
