//! Messages as server-sent events.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, StreamExt as _};
use tokio::time::{Instant, sleep, sleep_until};

use super::super::AppState;
use super::super::connections::OwnConnection;
use super::super::cursor::List;
use super::super::error::{ApiError, ReadErrors};
use super::super::extract::Query;
use super::super::page::Session;
use super::super::readers::ReaderPlace;
use super::parameters::{FollowMessages, start};
use crate::message::Message;
use crate::store::{self, FoundMessages, MessageFilter, Order, PageRequest, StoreError};

/// How many messages a stream reads at once.
const PAGE: u32 = 100;
/// The pause after an error of the database.
const RETRY: Duration = Duration::from_secs(1);

/// How often a client gets a new id while no message matches the filter. Searching again costs less than sending it.
const ID_INTERVAL: Duration = Duration::from_secs(15);

/// Lets nginx pass on each event at once: else it waits until its buffers are full.
const UNBUFFERED: [(&str, &str); 1] = [("x-accel-buffering", "no")];

/// What is sent: a position for the id, and usually a message.
type StreamItem = (i64, Option<Message>);

/// The state of a stream.
struct Follower {
    _place: ReaderPlace,
    state: AppState,
    filter: MessageFilter,
    after: i64,
    /// The position of the last id, and when it was sent.
    last_id: Option<(i64, Instant)>,
    /// Messages that were read but not sent yet: at most one page, however slow the reader is.
    pending: std::vec::IntoIter<Message>,
    notified: tokio::sync::watch::Receiver<u64>,
}

/// Messages as they arrive
///
/// Endless server-sent events. The id of each is a cursor, so a client that reconnects with `Last-Event-ID`, as
/// browsers do, misses nothing. The first id is sent at once. While no message matches the filter, ids without an event
/// follow from time to time. The stream ends when the service stops, with the session that opened it, and when an API
/// token is taken out.
#[utoipa::path(
    get, path = "/instagram/messages/stream", operation_id = "followMessages", tag = "messages",
    params(
        FollowMessages,
        ("last-event-id" = Option<String>, Header, pattern = "^(m[0-9]{1,18})?$",
            description = "The last id that was received. It takes precedence over `after`.")
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
    connection: OwnConnection,
    Query(query): Query<FollowMessages>,
    session: Option<Extension<Session>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let after = match last_event_id(&headers)? {
        Some(position) => position,
        None => start(&state, query.after.as_deref()).await?,
    };
    let ended = {
        let state = state.clone();
        async move {
            let tokens_gone = state.tokens_gone.clone();
            let session_ended = async {
                match session {
                    Some(Extension(session)) => session.ended(state).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = session_ended => {}
                () = tokens_gone.cancelled() => {}
            }
        }
    };
    let follower = Follower {
        _place: state.readers.enter(&connection)?,
        filter: query.filter(state.clock.now()),
        after,
        last_id: None,
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
        Some((Ok::<_, Infallible>(event), follower))
    });
    let events = Sse::new(events.take_until(ended)).keep_alive(KeepAlive::default());
    Ok((UNBUFFERED, events))
}

/// The position after which a reconnecting client resumes.
fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let Some(id) = headers.get("last-event-id").filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    let id = id.to_str().ok();
    let position = id.and_then(|id| List::Messages.position("after", Some(id)).ok());
    position.ok_or_else(|| {
        ApiError::BadRequest(
            "`Last-Event-ID` is not an id of this stream: send the last id that was received, or leave it out."
                .to_owned(),
        )
    })
}

impl Follower {
    /// The next item; `None` when the service stops, so that shutdown does not wait for readers.
    async fn next(&mut self) -> Option<StreamItem> {
        let soft = self.state.lifecycle.soft().clone();
        let item = tokio::select! {
            biased;
            () = soft.cancelled() => return None,
            item = self.wait() => item,
        };
        self.last_id = Some((item.0, Instant::now()));
        Some(item)
    }

    async fn wait(&mut self) -> StreamItem {
        loop {
            if let Some(message) = self.pending.next() {
                return (message.position, Some(message));
            }
            if self.next_id_at().is_some_and(|time| time <= Instant::now()) {
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

    /// When the client gets an id without a message: the first at once, so that it can resume whenever it is
    /// disconnected; later ones only if the position has changed.
    fn next_id_at(&self) -> Option<Instant> {
        match self.last_id {
            None => Some(Instant::now()),
            Some((position, time)) => (position != self.after).then_some(time + ID_INTERVAL),
        }
    }

    /// Waits for new messages, or until the next id is due.
    async fn idle(&mut self) {
        let next_id_at = self.next_id_at();
        let next_id = async {
            match next_id_at {
                Some(time) => sleep_until(time).await,
                None => pending().await,
            }
        };
        tokio::select! {
            // The notifier ends only with the service.
            _ = self.notified.changed() => {}
            () = next_id => {}
        }
    }

    async fn read(&self) -> Result<FoundMessages, StoreError> {
        let head = self.state.store.head().await?;
        let request = PageRequest {
            after: self.after,
            until: head,
            limit: PAGE,
            order: Order::Asc,
        };
        store::message_page(&*self.state.store, &self.filter, request).await
    }
}
