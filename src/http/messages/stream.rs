//! Messages as server-sent events.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use tokio::time::{Instant, sleep, sleep_until};

use super::super::AppState;
use super::super::cursor::List;
use super::super::error::{ApiError, ReadErrors};
use super::super::extract::Query;
use super::parameters::FollowMessages;
use super::start;
use crate::message::Message;
use crate::store::{self, MessageFilter, Slice, StoreError};

/// How many messages a stream reads at once.
const PAGE: u32 = 100;
/// How long a stream waits before it asks a database again that did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// How long a client is not told how far was looked while nothing fits: to look once more costs less than to tell it.
const TELL_EVERY: Duration = Duration::from_secs(15);

/// What is sent: a position for the id, and mostly a message.
type Told = (i64, Option<Message>);

/// Where a stream stands.
struct Follower {
    state: AppState,
    filter: MessageFilter,
    after: i64,
    /// The id that was sent last, as a position, and when.
    told: Option<(i64, Instant)>,
    /// What was read and not sent yet; never more than a page, however slow the reader is.
    pending: std::vec::IntoIter<Message>,
    notified: tokio::sync::watch::Receiver<u64>,
}

/// Messages as they come
///
/// Server-sent events without end. The id of each is a cursor, so that a client which reconnects with `Last-Event-ID`,
/// as browsers do, misses nothing. The first id comes at once and, where nothing fits the filter for long, others between
/// the events: an id alone is no event. The stream ends when the service stops.
#[utoipa::path(
    get, path = "/instagram/messages/stream", operation_id = "followMessages", tag = "messages",
    params(
        FollowMessages,
        ("last-event-id" = Option<String>, Header, pattern = "^(m[0-9]{1,18})?$",
            description = "The last id that came; goes before `after`.")
    ),
    security(("apiToken" = []), ("session" = [])),
    responses(
        (status = 200, description = "Events named `message`, each with a message as its data.",
            content_type = "text/event-stream", body = String,
            example = json!("id: m3\n\nid: m4\nevent: message\ndata: {\"id\":\"01a2040f-ed23-7574-ac16-ad6fae66b3ad\",\"position\":4}\n\n")),
        ReadErrors,
    )
)]
pub(in crate::http) async fn follow(
    State(state): State<AppState>,
    Query(query): Query<FollowMessages>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let after = match last_event_id(&headers)? {
        Some(position) => position,
        None => start(&state, query.after.as_deref()).await?,
    };
    let follower = Follower {
        filter: query.filter(),
        after,
        told: None,
        pending: Vec::new().into_iter(),
        notified: state.notifier.subscribe(),
        state,
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let (position, message) = follower.next().await?;
        let id = List::Messages.cursor(position);
        let mut event = Event::default().id(id);
        if let Some(message) = message {
            event = event
                .event("message")
                .json_data(&message)
                .unwrap_or_default();
        }
        Some((Ok(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// The position behind which a client resumes that was there before.
fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let Some(id) = headers.get("last-event-id").filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    let position = id.to_str().ok().map(|id| List::Messages.position(Some(id)));
    match position {
        Some(Ok(position)) => Ok(Some(position)),
        _ => Err(ApiError::BadRequest(
            "`Last-Event-ID` is not an id of this stream: send the last one that came, or leave it out."
                .to_owned(),
        )),
    }
}

impl Follower {
    /// What is sent next; `None` when the service stops, so that shutdown need not wait for readers.
    async fn next(&mut self) -> Option<Told> {
        let soft = self.state.lifecycle.soft().clone();
        let told = tokio::select! {
            biased;
            () = soft.cancelled() => return None,
            told = self.wait() => told,
        };
        self.told = Some((told.0, Instant::now()));
        Some(told)
    }

    async fn wait(&mut self) -> Told {
        loop {
            if let Some(message) = self.pending.next() {
                return (message.position, Some(message));
            }
            if self.tells_at().is_some_and(|time| time <= Instant::now()) {
                return (self.after, None);
            }
            self.notified.mark_unchanged();
            match self.read().await {
                Ok(slice) => {
                    self.after = slice.last;
                    let empty = slice.messages.is_empty();
                    self.pending = slice.messages.into_iter();
                    if empty && slice.caught_up {
                        self.idle().await;
                    }
                }
                Err(_) => sleep(RETRY).await,
            }
        }
    }

    /// When the client is to be told where it stands, even without a message: at once at first, so that it resumes
    /// there whenever it is cut; later only if that has changed.
    fn tells_at(&self) -> Option<Instant> {
        match self.told {
            None => Some(Instant::now()),
            Some((position, time)) => (position != self.after).then_some(time + TELL_EVERY),
        }
    }

    /// Waits for new messages, or until something is to be told.
    async fn idle(&mut self) {
        let tells_at = self.tells_at();
        let telling = async {
            match tells_at {
                Some(time) => sleep_until(time).await,
                None => pending().await,
            }
        };
        tokio::select! {
            // Ends only with the service.
            _ = self.notified.changed() => {}
            () = telling => {}
        }
    }

    async fn read(&self) -> Result<Slice, StoreError> {
        let head = self.state.store.head().await?;
        store::slice(&*self.state.store, &self.filter, self.after, head, PAGE).await
    }
}
