//! `DELETE /instagram/contacts/{id}`: erases a person, or shows what that would erase.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AppState;
use super::error::{ApiError, ReadErrors};
use super::extract::{Path, Query};
use crate::maintenance::{self, ErasureTotals};
use crate::message::Channel;
use crate::store::{ContactSummary, NotErased, PersonId};

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
    /// How many contacts are to be erased. More than one are erased only if this is their number.
    #[param(example = 2)]
    confirm: Option<u32>,
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
    #[serde(flatten)]
    affected: AffectedView,
}

/// An erasure that has to be confirmed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UnconfirmedView {
    /// Always `false`: nothing was changed.
    success: bool,
    /// What is to be confirmed, in one sentence.
    error: String,
    #[serde(flatten)]
    affected: AffectedView,
}

/// Whom an erasure would take.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AffectedView {
    /// The number of messages of all these contacts.
    pub(super) messages: i64,
    /// The contacts, in the order in which they were first seen.
    pub(super) contacts: Vec<AffectedContact>,
}

impl From<Vec<ContactSummary>> for AffectedView {
    fn from(contacts: Vec<ContactSummary>) -> Self {
        Self {
            messages: contacts.iter().map(|contact| contact.messages).sum(),
            contacts: contacts.into_iter().map(AffectedContact::from).collect(),
        }
    }
}

impl UnconfirmedView {
    fn new(affected: AffectedView) -> Self {
        Self {
            success: false,
            error: format!(
                "This would erase {number} contact(s): check that they are the same person, and repeat it with \
                 `confirm={number}`.",
                number = affected.contacts.len()
            ),
            affected,
        }
    }
}

/// A contact that would be erased.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "12345", "channel": "instagram", "username": "ana.shop", "displayName": "Ana", "messages": 1
}))]
pub(super) struct AffectedContact {
    /// The id on the channel or in Chatrace, as in the `contactId` of messages.
    pub(super) id: String,
    /// Where the conversation takes place.
    pub(super) channel: String,
    /// The latest handle.
    #[schema(required)]
    pub(super) username: Option<String>,
    /// The latest name.
    #[schema(required)]
    pub(super) display_name: Option<String>,
    /// The number of messages that would be erased with it.
    pub(super) messages: i64,
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
/// The id of a contact erases that contact only. Any other id leads to every contact that it was sent together with. An
/// erasure cannot be undone. One that would take more than one contact is answered 409 with their list, until `confirm`
/// is their number: check that they are the same person.
#[utoipa::path(
    delete, path = "/instagram/contacts/{id}", operation_id = "eraseContact", tag = "contacts",
    params(("id" = String, Path, description = "The id of a contact, or another id of the same person.", pattern = "^[^\\x00]*[^\\s\\x00][^\\x00]*$"), EraseContact),
    security(("apiToken" = [])),
    responses((status = 200, description = "How much was erased; with `dryRun`, what would be erased.", body = ErasureAnswer,
        examples(
            ("erased" = (value = json!({"success": true, "messages": 1, "contacts": 1, "deliveries": 2, "spooled": 0, "logPending": false}))),
            ("dryRun" = (value = json!({"success": true, "dryRun": true, "messages": 1, "contacts": [
                {"id": "12345", "channel": "instagram", "username": "ana.shop", "displayName": "Ana", "messages": 1}
            ]}))),
        )),
        (status = 409, description = "More than one contact would be erased, or not as many as `confirm` says: these.",
            body = UnconfirmedView),
        ReadErrors)
)]
pub(super) async fn erase(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<EraseContact>,
) -> Result<Response, ApiError> {
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
    if query.dry_run {
        let answer = ErasureAnswer::DryRun(DryErasureView {
            success: true,
            dry_run: true,
            affected: affected(&state, &person).await?,
        });
        return Ok(Json(answer).into_response());
    }
    let confirmed = query.confirm.map(|number| number as usize);
    Ok(match erase_person(&state, &person, confirmed).await? {
        Erased::Done(tally) => Json(ErasureAnswer::Erased(ErasureView {
            success: true,
            tally,
        }))
        .into_response(),
        Erased::Unconfirmed(affected) => {
            (StatusCode::CONFLICT, Json(UnconfirmedView::new(affected))).into_response()
        }
    })
}

/// What came of an erasure.
pub(super) enum Erased {
    Done(ErasureTotals),
    /// Nothing was erased, since these were not confirmed.
    Unconfirmed(AffectedView),
}

fn ambiguous() -> ApiError {
    ApiError::BadRequest(
        "This id is shared by several contacts; use a contact id instead.".to_owned(),
    )
}

/// What would be erased.
pub(super) async fn affected(
    state: &AppState,
    person: &PersonId,
) -> Result<AffectedView, ApiError> {
    let affected = state.store.affected(person).await?;
    affected.map(AffectedView::from).ok_or_else(ambiguous)
}

/// Erases a person, if so many contacts are confirmed as there are.
pub(super) async fn erase_person(
    state: &AppState,
    person: &PersonId,
    confirmed: Option<usize>,
) -> Result<Erased, ApiError> {
    let store = state.store.as_ref();
    let spool = state.fallback.as_ref().map(|fallback| fallback.spool());
    let (normalizer, now) = (&state.config.normalizer, state.clock.now());
    let tally = match maintenance::erase(store, spool, normalizer, person, confirmed, now).await? {
        Ok(tally) => tally,
        Err(NotErased::Shared) => return Err(ambiguous()),
        Err(NotErased::Unconfirmed(contacts)) => return Ok(Erased::Unconfirmed(contacts.into())),
    };
    // Without the id: the log must not contain what was just erased.
    tracing::info!(
        messages = tally.messages,
        contacts = tally.contacts,
        deliveries = tally.deliveries,
        spooled = tally.spooled,
        log_pending = tally.log_pending,
        "erased a person"
    );
    Ok(Erased::Done(tally))
}
