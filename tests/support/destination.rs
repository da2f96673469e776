//! A system of the owner's to which messages are forwarded: it records every request, and answers as a test wants.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chatrace_webhook::config::Limits;
use chatrace_webhook::lifecycle::Lifecycle;
use chatrace_webhook::{crypto, http};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::wait::eventually;

/// The secret of every test destination.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A request that a destination got.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) method: String,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What was answered.
    pub(crate) status: u16,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The text of the message.
    pub(crate) fn text(&self) -> String {
        self.json()["data"]["text"].as_str().unwrap().to_owned()
    }

    pub(crate) fn is_accepted(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Checks the signature with the secret of every test destination.
    pub(crate) fn assert_signed(&self) {
        let key = STANDARD.decode(&SECRET[6..]).unwrap();
        let timestamp = self.header("webhook-timestamp").parse().unwrap();
        let expected = crypto::webhook_signature(&key, self.id(), timestamp, &self.body);
        let signatures = self.header("webhook-signature");
        assert!(
            signatures.split(' ').any(|one| one == expected),
            "{signatures}"
        );
    }
}

/// How a destination answers a request.
type Answering = dyn Fn(&Got) -> Response + Send + Sync;

struct Shared {
    answering: Mutex<Box<Answering>>,
    got: watch::Sender<Vec<Got>>,
}

/// The destination. It ends with the test.
pub(crate) struct TestDestination {
    pub(crate) url: String,
    shared: Arc<Shared>,
    lifecycle: Lifecycle,
}

impl TestDestination {
    /// One that accepts everything.
    pub(crate) async fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// The same, at a given place.
    pub(crate) fn on(listener: TcpListener) -> Self {
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            answering: Mutex::new(Box::new(|_| StatusCode::NO_CONTENT.into_response())),
            got: watch::Sender::new(Vec::new()),
        });
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let lifecycle = Lifecycle::new();
        let stages = lifecycle.clone();
        tokio::spawn(async move {
            http::serve(listener, router, Limits::default(), || {}, &stages).await;
        });
        Self {
            url,
            shared,
            lifecycle,
        }
    }

    /// Answers like this from now on.
    pub(crate) fn answer(&self, answering: impl Fn(&Got) -> Response + Send + Sync + 'static) {
        *self.shared.answering.lock().unwrap() = Box::new(answering);
    }

    /// Answers everything with a status from now on.
    pub(crate) fn answer_all(&self, status: u16) {
        let status = StatusCode::from_u16(status).unwrap();
        self.answer(move |_| (status, "because of canary-answer").into_response());
    }

    /// Every request so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.shared.got.borrow().clone()
    }

    /// Waits until the requests are as wanted.
    pub(crate) async fn got_where(&self, wanted: impl Fn(&[Got]) -> bool) -> Vec<Got> {
        let mut got = self.shared.got.subscribe();
        let waiting = got.wait_for(|got| wanted(got));
        let found = tokio::time::timeout(super::process::PATIENCE, waiting).await;
        let found = found.unwrap_or_else(|_| {
            panic!(
                "the destination never got what is wanted, but {:#?}",
                self.got()
            )
        });
        found.unwrap().clone()
    }

    /// Waits until so many requests are accepted.
    pub(crate) async fn accepted(&self, number: usize) -> Vec<Got> {
        let accepted = |got: &[Got]| got.iter().filter(|one| one.is_accepted()).count();
        let got = self.got_where(|got| accepted(got) >= number).await;
        got.into_iter().filter(Got::is_accepted).collect()
    }
}

impl Drop for TestDestination {
    fn drop(&mut self) {
        self.lifecycle.hard().cancel();
        self.lifecycle.soft().cancel();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let mut got = Got {
        method: head.method.to_string(),
        uri: head.uri,
        headers: head.headers,
        body: axum::body::to_bytes(body, usize::MAX).await.unwrap(),
        status: 0,
    };
    let response = (shared.answering.lock().unwrap())(&got);
    got.status = response.status().as_u16();
    shared.got.send_modify(|all| all.push(got));
    response
}

/// Asks the service for a destination until it is as wanted.
pub(crate) async fn destination_where(
    app: &super::App,
    name: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    let ask = async || {
        let all = app.get("/instagram/destinations").await.ok();
        let all = all["destinations"].as_array().unwrap().clone();
        all.into_iter()
            .find(|one| one["name"] == name)
            .unwrap_or_default()
    };
    eventually("the destination is as wanted", ask, wanted).await
}
