//! Deliveries, one delivery, and what is in quarantine.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::deliveries::{self, DeliveryPage, ListDeliveries, Readable};
use super::super::error::ApiError;
use super::super::extract::{Path, Query};
use super::super::reprocess;
use super::form::SentForm;
use super::frame::{Frame, View};
use super::source::FieldSource;
use super::{body, done, failure, render, words};
use crate::delivery::Outcome;
use crate::i18n::Text;
use crate::maintenance::{Part, ReprocessTotals};
use crate::message::Message;
use crate::store::{DeliveryDetail, Mode, Order, QuarantineReason};

/// How many deliveries a page shows.
const DELIVERIES: u32 = 50;
/// How many reasons of a delivery a list shows.
const REASONS: usize = 3;
/// How many items of a delivery are shown, and of how many it is shown where their message was read from.
const ITEMS: usize = 100;
const EXPLAINED: usize = 5;
/// How many deliveries one press of a button reads again.
const READ_AGAIN: u32 = 1000;

/// Which deliveries.
#[derive(Debug, Default, Deserialize)]
pub(super) struct DeliveriesQuery {
    #[serde(default)]
    outcome: String,
    before: Option<String>,
    /// Whether the quarantine was read again on trial.
    tried: Option<String>,
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct DeliveriesTemplate {
    frame: Frame,
    query: DeliveriesQuery,
    page: DeliveryPage,
}

impl DeliveriesTemplate {
    /// The outcomes that can be chosen, and whether each is.
    fn outcomes(&self) -> impl Iterator<Item = (Outcome, bool)> {
        let kept = Outcome::ALL
            .iter()
            .filter(|outcome| **outcome != Outcome::Spooled);
        kept.map(|outcome| (*outcome, outcome.as_str() == self.query.outcome))
    }

    fn older(&self) -> String {
        let (outcome, before) = (&self.query.outcome, &self.page.next_cursor);
        words::address("deliveries", &[("outcome", outcome), ("before", before)])
    }
}

pub(super) async fn list(
    State(state): State<AppState>,
    frame: Frame,
    query: Result<Query<DeliveriesQuery>, ApiError>,
) -> Response {
    let frame = frame.of(View::Deliveries);
    let query = match query {
        Ok(Query(query)) => query,
        Err(error) => return failure(frame, &error),
    };
    match deliveries::page(&state, newest(&query)).await {
        Ok(page) => render(&DeliveriesTemplate { frame, query, page }),
        Err(error) => failure(frame, &error),
    }
}

fn newest(query: &DeliveriesQuery) -> ListDeliveries {
    ListDeliveries {
        before: query.before.clone(),
        order: Order::Desc,
        limit: Some(DELIVERIES),
        outcome: Outcome::named(&query.outcome),
        ..ListDeliveries::default()
    }
}

#[derive(Template)]
#[template(path = "delivery.html")]
struct DeliveryTemplate {
    frame: Frame,
    found: DeliveryDetail,
    readable: Readable,
    body: body::ShownBody,
    curl: String,
    /// The messages of the first items, and where their fields were read from.
    messages: Vec<(Message, Vec<FieldSource>)>,
}

/// One delivery.
pub(super) async fn show(
    State(state): State<AppState>,
    frame: Frame,
    id: Result<Path<String>, ApiError>,
) -> Response {
    let frame = frame.of(View::Deliveries);
    let found = match id {
        Ok(Path(id)) => deliveries::find(&state, &id).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(found) => render(&delivery(&state, frame, found).await),
        Err(error) => failure(frame, &error),
    }
}

async fn delivery(state: &AppState, frame: Frame, found: DeliveryDetail) -> DeliveryTemplate {
    let readable = deliveries::readable(state, &found.delivery);
    let tree = serde_json::from_str(&readable.body).ok();
    let mut messages = Vec::new();
    for id in found
        .items
        .iter()
        .filter_map(|item| item.message_id)
        .take(EXPLAINED)
    {
        if let Ok(Some(message)) = state.store.message(id).await {
            let sources = tree
                .as_ref()
                .map_or_else(Vec::new, |tree| FieldSource::of(&message, tree));
            messages.push((message, sources));
        }
    }
    DeliveryTemplate {
        curl: body::curl(
            &found.delivery,
            &readable,
            &super::setup::webhook(state, &frame),
        ),
        body: body::ShownBody::of(&readable.body),
        frame,
        found,
        readable,
        messages,
    }
}

/// Reads one delivery again.
pub(super) async fn read_again(
    State(state): State<AppState>,
    id: Result<Path<String>, ApiError>,
    form: SentForm,
) -> Response {
    let read = match id {
        Ok(Path(id)) => reprocess::delivery(&state, &id, Mode::Real)
            .await
            .map(|counts| (id, counts)),
        Err(error) => Err(error),
    };
    match read {
        Ok((id, counts)) => done(
            &form.frame,
            &format!("deliveries/{id}"),
            &came_of_it(&counts, Mode::Real),
        ),
        Err(error) => failure(form.frame, &error),
    }
}

/// What came of reading again, in words.
fn came_of_it(counts: &ReprocessTotals, mode: Mode) -> Text {
    let id = match mode {
        Mode::Real => "read-again",
        Mode::DryRun => "would-read-again",
    };
    Text::new(id)
        .with("deliveries", counts.deliveries)
        .with("stored", counts.stored)
        .with("duplicates", counts.duplicates)
        .with("left", counts.quarantined_after)
}

#[derive(Template)]
#[template(path = "quarantine.html")]
struct QuarantineTemplate {
    frame: Frame,
    reasons: Vec<QuarantineReason>,
    page: DeliveryPage,
    /// Whether it was read again on trial, so that it may be for real.
    is_tried: bool,
}

impl QuarantineTemplate {
    fn older(&self) -> String {
        format!("quarantine?before={}", self.page.next_cursor)
    }
}

pub(super) async fn quarantine(
    State(state): State<AppState>,
    frame: Frame,
    query: Result<Query<DeliveriesQuery>, ApiError>,
) -> Response {
    let frame = frame.of(View::Quarantine);
    let query = query.map(|Query(query)| query).unwrap_or_default();
    match in_quarantine(&state, query.before).await {
        Ok((reasons, page)) => render(&QuarantineTemplate {
            frame,
            reasons,
            page,
            is_tried: query.tried.is_some(),
        }),
        Err(error) => failure(frame, &error),
    }
}

async fn in_quarantine(
    state: &AppState,
    before: Option<String>,
) -> Result<(Vec<QuarantineReason>, DeliveryPage), ApiError> {
    let query = DeliveriesQuery {
        outcome: Outcome::Quarantined.as_str().to_owned(),
        before,
        tried: None,
    };
    let page = deliveries::page(state, newest(&query)).await?;
    Ok((state.store.quarantine_reasons().await?, page))
}

/// Reads the quarantine again, a thousand deliveries at once; first on trial, then for real.
pub(super) async fn read_all_again(State(state): State<AppState>, form: SentForm) -> Response {
    let (mode, path) = if form.field("try").is_empty() {
        (Mode::Real, "quarantine")
    } else {
        (Mode::DryRun, "quarantine?tried=1")
    };
    let part = Part {
        since: None,
        after: 0,
        limit: READ_AGAIN,
        mode,
    };
    match reprocess::part(&state, part).await {
        Ok(read) => done(&form.frame, path, &came_of_it(&read.counts, mode)),
        Err(error) => failure(form.frame, &error),
    }
}
