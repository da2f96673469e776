//! Tells open pages that something has happened. They fetch what they show by themselves.

use std::convert::Infallible;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, StreamExt as _};

use super::super::AppState;
use super::super::connections::OwnConnection;
use super::super::error::ApiError;
use super::session::Session;

/// A stream of hints, one at the next tick whenever something was committed. It ends with the session, and when the
/// service stops.
pub(super) async fn follow(
    State(state): State<AppState>,
    connection: OwnConnection,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let session = Session::of(&state, &headers).await;
    let session = session
        .ok_or_else(|| ApiError::Unauthorized("The session is over: log in again.".to_owned()))?;
    let place = state.readers.enter(&connection)?;
    let notified = state.notifier.subscribe();
    let stopped = state.lifecycle.soft().clone().cancelled_owned();
    let follower = (notified, place, state.clone());
    let hints = stream::unfold(follower, |(mut notified, place, state)| async move {
        notified.changed().await.ok()?;
        let tick = state.views.next_tick().await;
        // Everything until now is told of.
        notified.borrow_and_update();
        let hint = Event::default().event("changed").data(tick.to_string());
        Some((Ok::<_, Infallible>(hint), (notified, place, state)))
    });
    let hints = hints.take_until(session.ended(state)).take_until(stopped);
    // Else nginx keeps them back until many have come.
    let unbuffered = [("x-accel-buffering", "no")];
    Ok((unbuffered, Sse::new(hints).keep_alive(KeepAlive::default())).into_response())
}
