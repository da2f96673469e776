//! `GET /instagram/messages`: the polling API that Chatrace lacks.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::AppState;
use super::cursor::{List, page_limit};
use super::error::ApiError;
use super::extract::Query;
use crate::message::{Direction, Kind, Message};
use crate::store::{MessageFilter, Page};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListMessages {
    after: Option<String>,
    limit: Option<u32>,
    contact_id: Option<String>,
    kind: Option<Kind>,
    direction: Option<Direction>,
}

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

/// Lists messages in commit order.
pub(super) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListMessages>,
) -> Result<Json<MessagePage>, ApiError> {
    let after = List::Messages.position(query.after.as_deref())?;
    let limit = page_limit(query.limit)?;
    // No id holds one, and Postgres does not even take the question.
    if query
        .contact_id
        .as_ref()
        .is_some_and(|id| id.contains('\0'))
    {
        return Err(ApiError::BadRequest(
            "`contactId` must not hold NUL.".to_owned(),
        ));
    }
    let filter = MessageFilter {
        contact_id: query.contact_id,
        kind: query.kind,
        direction: query.direction,
    };
    // One more than asked for tells whether there is more.
    let mut messages = state
        .store
        .messages(
            &filter,
            Page {
                after,
                limit: limit + 1,
            },
        )
        .await?;
    let caught_up = messages.len() <= limit as usize;
    messages.truncate(limit as usize);
    let last = messages.last().map_or(after, |message| message.position);
    Ok(Json(MessagePage {
        messages,
        next_cursor: List::Messages.cursor(last),
        caught_up,
    }))
}
