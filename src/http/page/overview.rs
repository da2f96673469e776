//! The overview: the verdict, the newest conversations, numbers, charts and checks.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::super::AppState;
use super::super::contacts::{self, ContactView, ListContacts};
use super::super::stats::{self, Look};
use super::charts::{Chart, Span};
use super::frame::{Frame, View};
use super::{EXTERNAL, render};
use crate::diagnose::{Check, Status};
use crate::setup::SetupStep;
use crate::store::ContactOrder;

/// How many conversations are shown.
const PEOPLE: u32 = 5;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewTemplate {
    frame: Frame,
    look: Look,
    people: Option<Vec<ContactView>>,
    chart: Option<Chart>,
    /// What is left to do, until the first message has arrived.
    steps: Vec<SetupStep>,
}

impl OverviewTemplate {
    fn bad(&self) -> impl Iterator<Item = &Check> {
        self.look.report.checks.iter().filter(|check| is_bad(check))
    }

    fn good(&self) -> impl Iterator<Item = &Check> {
        self.look
            .report
            .checks
            .iter()
            .filter(|check| !is_bad(check))
    }
}

/// Whether a check is worth a look.
fn is_bad(check: &Check) -> bool {
    matches!(check.status, Status::Problem | Status::Warning)
}

/// A number, or `?` while the database is away.
fn number(value: Option<&i64>) -> String {
    value.map_or_else(|| "?".to_owned(), i64::to_string)
}

/// The overview. With `?outside`, the external checks run first; `?chart=days` shows another chart.
pub(super) async fn show(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    frame: Frame,
) -> Response {
    let query = query.unwrap_or_default();
    let external = if query == EXTERNAL {
        Some(state.prober.ask().await)
    } else {
        state.prober.known()
    };
    let look = stats::look(&state, external).await;
    // A database that is away is asked only once.
    let (people, chart) = if look.stats.degraded {
        (None, None)
    } else {
        let newest = ListContacts {
            order: ContactOrder::Last,
            limit: Some(PEOPLE),
            ..ListContacts::default()
        };
        let people = contacts::page(&state, newest).await.ok();
        let chart = Chart::of(&state, Span::asked(&query), &frame).await;
        (people.map(|page| page.contacts), chart)
    };
    let steps = if look.stats.total_messages == Some(0) {
        super::setup::steps(&state, &frame)
    } else {
        Vec::new()
    };
    render(&OverviewTemplate {
        frame: frame.of(View::Overview),
        look,
        people,
        chart,
        steps,
    })
}
