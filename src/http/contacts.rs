//! `GET /instagram/contacts` and `GET /instagram/contacts/{id}`: the customers.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::AppState;
use super::cursor::{List, SEARCH_TIME, page_limit};
use super::error::{ApiError, NotFound, ReadErrors};
use super::extract::{Path, Query, text};
use crate::message::{Channel, Direction, Kind};
use crate::store::{
    ContactDetail, ContactFilter, ContactOrder, ContactSummary, MessageExcerpt, Order, PageRequest,
    PersonId,
};
use crate::time::millis;

/// A page of contacts to ask for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListContacts {
    /// The `nextCursor` of the last page in the same order. By default, from the beginning.
    #[param(example = "c2", pattern = "^([cl][0-9]{1,18})?$")]
    pub(super) after: Option<String>,
    /// `first`: in the order in which they were first seen; `last`: by their last message, newest first.
    #[serde(default)]
    #[param(inline, default = "first")]
    pub(super) order: ContactOrder,
    /// Only contacts with this text in their name, handle or id. Ignores case.
    #[serde(default, deserialize_with = "text")]
    #[param(min_length = 1, max_length = 200, pattern = "^[^\\x00]*$")]
    pub(super) q: Option<String>,
    /// The size of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(super) limit: Option<u32>,
    /// Only contacts on this channel.
    #[param(example = "instagram", pattern = "^[^\\x00]*$")]
    pub(super) channel: Option<String>,
}

/// A page of contacts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContactPage {
    pub(super) contacts: Vec<ContactView>,
    /// Where the next page begins. Never absent.
    #[schema(example = "c2")]
    pub(super) next_cursor: String,
    /// Whether this was the last page. While it is false, go on, even after an empty page.
    pub(super) caught_up: bool,
    /// How many positions were skipped because the database is damaged there. Left out if none were.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 12, nullable = false)]
    pub(super) unreadable: Option<i64>,
}

/// A customer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "12345", "channel": "instagram", "username": "ana.shop", "displayName": "Ana",
    "firstSeen": "2026-11-22T16:21:22.334Z", "lastSeen": "2026-11-22T16:21:22.334Z", "messages": 1,
    "lastMessage": {
        "id": "01a2040f-ed23-7574-ac16-ad6fae66b3ad", "position": 1, "direction": "inbound", "kind": "text",
        "text": "Is it in stock?", "sentAt": "2026-11-22T16:21:22.000Z", "receivedAt": "2026-11-22T16:21:22.334Z"
    }
}))]
pub(super) struct ContactView {
    /// The id on the channel or in Chatrace, as in the `contactId` of messages.
    pub(super) id: String,
    /// Where the conversation takes place: the same id on another channel is another contact.
    pub(super) channel: String,
    /// The latest handle.
    #[schema(required)]
    pub(super) username: Option<String>,
    /// The latest name.
    #[schema(required)]
    pub(super) display_name: Option<String>,
    /// When the first message of the conversation arrived.
    #[serde(with = "millis")]
    pub(super) first_seen: Timestamp,
    /// When the last one arrived.
    #[serde(with = "millis")]
    pub(super) last_seen: Timestamp,
    /// The number of messages in the conversation.
    pub(super) messages: i64,
    /// The last of them in commit order that is still there.
    #[schema(required)]
    pub(super) last_message: Option<ExcerptView>,
}

/// How the last message of a conversation begins.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExcerptView {
    pub(super) id: Uuid,
    /// Its place in commit order.
    pub(super) position: i64,
    pub(super) direction: Direction,
    pub(super) kind: Kind,
    /// The first 200 letters of its text.
    #[schema(required)]
    pub(super) text: Option<String>,
    #[serde(with = "millis")]
    pub(super) sent_at: Timestamp,
    #[serde(with = "millis")]
    pub(super) received_at: Timestamp,
}

impl From<MessageExcerpt> for ExcerptView {
    fn from(message: MessageExcerpt) -> Self {
        Self {
            id: message.id,
            position: message.position,
            direction: message.direction,
            kind: message.kind,
            text: message.text,
            sent_at: message.sent_at,
            received_at: message.received_at,
        }
    }
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
            last_message: contact.last_message.map(ExcerptView::from),
        }
    }
}

/// Contacts, by their first or their last message
///
/// A search looks through the list in steps: the answer comes with the first contacts that fit, or after half a second.
#[utoipa::path(
    get, path = "/instagram/contacts", operation_id = "listContacts", tag = "contacts",
    params(ListContacts), security(("apiToken" = [])),
    responses((status = 200, description = "A page of contacts.", body = ContactPage), ReadErrors)
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListContacts>,
) -> Result<Json<ContactPage>, ApiError> {
    page(&state, query).await.map(Json)
}

/// The page that is asked for.
pub(super) async fn page(state: &AppState, query: ListContacts) -> Result<ContactPage, ApiError> {
    let (list, order) = match query.order {
        ContactOrder::First => (List::Contacts, Order::Asc),
        ContactOrder::Last => (List::LastContacts, Order::Desc),
    };
    let after = list.position("after", query.after.as_deref())?;
    let limit = page_limit(query.limit)?;
    let filter = ContactFilter {
        channel: query.channel.as_deref().map(Channel::asked),
        text: query.q,
        order: query.order,
    };
    let all = PageRequest {
        after: 0,
        until: i64::MAX,
        limit,
        order,
    };
    let mut page = after.map_or(all, |after| all.rest(after));
    let (mut reached, mut unreadable) = (after.unwrap_or_default(), 0);
    let began = Instant::now();
    loop {
        let scan = state.store.contacts(&filter, page).await?;
        unreadable += scan.unreadable;
        let read = scan.rows.last().map(|contact| contact.position);
        reached = scan.cut.or(read).unwrap_or(reached);
        if scan.rows.is_empty() && scan.cut.is_some() && began.elapsed() < SEARCH_TIME {
            page = page.rest(reached);
            continue;
        }
        return Ok(ContactPage {
            contacts: scan.rows.into_iter().map(ContactView::from).collect(),
            next_cursor: list.cursor(reached),
            caught_up: scan.cut.is_none(),
            unreadable: (unreadable > 0).then_some(unreadable),
        });
    }
}

/// Which contact.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ShowContact {
    /// Only on this channel: needed where the id is known on several.
    #[param(example = "instagram", pattern = "^[^\\x00]*$")]
    channel: Option<String>,
}

/// A customer, with the other ids that are known of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContactDetailView {
    #[serde(flatten)]
    pub(super) contact: ContactView,
    /// Other ids that came beside theirs, at most 100.
    #[schema(example = json!(["+491701234567"]))]
    pub(super) aliases: Vec<String>,
}

/// One contact
///
/// By its own id, or by another id of the same person if that leads to one contact only.
#[utoipa::path(
    get, path = "/instagram/contacts/{id}", operation_id = "showContact", tag = "contacts",
    params(("id" = String, Path, description = "The id of a contact, or another id of the same person."), ShowContact),
    security(("apiToken" = [])),
    responses((status = 200, description = "The contact.", body = ContactDetailView), ReadErrors, NotFound)
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<ShowContact>,
) -> Result<Json<ContactDetailView>, ApiError> {
    find(&state, id, query.channel.as_deref()).await.map(Json)
}

/// The one contact that an id leads to, on a channel or on any.
pub(super) async fn find(
    state: &AppState,
    id: String,
    channel: Option<&str>,
) -> Result<ContactDetailView, ApiError> {
    let channel = channel.map(Channel::asked);
    let person = PersonId {
        channel: channel.map(|channel| channel.as_str().to_owned()),
        id,
    };
    // Nothing that is stored contains NUL, and Postgres refuses it in a query.
    let mut found = if person.id.contains('\0') {
        Vec::new()
    } else {
        state.store.contact(&person).await?
    };
    if found.len() > 1 {
        let ids = found.iter().map(|one| {
            let ContactSummary { id, channel, .. } = &one.contact;
            format!("{id} ({})", channel.as_str())
        });
        let ids: Vec<_> = ids.take(5).collect();
        return Err(ApiError::BadRequest(format!(
            "This id leads to several contacts: use the id of one, with its `channel`: {}.",
            ids.join(", ")
        )));
    }
    let ContactDetail { contact, aliases } = found.pop().ok_or_else(|| {
        ApiError::NotFound(
            "There is no contact with this id: it may have been erased, or deleted for its age. GET \
             /instagram/contacts?q=… searches names, handles and ids."
                .to_owned(),
        )
    })?;
    Ok(ContactDetailView {
        contact: contact.into(),
        aliases,
    })
}
