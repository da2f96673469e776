//! Stored messages are passed on: at least once, in order, however long a destination is down.

mod crashes;
mod failures;
mod handlers;
mod messages;
mod operators;
mod removal;
mod traces;

use serde_json::{Value, json};

use crate::support::App;

async fn post(app: &App, contact: &str, text: &str) -> Value {
    let body = json!({ "contact_id": contact, "text": text });
    app.post(body.to_string()).await.ok()
}
