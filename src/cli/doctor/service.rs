//! The checks of the running service.

use reqwest::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::super::Failure;
use super::super::service::is_alive;
use crate::diagnose::{Check, Report};
use crate::http_client::{self, RequestError};
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

/// Asks for its diagnosis, but first whether it is this service, so that no other program gets the token.
pub(super) async fn ask(base: &str, token: Option<&SecretString>) -> Result<Found, Failure> {
    let client = http_client::client()
        .build()
        .map_err(|_| Failure::no_client())?;
    let shown = shown(base);
    let is_alive = match is_alive(&client, base).await {
        Ok(is_alive) => is_alive,
        Err(error) => return Ok(Found::Silent(no_answer(&shown, &error))),
    };
    if !is_alive {
        return Ok(Found::Silent(Check::problem(
            NAME,
            format!("Something answers at {shown}, but it is not this service."),
            "Messages sent there are lost.",
            "Stop the other program, or set PORT to a free port. If the service listens elsewhere, give its address with --url.",
        )));
    }
    let answers = |check, seen| Ok(Found::Answers { check, seen });
    let Some(token) = token else {
        return answers(
            Check::problem(
                NAME,
                format!("The service answers at {shown}, but there is no API token here."),
                "The checks of the service are missing from this report.",
                "Set API_TOKEN to the token of the service, or run this in the directory of its DATA_DIR.",
            ),
            Vec::new(),
        );
    };
    let diagnosis = client
        .get(format!("{base}/instagram/diagnosis"))
        .bearer_auth(token.expose_secret());
    let (status, body) = match diagnosis.send().await {
        Ok(response) => json(response).await,
        Err(error) => {
            return Ok(Found::Silent(no_answer(
                &shown,
                &RequestError::from(&error),
            )));
        }
    };
    let missing = "The checks of the service are missing from this report.";
    match (status, serde_json::from_value::<Report>(body)) {
        (StatusCode::OK, Ok(report)) => answers(
            Check::ok(NAME, format!("The service answers at {shown}."), "It runs."),
            report.checks,
        ),
        (StatusCode::UNAUTHORIZED, _) => answers(
            Check::problem(
                NAME,
                format!("The service at {shown} refuses this API token."),
                missing,
                "Set API_TOKEN to the token of the service, or run this in the directory of its DATA_DIR. If the token was changed since the service started, restart it.",
            ),
            Vec::new(),
        ),
        (StatusCode::NOT_FOUND, _) => answers(
            Check::warning(
                NAME,
                format!(
                    "The service at {shown} has no diagnosis: it is another version than this program."
                ),
                missing,
                "Restart the service with this version.",
            ),
            Vec::new(),
        ),
        (status, _) => answers(
            Check::problem(
                NAME,
                format!("The service at {shown} answers {status} to GET /instagram/diagnosis."),
                missing,
                "Its log contains the cause.",
            ),
            Vec::new(),
        ),
    }
}

fn no_answer(shown: &str, error: &RequestError) -> Check {
    match error {
        RequestError::Refused => Check::problem(
            NAME,
            format!("Nothing listens at {shown}: the service does not run there."),
            "Messages sent there are lost.",
            "Start it with `chatrace-webhook serve`. If it stops at once, it prints the reason.",
        ),
        RequestError::TimedOut => Check::problem(
            NAME,
            format!("The service at {shown} accepts the connection but does not answer."),
            "It hangs, or the machine is out of resources. Messages sent there are lost.",
            "Read its log and restart it.",
        ),
        error => Check::problem(
            NAME,
            format!("The service at {shown} cannot be reached: {error}."),
            "Whether it runs is unknown.",
            "Check the URL.",
        ),
    }
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
