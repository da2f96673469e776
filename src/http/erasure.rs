//! `DELETE /instagram/contacts/{id}`: erases a person.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AppState;
use super::error::{ApiError, ReadErrors};
use super::extract::{Path, Query};
use crate::ingest::Tally;
use crate::message::Channel;
use crate::store::Person;

/// Who exactly.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EraseContact {
    /// Only on this channel; without it, on every one.
    #[param(example = "instagram", pattern = "^[^\\x00]+$")]
    channel: Option<String>,
}

/// How much was erased.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErasureView {
    success: bool,
    #[serde(flatten)]
    tally: Tally,
}

/// Erases a person: messages, contact, aliases, and every raw body that held them.
///
/// Whom nobody knows is erased too: nothing of theirs that is still on its way comes in. So there is no
/// 404, and to repeat it is always right.
#[utoipa::path(
    delete, path = "/instagram/contacts/{id}", operation_id = "eraseContact", tag = "contacts",
    params(("id" = String, Path, description = "A contact's id, or another id of the same person.", pattern = "^[^\\x00]*[^\\s\\x00][^\\x00]*$"), EraseContact),
    security(("apiToken" = [])),
    responses((status = 200, description = "How much was erased.", body = ErasureView), ReadErrors)
)]
pub(super) async fn erase(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<EraseContact>,
) -> Result<Json<ErasureView>, ApiError> {
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
    let person = Person {
        channel: query
            .channel
            .map(|name| Channel::asked(&name).as_str().to_owned()),
        id,
    };
    let erased = state.ingest.erase(state.store.as_ref(), &person).await?;
    let tally = erased.ok_or_else(|| {
        ApiError::BadRequest(
            "This id stands beside many contacts, so it is no single person's: ask with a contact id."
                .to_owned(),
        )
    })?;
    // Not whom: the log is no place for what was just erased.
    tracing::info!(
        messages = tally.messages,
        contacts = tally.contacts,
        deliveries = tally.deliveries,
        spooled = tally.spooled,
        "erased a person"
    );
    Ok(Json(ErasureView {
        success: true,
        tally,
    }))
}
