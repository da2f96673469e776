//! `GET /instagram/contacts`: the customers.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AppState;
use super::cursor::{List, page_limit};
use super::error::{ApiError, ReadErrors};
use super::extract::Query;
use crate::message::Channel;
use crate::store::{ContactFilter, ContactSummary, Order, PageRequest, Scan};
use crate::time::millis;

/// A page of contacts to ask for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListContacts {
    /// The `nextCursor` of the last page. By default, from the beginning.
    #[param(example = "c2", pattern = "^(c[0-9]{1,18})?$")]
    after: Option<String>,
    /// The size of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// Only contacts on this channel.
    #[param(example = "instagram", pattern = "^[^\\x00]*$")]
    channel: Option<String>,
}

/// A page of contacts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContactPage {
    contacts: Vec<ContactView>,
    /// Where the next page begins. Never absent.
    #[schema(example = "c2")]
    next_cursor: String,
    /// Whether this was the last page.
    caught_up: bool,
    /// How many positions were skipped because the database is damaged there. Left out if none were.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 12, nullable = false)]
    unreadable: Option<i64>,
}

/// A customer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "12345", "channel": "instagram", "username": "ana.shop", "displayName": "Ana",
    "firstSeen": "2026-11-22T16:21:22.334Z", "lastSeen": "2026-11-22T16:21:22.334Z", "messages": 1
}))]
struct ContactView {
    /// The id on the channel or in Chatrace, as in the `contactId` of messages.
    id: String,
    /// Where the conversation takes place: the same id on another channel is another contact.
    channel: String,
    /// The latest handle.
    #[schema(required)]
    username: Option<String>,
    /// The latest name.
    #[schema(required)]
    display_name: Option<String>,
    /// When the first message of the conversation arrived.
    #[serde(with = "millis")]
    first_seen: Timestamp,
    /// When the last one arrived. Up to two seconds behind.
    #[serde(with = "millis")]
    last_seen: Timestamp,
    /// The number of messages in the conversation. Up to two seconds behind.
    messages: i64,
}

impl From<ContactSummary> for ContactView {
    fn from(contact: ContactSummary) -> Self {
        Self {
            id: contact.id,
            channel: contact.channel.as_str().to_owned(),
            username: contact.username,
            display_name: contact.display_name,
            first_seen: contact.first_seen,
            last_seen: contact.last_seen,
            messages: contact.messages,
        }
    }
}

/// Contacts, in the order in which they were first seen
#[utoipa::path(
    get, path = "/instagram/contacts", operation_id = "listContacts", tag = "contacts",
    params(ListContacts), security(("apiToken" = [])),
    responses((status = 200, description = "A page of contacts.", body = ContactPage), ReadErrors)
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListContacts>,
) -> Result<Json<ContactPage>, ApiError> {
    let after = List::Contacts.position("after", query.after.as_deref())?;
    let after = after.unwrap_or_default();
    let limit = page_limit(query.limit)?;
    let filter = ContactFilter {
        channel: query.channel.as_deref().map(Channel::asked),
    };
    let page = PageRequest {
        after,
        until: i64::MAX,
        limit,
        order: Order::Asc,
    };
    let Scan {
        rows,
        cut,
        unreadable,
    } = state.store.contacts(&filter, page).await?;
    let last = rows.last().map_or(after, |contact| contact.position);
    Ok(Json(ContactPage {
        contacts: rows.into_iter().map(ContactView::from).collect(),
        next_cursor: List::Contacts.cursor(cut.unwrap_or(last)),
        caught_up: cut.is_none(),
        unreadable: (unreadable > 0).then_some(unreadable),
    }))
}
