//! `DELETE /instagram/contacts/{id}`: erases a person, or shows what that would erase.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AppState;
use super::error::{ApiError, ReadErrors};
use super::extract::{Path, Query};
use crate::maintenance::{self, ErasureTotals};
use crate::message::Channel;
use crate::store::{ContactSummary, PersonId};

/// Which person.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EraseContact {
    /// Only on this channel. By default, on every channel.
    #[param(example = "instagram", pattern = "^[^\\x00]+$")]
    channel: Option<String>,
    /// Only show which contacts would be erased, without changing anything.
    #[serde(default)]
    dry_run: bool,
}

/// What was erased, or would be.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum ErasureAnswer {
    Erased(ErasureView),
    /// With `dryRun`.
    DryRun(DryErasureView),
}

/// How much was erased.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErasureView {
    success: bool,
    #[serde(flatten)]
    tally: ErasureTotals,
}

/// What would be erased.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DryErasureView {
    success: bool,
    /// Always `true`: nothing was changed.
    dry_run: bool,
    /// The number of messages of all these contacts.
    messages: i64,
    /// The contacts, in the order in which they were first seen.
    contacts: Vec<AffectedContact>,
}

/// A contact that would be erased.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "12345", "channel": "instagram", "username": "ana.shop", "displayName": "Ana", "messages": 1
}))]
struct AffectedContact {
    /// The id on the channel or in Chatrace, as in the `contactId` of messages.
    id: String,
    /// Where the conversation takes place.
    channel: String,
    /// The latest handle.
    #[schema(required)]
    username: Option<String>,
    /// The latest name.
    #[schema(required)]
    display_name: Option<String>,
    /// The number of messages that would be erased with it.
    messages: i64,
}

impl From<ContactSummary> for AffectedContact {
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

/// Erases a person
///
/// Erases their messages, contact and aliases, and every raw body that contained them. Unknown ids are accepted: data
/// still in flight for them is dropped. Never 404; safe to repeat.
///
/// A person is found by every id that was sent together with theirs. An erasure cannot be undone: first use `dryRun` to
/// check that all these contacts are the same person.
#[utoipa::path(
    delete, path = "/instagram/contacts/{id}", operation_id = "eraseContact", tag = "contacts",
    params(("id" = String, Path, description = "The id of a contact, or another id of the same person.", pattern = "^[^\\x00]*[^\\s\\x00][^\\x00]*$"), EraseContact),
    security(("apiToken" = [])),
    responses((status = 200, description = "How much was erased; with `dryRun`, what would be erased.", body = ErasureAnswer,
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
            "The id of a contact must not contain NUL.".to_owned(),
        ));
    }
    if id.trim().is_empty() {
        return Err(ApiError::BadRequest(
            "The id of a contact must not be blank: it is the end of the path.".to_owned(),
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
    let ambiguous = || {
        ApiError::BadRequest(
            "This id is shared by several contacts; use a contact id instead.".to_owned(),
        )
    };
    if query.dry_run {
        let affected = state.store.affected(&person).await?.ok_or_else(ambiguous)?;
        return Ok(Json(ErasureAnswer::DryRun(DryErasureView {
            success: true,
            dry_run: true,
            messages: affected.iter().map(|contact| contact.messages).sum(),
            contacts: affected.into_iter().map(AffectedContact::from).collect(),
        })));
    }
    let spool = state.fallback.as_ref().map(|fallback| fallback.spool());
    let erased = maintenance::erase(
        state.store.as_ref(),
        spool,
        &state.config.normalizer,
        &person,
        state.clock.now(),
    )
    .await?;
    let tally = erased.ok_or_else(ambiguous)?;
    // Without the id: the log must not contain what was just erased.
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
