//! What has to be entered in Chatrace, with this installation's own values.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use secrecy::ExposeSecret as _;

use super::super::AppState;
use super::frame::{Frame, View};
use super::render;
use crate::delivery::WEBHOOK_PATH;
use crate::setup::{self, SetupStep, Situation};

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupTemplate {
    frame: Frame,
    webhook: String,
    /// The first secret of senders, behind a button.
    secret: Option<String>,
    steps: Vec<SetupStep>,
}

pub(super) async fn show(State(state): State<AppState>, frame: Frame) -> Response {
    let frame = frame.of(View::Setup);
    let secret = state.config.auth.webhook_secrets.first();
    render(&SetupTemplate {
        webhook: webhook(&state, &frame),
        secret: secret.map(|secret| secret.expose_secret().to_owned()),
        steps: steps(&state, &frame),
        frame,
    })
}

/// The steps of the setup, with the address under which the page was opened where no other is known.
pub(super) fn steps(state: &AppState, frame: &Frame) -> Vec<SetupStep> {
    let mut situation = Situation::new(&state.config);
    if situation.webhook_url.is_none() {
        situation.webhook_url = frame
            .public_address()
            .map(|address| format!("{address}{WEBHOOK_PATH}"));
    }
    setup::steps(&situation)
}

/// The URL to enter in Chatrace: that of `PUBLIC_URL`, or the address under which the page was opened.
pub(super) fn webhook(state: &AppState, frame: &Frame) -> String {
    let situation = Situation::new(&state.config);
    situation.webhook_url.unwrap_or_else(|| {
        let address = frame.address.clone().unwrap_or(situation.local);
        format!("{address}{WEBHOOK_PATH}")
    })
}
