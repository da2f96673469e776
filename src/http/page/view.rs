//! The data of the templates in `templates/`, which escape every text.

use std::borrow::Cow;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use jiff::Timestamp;

use super::super::AppState;
use super::super::deliveries::Readable;
use super::super::error::ApiError;
use super::super::stats::{HourPoint, Look};
use super::assets;
use crate::delivery::WEBHOOK_PATH;
use crate::diagnose::{Check, Status};
use crate::message::{Attachment, Message};
use crate::setup::{SetupStep, Situation, steps};
use crate::store::{DeliveryDetail, Newest};
use crate::text::cut;

/// The longest text in a list, in characters.
const SHORT: usize = 600;
/// How many reasons of a delivery a list shows.
const REASONS: usize = 3;
/// The height of the highest bar.
const HIGHEST: i64 = 60;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginTemplate<'a> {
    place: PageLocation,
    problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailureTemplate {
    place: PageLocation,
    sentence: String,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomeTemplate<'a> {
    place: PageLocation,
    look: &'a Look,
    bars: Vec<ChartBar>,
    newest: Option<&'a Newest>,
    steps: Vec<SetupStep>,
    webhook: String,
}

#[derive(Template)]
#[template(path = "delivery.html")]
struct DeliveryTemplate<'a> {
    place: PageLocation,
    found: &'a DeliveryDetail,
    readable: &'a Readable,
    situation: Situation,
}

/// The location of a page, for its relative links.
#[derive(Clone, Copy)]
struct PageLocation {
    /// The path from this page to the root.
    root: &'static str,
    has_session: bool,
}

impl PageLocation {
    const HOME: Self = Self {
        root: "",
        has_session: true,
    };
    const BELOW: Self = Self {
        root: "../",
        has_session: true,
    };

    fn home(self) -> &'static str {
        if self.root.is_empty() { "." } else { ".." }
    }
}

/// How long something has waited, in its largest unit; nothing if nothing waits.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "templates pass references"
)]
fn age(seconds: &f64) -> String {
    match *seconds {
        ..=0.0 => String::new(),
        ..120.0 => format!("{seconds:.0} s"),
        ..7_200.0 => format!("{:.0} min", seconds / 60.0),
        ..172_800.0 => format!("{:.0} h", seconds / 3_600.0),
        _ => format!("{:.0} days", seconds / 86_400.0),
    }
}

/// The version in the addresses of style and script.
fn version() -> &'static str {
    &assets::VERSION
}

/// An hour in the chart.
struct ChartBar {
    x: usize,
    top: i64,
    height: i64,
    title: String,
}

/// The login form; `problem` is why the last login was refused.
pub(super) fn login(status: StatusCode, problem: Option<&str>) -> Response {
    let place = PageLocation {
        root: "",
        has_session: false,
    };
    page(status, &LoginTemplate { place, problem })
}

/// Why a page cannot be shown.
pub(super) fn failure(error: &ApiError) -> Response {
    let (place, sentence) = (PageLocation::BELOW, error.sentence());
    page(error.status(), &FailureTemplate { place, sentence })
}

/// The overview.
pub(super) fn home(state: &AppState, look: &Look, newest: Option<&Newest>) -> Response {
    let situation = Situation::new(&state.config);
    let steps = steps(&situation);
    let home = HomeTemplate {
        place: PageLocation::HOME,
        look,
        bars: bars(&look.stats.hourly),
        newest,
        webhook: situation
            .webhook_url
            .unwrap_or_else(|| format!("{}{WEBHOOK_PATH}", situation.local)),
        steps,
    };
    page(StatusCode::OK, &home)
}

/// One delivery.
pub(super) fn delivery(state: &AppState, found: &DeliveryDetail, readable: &Readable) -> Response {
    let one = DeliveryTemplate {
        place: PageLocation::BELOW,
        found,
        readable,
        situation: Situation::new(&state.config),
    };
    page(StatusCode::OK, &one)
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            ApiError::Internal.into_response()
        }
    }
}

fn bars(hours: &[HourPoint]) -> Vec<ChartBar> {
    let messages = |hour: &HourPoint| hour.inbound + hour.outbound;
    let most = hours.iter().map(messages).max().unwrap_or_default().max(1);
    let bar = |(x, hour): (usize, &HourPoint)| {
        let number = messages(hour);
        // Even a single message is visible beside the highest bar.
        let height = (number * HIGHEST / most).max(i64::from(number > 0));
        ChartBar {
            x,
            top: HIGHEST - height,
            height,
            title: format!("{}: {number} messages", clock(hour.hour)),
        }
    };
    hours.iter().enumerate().map(bar).collect()
}

/// A time for people, in UTC like the sentences of the diagnosis.
fn shown(at: &Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// For `<time datetime>`.
fn exact(at: &Timestamp) -> String {
    format!("{at:.3}")
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M UTC").to_string()
}

/// The beginning of a text.
fn short(text: &str) -> Cow<'_, str> {
    cut(text, SHORT)
}

/// The best known name of a customer.
fn name(message: &Message) -> &str {
    let known = message
        .display_name
        .as_deref()
        .or(message.username.as_deref());
    known.unwrap_or(&message.contact_id)
}

/// The link to an attachment, if it is a web address: a foreign address may also be a script.
fn link(attachment: &Attachment) -> Option<&str> {
    let url = attachment.url.as_deref()?;
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    is_web.then_some(url)
}

/// A number, or `?` while the database is away.
fn number(value: Option<&i64>) -> String {
    value.map_or_else(|| "?".to_owned(), i64::to_string)
}

/// The pieces of a sentence with code in backticks, and which of them are code.
fn pieces(sentence: &impl ToString) -> Vec<(bool, String)> {
    let sentence = sentence.to_string();
    let pieces = sentence.split('`').enumerate();
    pieces
        .map(|(number, piece)| (number % 2 == 1, piece.to_owned()))
        .collect()
}

/// Whether a check is worth a look.
fn is_bad(check: &Check) -> bool {
    matches!(check.status, Status::Problem | Status::Warning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bar_is_as_high_as_the_chart_and_none_is_lost() {
        let hour = |inbound| HourPoint {
            hour: Timestamp::UNIX_EPOCH,
            deliveries: 0,
            inbound,
            outbound: 0,
        };
        let heights =
            |hours: &[HourPoint]| -> Vec<_> { bars(hours).iter().map(|bar| bar.height).collect() };
        assert_eq!(
            heights(&[hour(0), hour(1), hour(500), hour(1000)]),
            [0, 1, 30, 60]
        );
        assert_eq!(heights(&[hour(0), hour(0)]), [0, 0]);
    }

    #[test]
    fn only_addresses_of_the_web_become_links() {
        let to = |url: Option<&str>| Attachment {
            kind: "image".to_owned(),
            url: url.map(str::to_owned),
        };
        assert!(link(&to(Some("https://cdn.example/a.jpg"))).is_some());
        for url in [
            None,
            Some("javascript:alert(1)"),
            Some("data:text/html,x"),
            Some(""),
        ] {
            assert_eq!(link(&to(url)), None);
        }
    }

    #[test]
    fn text_in_backticks_is_code() {
        let found: Vec<_> = pieces(&"run `setup`, then `doctor`");
        let expected = [
            (false, "run "),
            (true, "setup"),
            (false, ", then "),
            (true, "doctor"),
            (false, ""),
        ];
        let expected = expected.map(|(is_code, piece)| (is_code, piece.to_owned()));
        assert_eq!(found, expected);
    }
}
