//! One signed sample for a destination, to see whether it accepts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::attempt::AttemptClient;
use super::event::Event;
use crate::config::Destination;
use crate::config::forward::ForwardContent;
use crate::delivery::Delivery;
use crate::message::{Channel, Direction, Kind, Message, SentAtSource, Shape};
use crate::redact::Redactor;
use crate::store::AttemptFailure;
use crate::time::{Clock, new_id};

/// What was sent, and what came of it.
#[derive(Debug)]
pub struct SampleAttempt {
    pub method: String,
    /// The values of configured headers are left out: they may be credentials.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// The status of the answer.
    pub result: Result<u16, AttemptFailure>,
    pub took: Duration,
}

/// Sends a sample as a message or a delivery would be sent. None of `secrets` is in what this answers.
///
/// # Errors
/// When this machine has no CA certificates.
pub async fn send_sample(
    destination: &Destination,
    secrets: Vec<&SecretString>,
    clock: Clock,
) -> anyhow::Result<SampleAttempt> {
    let event = sample(&destination.content, &clock);
    send_one(destination, &event, secrets, clock).await
}

/// Sends one event.
pub(crate) async fn send_one(
    destination: &Destination,
    event: &Event,
    secrets: Vec<&SecretString>,
    clock: Clock,
) -> anyhow::Result<SampleAttempt> {
    let redactor = Redactor::new(secrets);
    let client = AttemptClient::new(Arc::new(destination.clone()), redactor, clock.clone())?;
    let headers = client.headers(event, clock.now().as_second());
    let shown = headers.iter().map(|(name, value)| {
        let value = if destination.headers.contains_key(name) {
            "(as configured)"
        } else {
            value.to_str().unwrap_or_default()
        };
        (name.to_string(), value.to_owned())
    });
    let began = Instant::now();
    let result = client.attempt(event).await;
    Ok(SampleAttempt {
        method: event.method.to_string(),
        headers: shown.collect(),
        body: String::from_utf8_lossy(&event.body).into_owned(),
        result: result
            .map(|status| status.as_u16())
            .map_err(|failed| failed.failure),
        took: began.elapsed(),
    })
}

fn sample(content: &ForwardContent, clock: &Clock) -> Event {
    let now = clock.now();
    let text = "This is a test of chatrace-webhook.".to_owned();
    match content {
        ForwardContent::Messages { format, .. } => {
            let message = Message {
                id: new_id(),
                position: 0,
                channel: Channel::Instagram,
                direction: Direction::Inbound,
                kind: Kind::Text,
                external_id: None,
                contact_id: "test".to_owned(),
                sender_id: Some("test".to_owned()),
                recipient_id: None,
                username: None,
                display_name: Some("Test".to_owned()),
                text: Some(text),
                attachments: Vec::new(),
                reply_to: None,
                payload: None,
                sent_at: now,
                sent_at_source: SentAtSource::Arrival,
                received_at: now,
                delivery_id: new_id(),
                shape: Shape::Flat,
                recovered: false,
            };
            Event::of_message(&message, *format)
        }
        ForwardContent::Deliveries => {
            let body = serde_json::json!({ "contact_id": "test", "text": text });
            let delivery = Delivery {
                id: new_id(),
                received_at: now,
                method: "POST".to_owned(),
                content_type: Some("application/json".to_owned()),
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                body: body.to_string().into(),
                is_query: false,
            };
            Event::of_delivery(0, delivery)
        }
    }
}
