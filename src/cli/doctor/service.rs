//! The checks of the running service.

use reqwest::{StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::super::Failure;
use super::super::service::is_alive;
use crate::diagnose::{Check, Report};
use crate::http_client::{self, RequestError};
use crate::i18n::{Locale, Text};
use crate::text;

/// The name of the check.
const NAME: &str = "service";

/// What is at the service's address.
pub(super) enum Found {
    /// It runs. `seen` are the checks of its diagnosis, if it gave one.
    Answers { check: Check, seen: Vec<Check> },
    /// It does not run.
    Silent(Check),
}

/// Asks for its diagnosis in a language, but first whether it is this service, so that no other program gets the token.
pub(super) async fn ask(
    base: &str,
    token: Option<&SecretString>,
    locale: Locale,
) -> Result<Found, Failure> {
    let client = http_client::client()
        .build()
        .map_err(|_| Failure::no_client())?;
    let about = |id| Text::new(id).with("url", shown(base));
    let is_alive = match is_alive(&client, base).await {
        Ok(is_alive) => is_alive,
        Err(error) => return Ok(Found::Silent(no_answer(about, &error))),
    };
    if !is_alive {
        return Ok(Found::Silent(Check::problem(
            NAME,
            about("service-foreign"),
        )));
    }
    let answers = |check, seen| Ok(Found::Answers { check, seen });
    let Some(token) = token else {
        let check = Check::problem(NAME, about("service-without-token"));
        return answers(check, Vec::new());
    };
    let diagnosis = client
        .get(format!("{base}/instagram/diagnosis"))
        .header(header::ACCEPT_LANGUAGE, locale.as_str())
        .bearer_auth(token.expose_secret());
    let (status, body) = match diagnosis.send().await {
        Ok(response) => json(response).await,
        Err(error) => {
            let check = no_answer(about, &RequestError::from(&error));
            return Ok(Found::Silent(check));
        }
    };
    let check = match (status, serde_json::from_value::<Report>(body)) {
        (StatusCode::OK, Ok(report)) => {
            return answers(Check::ok(NAME, about("service-answers")), report.checks);
        }
        (StatusCode::UNAUTHORIZED, _) => Check::problem(NAME, about("service-refuses-token")),
        (StatusCode::NOT_FOUND, _) => Check::warning(NAME, about("service-other-version")),
        (status, _) => Check::problem(
            NAME,
            about("service-status").with("status", status.to_string()),
        ),
    };
    answers(check, Vec::new())
}

fn no_answer(about: impl Fn(&'static str) -> Text, error: &RequestError) -> Check {
    Check::problem(
        NAME,
        match error {
            RequestError::Refused => about("service-silent"),
            RequestError::TimedOut => about("service-hangs"),
            error => about("service-unreachable").with("cause", error.text()),
        },
    )
}

async fn json(response: reqwest::Response) -> (StatusCode, Value) {
    let status = response.status();
    let body = http_client::read_body(response).await.unwrap_or_default();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn shown(base: &str) -> String {
    let url = url::Url::parse(base).map(|url| text::without_credentials(&url));
    url.map_or_else(
        |_| base.to_owned(),
        |url| url.as_str().trim_end_matches('/').to_owned(),
    )
}
