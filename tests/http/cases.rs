//! Requests that people who run such receivers reported in public, with what should become of them
//! (`cases.json`: made-up values, real shapes).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use rstest::rstest;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::support::{App, Backend};

/// Cases whose ideal is not reached, though nothing is read wrongly: the text keeps the quotes around it; the customer
/// of an agent's answer is deep inside the conversation.
const NOT_IDEAL: [&str; 2] = [
    "a02-encode-to-json-and-quotes-too",
    "d05-chatwoot-agents-answer",
];

#[derive(Deserialize)]
struct Case {
    id: String,
    #[serde(default)]
    env: Map<String, Value>,
    request: Request,
    expect: Expected,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    path: String,
    headers: Map<String, Value>,
    body: Option<String>,
    body_b64: Option<String>,
}

/// What is acceptable, and what would be best.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Expected {
    status: Value,
    outcome: Value,
    messages: Option<Vec<Map<String, Value>>>,
    forbid: Vec<Map<String, Value>>,
    ideal: Vec<Map<String, Value>>,
    ideal_body: Option<String>,
    any_of: Vec<Expected>,
}

struct Outcome {
    status: u16,
    body: String,
    messages: Vec<Value>,
}

impl Outcome {
    fn has(&self, wanted: &Map<String, Value>) -> bool {
        self.messages
            .iter()
            .any(|message| wanted.iter().all(|(key, value)| message[key] == *value))
    }

    fn fits(&self, expected: &Expected) -> bool {
        let is_one_of = |wanted: &Value, found: Value| match wanted {
            Value::Null => true,
            Value::Array(list) => list.contains(&found),
            one => *one == found,
        };
        let answer: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let is_there = match expected.messages.as_deref() {
            None => true,
            Some([]) => self.messages.is_empty(),
            Some(wanted) => wanted.iter().all(|wanted| self.has(wanted)),
        };
        is_one_of(&expected.status, self.status.into())
            && (answer["outcome"].is_null()
                || is_one_of(&expected.outcome, answer["outcome"].clone()))
            && is_there
            && !expected.forbid.iter().any(|forbidden| self.has(forbidden))
            && (expected.any_of.is_empty() || expected.any_of.iter().any(|one| self.fits(one)))
    }

    fn is_ideal(&self, expected: &Expected) -> bool {
        expected.ideal.iter().all(|wanted| self.has(wanted))
            && (expected.ideal_body.as_ref()).is_none_or(|ideal| *ideal == self.body)
    }
}

/// A service with these settings.
async fn start(env: &Map<String, Value>, backend: Backend) -> App {
    let settings: Vec<_> = env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    App::with(backend, &settings).await
}

async fn play(case: &Case, app: &App) -> Outcome {
    let known = app.messages().await.len();
    let method = Method::from_bytes(case.request.method.as_bytes()).unwrap();
    let mut request = app.request(method, &case.request.path);
    for (name, value) in &case.request.headers {
        request = request.header(name, value.as_str().unwrap());
    }
    if let Some(body) = &case.request.body {
        request = request.body(body.clone());
    } else if let Some(body) = &case.request.body_b64 {
        request = request.body(STANDARD.decode(body).unwrap());
    }
    let answer = request.send().await.unwrap();
    Outcome {
        status: answer.status().as_u16(),
        body: answer.text().await.unwrap(),
        messages: app.messages().await.split_off(known),
    }
}

#[rstest]
#[tokio::test]
async fn reported_requests_become_what_they_should(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases.json")).unwrap();
    assert_eq!(cases.len(), 28);
    let mut not_ideal = Vec::new();
    let mut apps: Vec<(&Map<String, Value>, App)> = Vec::new();
    for case in &cases {
        if !apps.iter().any(|(env, _)| *env == &case.env) {
            apps.push((&case.env, start(&case.env, backend).await));
        }
        let (_, app) = apps.iter().find(|(env, _)| *env == &case.env).unwrap();
        let outcome = play(case, app).await;
        let shown = || {
            format!(
                "{}: {} {} {:?}",
                case.id, outcome.status, outcome.body, outcome.messages
            )
        };
        assert!(outcome.fits(&case.expect), "{}", shown());
        if !outcome.is_ideal(&case.expect) {
            not_ideal.push(case.id.as_str());
        }
    }
    assert_eq!(not_ideal, NOT_IDEAL);
}
