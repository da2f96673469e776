//! `DELETE /instagram/contacts/{id}`: erases a person, or only looks whom that would be.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AppState;
use super::error::{ApiError, ReadErrors};
use super::extract::{Path, Query};
use crate::maintenance::{self, ErasureTotals};
use crate::message::Channel;
use crate::store::{ContactSummary, PersonId};

/// Who exactly.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EraseContact {
    /// Only on this channel; without it, on every one.
    #[param(example = "instagram", pattern = "^[^\\x00]+$")]
    channel: Option<String>,
    /// Whether only to tell which contacts would be erased, and to change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What was erased, or would be.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum ErasureAnswer {
    /// It was.
    Erased(ErasureView),
    /// With `dryRun`, it would be.
    DryRun(DryErasureView),
}

/// How much was erased.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErasureView {
    success: bool,
    #[serde(flatten)]
    tally: ErasureTotals,
}

/// Whom it would erase.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DryErasureView {
    success: bool,
    /// Always `true`: nothing was changed.
    dry_run: bool,
    /// How many messages would go, those of all these contacts.
    messages: i64,
    /// The contacts, in the order in which they were first seen.
    contacts: Vec<DoomedView>,
}

/// A contact that would be erased.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "12345", "channel": "instagram", "username": "ana.shop", "displayName": "Ana", "messages": 1
}))]
struct DoomedView {
    /// The id on the channel or in Chatrace, as in the `contactId` of messages.
    id: String,
    /// Where the conversation takes place.
    channel: String,
    /// The handle, as it was last named.
    #[schema(required)]
    username: Option<String>,
    /// The name, as it was last named.
    #[schema(required)]
    display_name: Option<String>,
    /// How many messages would go with it.
    messages: i64,
}

impl From<ContactSummary> for DoomedView {
    fn from(contact: ContactSummary) -> Self {
        Self {
            id: contact.id,
            channel: contact.channel.as_str().to_owned(),
            username: contact.username,
            display_name: contact.display_name,
            messages: contact.messages,
        }
    }
}

/// Erases a person: messages, contact, aliases, and every raw body that held them.
///
/// Whom nobody knows is erased too: nothing of theirs that is still on its way comes in. So there is no
/// 404, and to repeat it is always right.
///
/// A person is found by every id that stood beside theirs, and what is erased cannot be brought back: ask with `dryRun` first
/// whether all these contacts are theirs.
#[utoipa::path(
    delete, path = "/instagram/contacts/{id}", operation_id = "eraseContact", tag = "contacts",
    params(("id" = String, Path, description = "A contact's id, or another id of the same person.", pattern = "^[^\\x00]*[^\\s\\x00][^\\x00]*$"), EraseContact),
    security(("apiToken" = [])),
    responses((status = 200, description = "How much was erased; or, with `dryRun`, whom it would erase.", body = ErasureAnswer,
        examples(
            ("erased" = (value = json!({"success": true, "messages": 1, "contacts": 1, "deliveries": 2, "spooled": 0}))),
            ("dryRun" = (value = json!({"success": true, "dryRun": true, "messages": 1, "contacts": [
                {"id": "12345", "channel": "instagram", "username": "ana.shop", "displayName": "Ana", "messages": 1}
            ]}))),
        )), ReadErrors)
)]
pub(super) async fn erase(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<EraseContact>,
) -> Result<Json<ErasureAnswer>, ApiError> {
    if id.contains('\0') {
        return Err(ApiError::BadRequest(
            "The id of a contact must not hold NUL.".to_owned(),
        ));
    }
    if id.trim().is_empty() {
        return Err(ApiError::BadRequest(
            "The id of a contact must not be blank: it stands at the end of the path.".to_owned(),
        ));
    }
    if query.channel.as_deref() == Some("") {
        return Err(ApiError::BadRequest(
            "`channel` must not be empty: leave it out to erase the person on every channel."
                .to_owned(),
        ));
    }
    let person = PersonId {
        channel: query
            .channel
            .map(|name| Channel::asked(&name).as_str().to_owned()),
        id,
    };
    let nobody = || {
        ApiError::BadRequest(
            "This id stands beside many contacts, so it is no single person's: ask with a contact id."
                .to_owned(),
        )
    };
    if query.dry_run {
        let affected = state.store.affected(&person).await?.ok_or_else(nobody)?;
        return Ok(Json(ErasureAnswer::DryRun(DryErasureView {
            success: true,
            dry_run: true,
            messages: affected.iter().map(|contact| contact.messages).sum(),
            contacts: affected.into_iter().map(DoomedView::from).collect(),
        })));
    }
    let spool = state.fallback.as_ref().map(|fallback| fallback.spool());
    let erased = maintenance::erase(state.store.as_ref(), spool, &person, Timestamp::now()).await?;
    let tally = erased.ok_or_else(nobody)?;
    // Not whom: the log is no place for what was just erased.
    tracing::info!(
        messages = tally.messages,
        contacts = tally.contacts,
        deliveries = tally.deliveries,
        spooled = tally.spooled,
        "erased a person"
    );
    Ok(Json(ErasureAnswer::Erased(ErasureView {
        success: true,
        tally,
    })))
}
