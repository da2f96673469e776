//! `GET /instagram/messages`: the polling API that Chatrace lacks, also as a stream and as a file.

mod export;
mod parameters;
mod stream;

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;

pub(super) use export::{__path_export, export};
pub(super) use stream::{__path_follow, follow};

use super::AppState;
use super::connections::OwnConnection;
use super::cursor::{List, SEARCH_TIME};
use super::error::{ApiError, NotFound, ReadErrors};
use super::extract::{Path, Query};
use crate::message::Message;
use crate::store::{self, FoundMessages, MessageFilter, PageRequest};
use parameters::ListMessages;

/// The longest that a request may wait for messages, in seconds.
const LONGEST_WAIT: u64 = 30;

/// A page of messages.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessagePage {
    messages: Vec<Message>,
    /// Where the next page begins: the next `after`, or with `order=desc` the next `before`. Never absent: keep it, and
    /// ask again later.
    #[schema(example = "m1")]
    next_cursor: String,
    /// Whether there was nothing more to read. While it is false, ask again at once, even after an empty page.
    caught_up: bool,
    /// How many positions were skipped because the database is damaged there. Left out if none were.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 12, nullable = false)]
    unreadable: Option<i64>,
}

/// Messages, oldest or newest first
///
/// In the order in which they were committed. A message that is committed late comes after every message that could be
/// read before, so a reader who continues at `nextCursor` misses none. With `wait`, the answer comes with the first
/// matching message, or after that time.
#[utoipa::path(
    get, path = "/instagram/messages", operation_id = "listMessages", tag = "messages",
    params(ListMessages), security(("apiToken" = [])),
    responses((status = 200, description = "A page of messages.", body = MessagePage), ReadErrors)
)]
pub(super) async fn list(
    State(state): State<AppState>,
    connection: OwnConnection,
    Query(query): Query<ListMessages>,
) -> Result<Json<MessagePage>, ApiError> {
    let mut range = query.range(&state).await?;
    let wait = match query.wait {
        None => Duration::ZERO,
        Some(seconds @ 0..=LONGEST_WAIT) => Duration::from_secs(seconds),
        Some(_) => {
            let sentence =
                format!("`wait` must be a whole number of seconds, at most {LONGEST_WAIT}.");
            return Err(ApiError::BadRequest(sentence));
        }
    };
    let filter = query.filter(state.clock.now());
    let mut unreadable = 0;
    let began = Instant::now();
    let mut notified = state.notifier.subscribe();
    let mut place = None;
    loop {
        let page = search(&state, &filter, range, began).await?;
        range = range.rest(page.last);
        unreadable += page.unreadable;
        let waits = page.messages.is_empty() && page.caught_up && !wait.is_zero();
        if waits && place.is_none() {
            place = Some(state.readers.enter(&connection)?);
        }
        let more = waits
            && tokio::select! {
                changed = timeout_at(began + wait, notified.changed()) => matches!(changed, Ok(Ok(()))),
                () = state.lifecycle.soft().cancelled() => false,
            };
        if !more {
            return Ok(Json(MessagePage {
                messages: page.messages,
                next_cursor: List::Messages.cursor(page.last),
                caught_up: page.caught_up,
                unreadable: (unreadable > 0).then_some(unreadable),
            }));
        }
    }
}

/// The first messages of a range that pass a filter. A search may end without any.
pub(super) async fn search(
    state: &AppState,
    filter: &MessageFilter,
    mut range: PageRequest,
    began: Instant,
) -> Result<FoundMessages, ApiError> {
    let mut unreadable = 0;
    loop {
        let head = state.store.head().await?;
        let request = PageRequest {
            until: range.until.min(head),
            ..range
        };
        let mut page = store::message_page(&*state.store, filter, request).await?;
        range = range.rest(page.last);
        unreadable += page.unreadable;
        if page.messages.is_empty() && !page.caught_up && began.elapsed() < SEARCH_TIME {
            continue;
        }
        page.unreadable = unreadable;
        return Ok(page);
    }
}

/// One message
#[utoipa::path(
    get, path = "/instagram/messages/{id}", operation_id = "showMessage", tag = "messages",
    params(("id" = Uuid, Path, description = "The id of a message.")), security(("apiToken" = [])),
    responses((status = 200, description = "The message.", body = Message), ReadErrors, NotFound)
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<Message>, ApiError> {
    let id = id
        .parse()
        .map_err(|_| ApiError::BadRequest("The id of a message must be a UUID.".to_owned()))?;
    let message = state.store.message(id).await?;
    message.map(Json).ok_or_else(|| {
        ApiError::NotFound(
            "There is no message with this id: it may have been erased, or deleted for its age. GET \
             /instagram/messages lists those that are kept."
                .to_owned(),
        )
    })
}
