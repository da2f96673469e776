//! Where messages are forwarded to, and what can be done about what does not arrive.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::super::AppState;
use super::super::destinations::{self, DeadLetterPage, DestinationView};
use super::super::error::ApiError;
use super::super::extract::Path;
use super::form::SentForm;
use super::frame::{Frame, View};
use super::{done, failure, render};
use crate::filter::parse_moment;
use crate::i18n::Text;

/// How many dead letters of a destination are shown.
const DEAD_LETTERS: u32 = 20;

#[derive(Template)]
#[template(path = "forwarding.html")]
struct ForwardingTemplate {
    frame: Frame,
    destinations: Vec<(DestinationView, DeadLetterPage)>,
}

pub(super) async fn show(State(state): State<AppState>, frame: Frame) -> Response {
    let frame = frame.of(View::Forwarding);
    match read(&state).await {
        Ok(destinations) => render(&ForwardingTemplate {
            frame,
            destinations,
        }),
        Err(error) => failure(frame, &error),
    }
}

async fn read(state: &AppState) -> Result<Vec<(DestinationView, DeadLetterPage)>, ApiError> {
    let mut found = Vec::new();
    for destination in destinations::all(state).await? {
        let dead = destinations::dead_letters_of(state, &destination.name, 0, DEAD_LETTERS).await?;
        found.push((destination, dead));
    }
    Ok(found)
}

/// Pauses or resumes a destination, tries its dead letters again, or replays what it had.
pub(super) async fn act(
    State(state): State<AppState>,
    path: Result<Path<(String, String)>, ApiError>,
    form: SentForm,
) -> Response {
    let did = match path {
        Ok(Path((name, action))) => act_on(&state, &name, &action, &form).await,
        Err(error) => Err(error),
    };
    match did {
        Ok(text) => done(&form.frame, "forwarding", &text),
        Err(error) => failure(form.frame, &error),
    }
}

async fn act_on(
    state: &AppState,
    name: &str,
    action: &str,
    form: &SentForm,
) -> Result<Text, ApiError> {
    Ok(match action {
        "pause" => {
            destinations::set_pause(state, name, true).await?;
            Text::new("paused-destination").with("name", name)
        }
        "resume" => {
            destinations::set_pause(state, name, false).await?;
            Text::new("resumed-destination").with("name", name)
        }
        "retry" => {
            let revived = destinations::revive(state, name).await?;
            Text::new("revived-dead-letters")
                .with("name", name)
                .with("count", revived)
        }
        "replay" => {
            let since = form.field("since");
            let since = parse_moment(since)
                .map_err(|problem| ApiError::BadRequest(format!("`since` {problem}.")))?;
            let count = destinations::replay_since(state, name, since).await?;
            Text::new("replaying")
                .with("name", name)
                .with("count", count)
        }
        _ => return Err(ApiError::NotFound("There is no such action.".to_owned())),
    })
}
