//! From verified content to a durable delivery: reserve room, normalize, submit, answer.

use axum::http::HeaderMap;
use axum::http::request::Parts;
use jiff::{Timestamp, Unit};
use serde::Serialize;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::detached::{detached, off_workers};
use super::rejected::Rejected;
use crate::delivery::{Delivery, Receipt, Record};
use crate::http::AppState;
use crate::http::body::{BodyError, BodyRoom};
use crate::http::sender::VerifiedContent;
use crate::ingest::{SubmitError, most_memory};
use crate::normalize::{DecodedBody, Defect};
use crate::text::one_line;
use crate::time::new_id;

/// The headers that are kept with a delivery. None of them can be a credential of this service.
const KEPT_HEADERS: [&str; 10] = [
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-forwarded-for",
    "x-hub-signature-256",
    "x-user-id",
];

/// Bodies whose decoded length may exceed this are parsed off the async workers, which would serve nobody else
/// meanwhile. Parsing takes up to 0.2 ms per KiB (measured with lists of tiny items, on one busy core), so what is
/// parsed inline takes at most 3 ms. Messages are far shorter than this, and their parsing is hardly slower than
/// changing threads.
const PARSED_INLINE: usize = 16 * 1024;

/// How many of these are parsed at once: a tree takes up to 14 MB beside its body.
static PARSED_AT_ONCE: Semaphore = Semaphore::const_new(2);

/// The answer to a delivery that is kept. It never has the keys `messages` or `actions`: Chatrace would execute them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Accepted {
    success: bool,
    #[serde(flatten)]
    receipt: Receipt,
}

/// Makes verified content a delivery, and answers when that is durable. The content keeps the `room` of its body until
/// the queue has room for the delivery. A sender with a valid secret waits longer for that.
pub(super) async fn keep(
    state: &AppState,
    request: &Parts,
    content: VerifiedContent,
    room: Option<BodyRoom>,
    is_trusted: bool,
) -> Result<Accepted, Rejected> {
    let delivery = delivery(state.clock.now(), request, content);
    let arrived = delivery.received_at;
    tracing::info!(delivery.id = %delivery.id, bytes = delivery.body.len(), "📨 Received webhook from Instagram/Chatrace");
    let submitting = {
        let state = state.clone();
        async move {
            let longest = DecodedBody::longest(&delivery, state.config.server.max_body_bytes);
            let permit = state
                .ingest
                .reserve(most_memory(&delivery, longest), is_trusted)
                .await?;
            drop(room);
            let (record, defect) = if longest > PARSED_INLINE {
                let parsing = PARSED_AT_ONCE.acquire().await;
                let parsing = parsing.map_err(|_| SubmitError::Stopping)?;
                let read = off_workers(move || read(&state, delivery)).await;
                drop(parsing);
                read.ok_or(SubmitError::Stopping)??
            } else {
                read(&state, delivery)?
            };
            Ok::<_, Rejected>((permit.submit(record), defect))
        }
    };
    // The delivery arrived whole: a client that hangs up now must not abort its write.
    let (receipt, defect) = detached(submitting).await.ok_or(SubmitError::Stopping)??;
    let receipt = receipt.await?;
    state.process.count_delivery(&receipt, arrived);
    match defect {
        Some(defect) => Err(Rejected::unreadable(defect, &receipt)),
        None => Ok(Accepted {
            success: true,
            receipt,
        }),
    }
}

/// The delivery. Its time is to the millisecond, which is what every backend keeps.
fn delivery(now: Timestamp, request: &Parts, content: VerifiedContent) -> Delivery {
    Delivery {
        id: new_id(),
        received_at: now.round(Unit::Millisecond).unwrap_or_default(),
        method: request.method.as_str().to_owned(),
        content_type: text_of(&request.headers, "content-type"),
        headers: kept_headers(&request.headers),
        is_query: content.is_query(),
        body: content.into_bytes(),
    }
}

/// Decodes and parses a delivery: once, and only with room for the most that may come of it.
fn read(state: &AppState, delivery: Delivery) -> Result<(Record, Option<Defect>), Rejected> {
    let limit = state.config.server.max_body_bytes;
    tracing::debug!(delivery.id = %delivery.id, "🔄 Processing Chatrace webhook");
    let body = DecodedBody::of(&delivery, limit);
    if body.is_too_large() {
        return Err(BodyError::TooLarge { limit }.into());
    }
    if state.config.telemetry.bodies {
        let text = state.redactor.redact(&body.readable_text(&delivery));
        tracing::info!(delivery.id = %delivery.id, "📦 Full body: {}", one_line(&text));
    }
    let reading = state.config.normalizer.normalize_decoded(&delivery, &body);
    drop(body);
    let record = Record {
        delivery,
        shape: reading.shape,
        items: reading.items,
    };
    Ok((record, reading.defect))
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    KEPT_HEADERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), text_of(headers, name)?)))
        .collect()
}
