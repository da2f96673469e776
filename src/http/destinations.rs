//! `/instagram/destinations`: where messages are forwarded to, how that goes, and what an operator can do about it.

mod view;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::AppState;
use super::cursor::{List, page_limit};
use super::error::{ApiError, NotFound, ReadErrors};
use super::extract::{Path, Query, moment};
use crate::filter::Moment;
use crate::forward::statuses;
use crate::selector::MessageSelector;
use crate::store::{
    AttemptFailure, Backlog, DestinationState, ForwardReplay, ForwardRetry, ForwardedContent,
    MOST_RETRIES, ReplayScope,
};
use crate::time::{millis, new_id};
pub(super) use view::DestinationView;

/// How many ids a replay takes.
const MOST_IDS: usize = 1_000;

/// Every destination.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"destinations": [{
    "name": "crm", "host": "crm.shop.example", "content": "messages", "filter": "direction=inbound", "state": "down",
    "failingSince": "2026-11-22T16:21:22.334Z", "pausedAt": null, "pauseReason": null,
    "lastFailure": {"at": "2026-11-22T16:25:02.334Z", "status": 401, "problem": "it answers 401 Unauthorized", "answer": "no token"},
    "lastSuccessAt": "2026-11-22T16:21:20.101Z", "backlog": {"count": 132, "isMore": false, "oldest": "2026-11-22T16:21:22.301Z"},
    "retries": {"waiting": 0, "deadLetters": 0, "nextAt": null}, "forwarded": 1200, "refused": 0, "expired": 0, "replays": 0
}]}))]
pub(super) struct DestinationList {
    destinations: Vec<DestinationView>,
}

/// Where messages are forwarded to, and how that goes
#[utoipa::path(
    get, path = "/instagram/destinations", operation_id = "listDestinations", tag = "forwarding",
    security(("apiToken" = [])),
    responses((status = 200, description = "Every destination, by name.", body = DestinationList), ReadErrors)
)]
pub(super) async fn list(State(state): State<AppState>) -> Result<Json<DestinationList>, ApiError> {
    let destinations = all(&state).await?;
    Ok(Json(DestinationList { destinations }))
}

/// Every destination, by name.
pub(super) async fn all(state: &AppState) -> Result<Vec<DestinationView>, ApiError> {
    let all = statuses(state.store.as_ref(), &state.config.destinations).await?;
    Ok(all.into_iter().map(DestinationView::from).collect())
}

/// It is done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"success": true}))]
pub(super) struct Done {
    success: bool,
}

/// Stops forwarding to a destination until it is resumed
///
/// What arrives meanwhile waits. Another replica may forward for three more seconds.
#[utoipa::path(
    post, path = "/instagram/destinations/{name}/pause", operation_id = "pauseDestination", tag = "forwarding",
    params(("name" = String, Path, description = "The name of a destination.")), security(("apiToken" = [])),
    responses((status = 200, description = "It is paused.", body = Done), ReadErrors, NotFound)
)]
pub(super) async fn pause(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<Done>, ApiError> {
    set_pause(&state, &name, true).await?;
    Ok(Json(Done { success: true }))
}

/// Forwards to a destination again
#[utoipa::path(
    post, path = "/instagram/destinations/{name}/resume", operation_id = "resumeDestination", tag = "forwarding",
    params(("name" = String, Path, description = "The name of a destination.")), security(("apiToken" = [])),
    responses((status = 200, description = "It is not paused any more.", body = Done), ReadErrors, NotFound)
)]
pub(super) async fn resume(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<Done>, ApiError> {
    set_pause(&state, &name, false).await?;
    Ok(Json(Done { success: true }))
}

/// Pauses a destination, or resumes it.
pub(super) async fn set_pause(
    state: &AppState,
    name: &str,
    is_paused: bool,
) -> Result<(), ApiError> {
    let pause = is_paused.then(|| ("an operator paused it", state.clock.now()));
    if !state.store.pause_destination(name, pause).await? {
        return Err(unknown(state).await);
    }
    state.orders.announce();
    Ok(())
}

/// Forgets a destination that is not configured any more
///
/// Its cursor, what it refused and its counts are deleted. Should it be configured again, it begins anew.
#[utoipa::path(
    delete, path = "/instagram/destinations/{name}", operation_id = "forgetDestination", tag = "forwarding",
    params(("name" = String, Path, description = "The name of a destination.")), security(("apiToken" = [])),
    responses((status = 200, description = "It is forgotten.", body = Done), ReadErrors, NotFound)
)]
pub(super) async fn forget(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<Done>, ApiError> {
    if state.config.destinations.iter().any(|one| one.name == name) {
        return Err(ApiError::BadRequest(format!(
            "`{name}` is configured: remove its FORWARD_… variables and restart the service first."
        )));
    }
    if !state.store.forget_destination(&name).await? {
        return Err(unknown(&state).await);
    }
    Ok(Json(Done { success: true }))
}

/// How many dead letters are tried again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"success": true, "revived": 2}))]
pub(super) struct Revived {
    pub(super) success: bool,
    /// How many: not all, if there would be more than 1,000 that wait for their next attempt.
    pub(super) revived: u64,
}

/// Tries dead letters again, from the beginning of the schedule
#[utoipa::path(
    post, path = "/instagram/destinations/{name}/retry", operation_id = "retryDeadLetters", tag = "forwarding",
    params(("name" = String, Path, description = "The name of a destination.")), security(("apiToken" = [])),
    responses((status = 200, description = "They are tried again.", body = Revived), ReadErrors, NotFound)
)]
pub(super) async fn retry(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<Revived>, ApiError> {
    let revived = revive(&state, &name).await?;
    Ok(Json(Revived {
        success: true,
        revived,
    }))
}

/// Tries dead letters again, and answers how many.
pub(super) async fn revive(state: &AppState, name: &str) -> Result<u64, ApiError> {
    find(state, name).await?;
    let store = &state.store;
    let room = MOST_RETRIES - store.retry_counts(name).await?.waiting;
    let revived = store
        .revive_dead_letters(name, state.clock.now(), room.max(0))
        .await?;
    state.orders.announce();
    Ok(revived)
}

/// Which dead letters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListDeadLetters {
    /// The `nextCursor` of the last page. By default, from the beginning.
    #[param(example = "m2", pattern = "^(m[0-9]{1,18})?$")]
    after: Option<String>,
    /// The size of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// A page of dead letters.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"deadLetters": [{
    "id": "01a2040f-ed23-7574-ac16-ad6fae66b3ad", "attempts": 10, "firstRefusedAt": "2026-11-19T16:21:22.334Z",
    "lastFailure": {"at": "2026-11-22T18:21:22.334Z", "status": 422, "problem": "it answers 422 Unprocessable Entity", "answer": null}
}], "nextCursor": "m2", "caughtUp": true}))]
pub(super) struct DeadLetterPage {
    pub(super) dead_letters: Vec<DeadLetterView>,
    /// Where the next page begins. Never absent.
    #[schema(example = "m2")]
    pub(super) next_cursor: String,
    /// Whether this was the last page.
    pub(super) caught_up: bool,
}

/// Something that a destination refused so often that it is not tried any more.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeadLetterView {
    /// The id of the message; where whole deliveries are relayed, of the delivery.
    pub(super) id: Uuid,
    /// How often it was tried.
    pub(super) attempts: i32,
    /// When it was first refused.
    #[serde(with = "millis")]
    pub(super) first_refused_at: Timestamp,
    pub(super) last_failure: AttemptFailure,
}

impl From<ForwardRetry> for DeadLetterView {
    fn from(retry: ForwardRetry) -> Self {
        Self {
            id: retry.id,
            attempts: retry.attempts,
            first_refused_at: retry.first_at,
            last_failure: retry.failure,
        }
    }
}

/// What a destination refused so often that it is not tried any more
#[utoipa::path(
    get, path = "/instagram/destinations/{name}/dead-letters", operation_id = "listDeadLetters", tag = "forwarding",
    params(("name" = String, Path, description = "The name of a destination."), ListDeadLetters),
    security(("apiToken" = [])),
    responses((status = 200, description = "A page of dead letters.", body = DeadLetterPage), ReadErrors, NotFound)
)]
pub(super) async fn dead_letters(
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(query): Query<ListDeadLetters>,
) -> Result<Json<DeadLetterPage>, ApiError> {
    find(&state, &name).await?;
    let after = List::Messages.position("after", query.after.as_deref())?;
    let after = after.unwrap_or_default();
    let limit = page_limit(query.limit)?;
    dead_letters_of(&state, &name, after, limit).await.map(Json)
}

/// A page of the dead letters of a destination.
pub(super) async fn dead_letters_of(
    state: &AppState,
    name: &str,
    after: i64,
    limit: u32,
) -> Result<DeadLetterPage, ApiError> {
    let rows = state.store.dead_letters(name, after, limit).await?;
    let last = rows.last().map_or(after, |row| row.position);
    Ok(DeadLetterPage {
        caught_up: rows.len() < limit as usize,
        next_cursor: List::Messages.cursor(last),
        dead_letters: rows.into_iter().map(DeadLetterView::from).collect(),
    })
}

/// What is to be forwarded once more. At least one of these is needed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "since": "2026-07-09T14:56:00Z", "contactId": "12345", "dryRun": true }))]
pub(super) struct ReplayRequest {
    /// What arrived at this time or later: as in RFC 3339, a date (its beginning in UTC), or how long ago (`12h`,
    /// `7d`).
    #[serde(default, deserialize_with = "moment")]
    #[schema(value_type = Option<String>)]
    since: Option<Moment>,
    /// What arrived before this time.
    #[serde(default, deserialize_with = "moment")]
    #[schema(value_type = Option<String>)]
    until: Option<Moment>,
    /// Messages of this person.
    contact_id: Option<String>,
    /// These messages, or deliveries where whole deliveries are relayed, and nothing else. At most 1,000.
    ids: Option<Vec<Uuid>>,
    /// Only count.
    #[serde(default)]
    dry_run: bool,
}

/// A replay that has begun, or would.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"success": true, "dryRun": true, "count": 12, "isMore": false}))]
pub(super) struct ReplayAnswer {
    success: bool,
    /// Whether nothing was begun.
    dry_run: bool,
    /// How many are forwarded once more, counted up to 100,000.
    count: i64,
    /// Whether there are more.
    is_more: bool,
}

/// Forwards once more what a destination has had already
///
/// Under the same ids. Erased messages are skipped, and the destination's filter holds.
#[utoipa::path(
    post, path = "/instagram/destinations/{name}/replay", operation_id = "replayToDestination", tag = "forwarding",
    params(("name" = String, Path, description = "The name of a destination.")), request_body = ReplayRequest,
    security(("apiToken" = [])),
    responses((status = 200, description = "How much is forwarded once more.", body = ReplayAnswer), ReadErrors, NotFound)
)]
pub(super) async fn replay(
    State(state): State<AppState>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<ReplayAnswer>, ApiError> {
    let request: ReplayRequest = serde_json::from_slice(&body).map_err(|error| {
        ApiError::BadRequest(format!(
            "The body is wrong: {error}. Expected for example {{\"since\":\"2026-07-09T14:56:00Z\",\"dryRun\":true}}."
        ))
    })?;
    begin_replay(&state, &name, request).await.map(Json)
}

/// Forwards once more what arrived at a time or later, and answers how much.
pub(super) async fn replay_since(
    state: &AppState,
    name: &str,
    since: Moment,
) -> Result<i64, ApiError> {
    let request = ReplayRequest {
        since: Some(since),
        ..ReplayRequest::default()
    };
    Ok(begin_replay(state, name, request).await?.count)
}

async fn begin_replay(
    state: &AppState,
    name: &str,
    request: ReplayRequest,
) -> Result<ReplayAnswer, ApiError> {
    let destination = find(state, name).await?;
    let is_narrowed =
        request.since.is_some() || request.until.is_some() || request.contact_id.is_some();
    match &request.ids {
        None if !is_narrowed => {
            return Err(ApiError::BadRequest(
                "Say what to replay: `since`, `until`, `contactId` or `ids`. For everything, set `since` to \
                 1970-01-01T00:00:00Z."
                    .to_owned(),
            ));
        }
        Some(_) if is_narrowed => {
            return Err(ApiError::BadRequest(
                "`ids` says what to replay: leave `since`, `until` and `contactId` out.".to_owned(),
            ));
        }
        Some(ids) if ids.is_empty() || ids.len() > MOST_IDS => {
            return Err(ApiError::BadRequest(format!(
                "`ids` takes 1 to {MOST_IDS} ids: leave some to a second replay."
            )));
        }
        _ => {}
    }
    if request.contact_id.is_some() && destination.content == ForwardedContent::Deliveries {
        return Err(ApiError::BadRequest(format!(
            "`{name}` gets whole deliveries, which are nobody's alone: leave `contactId` out."
        )));
    }
    let now = state.clock.now();
    let since = request.since.map(|since| since.resolve(now));
    let until = request.until.map(|until| until.resolve(now));
    let store = &state.store;
    let mut scope = ReplayScope {
        selector: MessageSelector::of_replay(since, until, request.contact_id),
        positions: None,
    };
    let (cursor, until) = if let Some(ids) = &request.ids {
        let positions = store.positions_of(&destination.content, ids).await?;
        let ends = (positions.first().copied(), positions.last().copied());
        scope.positions = Some(positions);
        (ends.0.unwrap_or(1) - 1, ends.1.unwrap_or(0))
    } else {
        let cursor = match since {
            Some(since) => store.position_before(since).await?,
            None => 0,
        };
        (cursor, store.head().await?)
    };
    let backlog = if scope.positions.as_ref().is_some_and(Vec::is_empty) {
        Backlog::default()
    } else {
        let content = &destination.content;
        store.backlog(content, Some(&scope), cursor, until).await?
    };
    if !request.dry_run && backlog.count > 0 {
        let replay = ForwardReplay {
            id: new_id(),
            cursor,
            until,
            scope,
        };
        store.add_replay(name, &replay).await?;
        state.orders.announce();
    }
    Ok(ReplayAnswer {
        success: true,
        dry_run: request.dry_run,
        count: backlog.count,
        is_more: backlog.is_more,
    })
}

async fn find(state: &AppState, name: &str) -> Result<DestinationState, ApiError> {
    let all = state.store.destinations().await?;
    match all.into_iter().find(|one| one.name == name) {
        Some(found) => Ok(found),
        None => Err(unknown(state).await),
    }
}

/// The error that names the destinations there are.
async fn unknown(state: &AppState) -> ApiError {
    let all = state.store.destinations().await.unwrap_or_default();
    let names: Vec<_> = all.iter().map(|one| one.name.as_str()).collect();
    ApiError::NotFound(if names.is_empty() {
        "There is no destination: set FORWARD_URL.".to_owned()
    } else {
        format!(
            "There is no such destination. There are: {}.",
            names.join(", ")
        )
    })
}
