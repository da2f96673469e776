//! Messages as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use tokio::time::sleep;

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

/// Where a stream stands.
struct Follower {
    state: AppState,
    filter: MessageFilter,
    after: i64,
    /// What was read and not sent yet; never more than a page, however slow the reader is.
    pending: std::vec::IntoIter<Message>,
    news: tokio::sync::watch::Receiver<u64>,
}

/// Messages as they come
///
/// Server-sent events without end. The id of each is a cursor, so that a client which reconnects with `Last-Event-ID`,
/// as browsers do, misses nothing. The stream ends when the service stops.
#[utoipa::path(
    get, path = "/instagram/messages/stream", operation_id = "followMessages", tag = "messages",
    params(
        FollowMessages,
        ("last-event-id" = Option<String>, Header, description = "The id of the last event that was seen; goes before `after`.")
    ),
    security(("apiToken" = [])),
    responses(
        (status = 200, description = "Events named `message`, each with a message as its data.",
            content_type = "text/event-stream", body = String,
            example = json!("id: m4\nevent: message\ndata: {\"id\":\"01a2040f-ed23-7574-ac16-ad6fae66b3ad\",\"position\":4}\n\n")),
        ReadErrors,
    )
)]
pub(in crate::http) async fn follow(
    State(state): State<AppState>,
    Query(query): Query<FollowMessages>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = start(&state, resumed.or(query.after.as_deref())).await?;
    let follower = Follower {
        filter: query.filter(),
        after,
        pending: Vec::new().into_iter(),
        news: state.news.subscribe(),
        state,
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let message = follower.next().await?;
        let id = List::Messages.cursor(message.position);
        let event = Event::default()
            .id(id)
            .event("message")
            .json_data(&message)
            .unwrap_or_default();
        Some((Ok(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

impl Follower {
    /// The next message; `None` when the service stops, so that shutdown need not wait for readers.
    async fn next(&mut self) -> Option<Message> {
        let soft = self.state.lifecycle.soft().clone();
        tokio::select! {
            biased;
            () = soft.cancelled() => None,
            message = self.wait() => Some(message),
        }
    }

    async fn wait(&mut self) -> Message {
        loop {
            if let Some(message) = self.pending.next() {
                return message;
            }
            self.news.mark_unchanged();
            match self.read().await {
                Ok(slice) => {
                    self.after = slice.last;
                    let empty = slice.messages.is_empty();
                    self.pending = slice.messages.into_iter();
                    if empty && slice.caught_up {
                        // Ends only with the service.
                        self.news.changed().await.ok();
                    }
                }
                Err(_) => sleep(RETRY).await,
            }
        }
    }

    async fn read(&self) -> Result<Slice, StoreError> {
        let head = self.state.store.head().await?;
        store::slice(&*self.state.store, &self.filter, self.after, head, PAGE).await
    }
}
