//! `GET /instagram/messages`: the polling API that Chatrace lacks, and the same as a stream.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, timeout_at};

use super::AppState;
use super::cursor::{List, page_limit};
use super::error::ApiError;
use super::extract::Query;
use crate::message::{Channel, Direction, Kind, Message};
use crate::store::{MessageFilter, Page};

/// Which messages, from where, and how patiently.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListMessages {
    after: Option<String>,
    limit: Option<u32>,
    wait: Option<u64>,
    contact_id: Option<String>,
    kind: Option<Kind>,
    direction: Option<Direction>,
    channel: Option<String>,
}

impl ListMessages {
    fn filter(&self) -> MessageFilter {
        MessageFilter {
            contact_id: self.contact_id.clone(),
            kind: self.kind,
            direction: self.direction,
            channel: self
                .channel
                .as_deref()
                .map(|name| Channel::named(&name.to_ascii_lowercase())),
        }
    }
}

/// The longest that a request may wait for messages, in seconds.
const LONGEST_WAIT: u64 = 30;

/// A page of messages, oldest first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessagePage {
    messages: Vec<Message>,
    /// Where the next page begins. Always there: a reader keeps it and asks again later.
    next_cursor: String,
    /// Whether nothing more was waiting.
    caught_up: bool,
}

/// Lists messages in commit order; with `wait`, not before there are any or the time is over.
pub(super) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListMessages>,
) -> Result<Json<MessagePage>, ApiError> {
    let mut after = start(&state, query.after.as_deref()).await?;
    let limit = page_limit(query.limit)?;
    let wait = match query.wait {
        None => Duration::ZERO,
        Some(seconds @ 0..=LONGEST_WAIT) => Duration::from_secs(seconds),
        Some(_) => {
            let sentence =
                format!("`wait` must be a whole number of seconds, at most {LONGEST_WAIT}.");
            return Err(ApiError::BadRequest(sentence));
        }
    };
    let filter = query.filter();
    let deadline = Instant::now() + wait;
    let mut news = state.news.subscribe();
    loop {
        let slice = read(&state, &filter, after, limit).await?;
        let waited = slice.messages.is_empty() && !wait.is_zero();
        after = slice.last;
        let more = waited
            && tokio::select! {
                news = timeout_at(deadline, news.changed()) => matches!(news, Ok(Ok(()))),
                () = state.lifecycle.soft().cancelled() => false,
            };
        if !more {
            return Ok(Json(MessagePage {
                messages: slice.messages,
                next_cursor: List::Messages.cursor(slice.last),
                caught_up: slice.caught_up,
            }));
        }
    }
}

/// A stretch of the list.
struct Slice {
    messages: Vec<Message>,
    /// The position up to which everything that fits has been read.
    last: i64,
    caught_up: bool,
}

async fn read(
    state: &AppState,
    filter: &MessageFilter,
    after: i64,
    limit: u32,
) -> Result<Slice, ApiError> {
    // Nothing at or before the head will appear anew, so a reader who is there may go on behind it, however few of the
    // messages on the way fit its filter.
    let head = state.store.head().await?;
    // One more than asked for tells whether there is more.
    let page = Page {
        after,
        until: head,
        limit: limit + 1,
    };
    let mut messages = state.store.messages(filter, page).await?;
    let caught_up = messages.len() <= limit as usize;
    messages.truncate(limit as usize);
    let last = match messages.last() {
        Some(message) if !caught_up => message.position,
        _ => head.max(after),
    };
    Ok(Slice {
        messages,
        last,
        caught_up,
    })
}

/// The position of a cursor; `latest` is where the list ends now.
async fn start(state: &AppState, cursor: Option<&str>) -> Result<i64, ApiError> {
    match cursor {
        Some("latest") => Ok(state.store.head().await?),
        cursor => List::Messages.position(cursor),
    }
}

/// How many messages a stream reads at once.
const STREAM_PAGE: u32 = 100;
/// How long a stream waits before it asks a database again that did not answer.
const STREAM_RETRY: Duration = Duration::from_secs(1);

/// Where a stream stands.
struct Follower {
    state: AppState,
    filter: MessageFilter,
    after: i64,
    /// What was read and not sent yet; never more than a page, however slow the reader is.
    pending: std::vec::IntoIter<Message>,
    news: tokio::sync::watch::Receiver<u64>,
}

/// Sends messages as server-sent events as they come. `Last-Event-ID` goes on where a stream broke off.
pub(super) async fn follow(
    State(state): State<AppState>,
    Query(query): Query<ListMessages>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    for (name, given) in [
        ("limit", query.limit.is_some()),
        ("wait", query.wait.is_some()),
    ] {
        if given {
            return Err(ApiError::BadRequest(format!(
                "`{name}` has no meaning for a stream."
            )));
        }
    }
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
            match read(&self.state, &self.filter, self.after, STREAM_PAGE).await {
                Ok(slice) => {
                    self.after = slice.last;
                    let empty = slice.messages.is_empty();
                    self.pending = slice.messages.into_iter();
                    if empty && slice.caught_up {
                        // Ends only with the service.
                        self.news.changed().await.ok();
                    }
                }
                Err(_) => sleep(STREAM_RETRY).await,
            }
        }
    }
}
