//! `DELETE /instagram/contacts/{id}`: erases a person.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::AppState;
use super::error::ApiError;
use super::extract::Query;
use crate::ingest::Tally;
use crate::message::Channel;
use crate::store::Person;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EraseContact {
    channel: Option<String>,
}

/// How much was erased.
#[derive(Debug, Serialize)]
pub(super) struct ErasureView {
    success: bool,
    #[serde(flatten)]
    tally: Tally,
}

/// Erases a person. Whom nobody knows is erased too: nothing of theirs that is still on its way comes in. So there is no
/// 404, and to repeat it is always right.
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
    let channel = query.channel.filter(|channel| !channel.is_empty());
    let person = Person {
        channel: channel.map(|channel| Channel::named(&channel).as_str().to_owned()),
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
