//! A Chatrace API that answers like the real one, over real HTTP: see docs/chatrace.md, section 7.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The token of the account that the mock has.
pub(crate) const CHATRACE_TOKEN: &str = "1700001.canary-chatrace-token";

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// As documented.
    Well,
    /// An error inside HTTP 200, which repeats the token.
    ErrorInside,
    /// An error inside HTTP 200 that is nothing but a text.
    TextInside,
    /// The limit of requests, inside HTTP 200.
    LimitInside,
    /// The limit once, as 429; then well.
    LimitOnce,
    /// The account of somebody else.
    OtherAccount,
    /// No answer, ever.
    Silent,
    /// More than anybody would read.
    Endless,
    /// A page for people.
    Html,
    /// Elsewhere.
    Redirect,
    /// Trouble of its own.
    Broken,
}

/// Runs until it is dropped.
pub(crate) struct Chatrace {
    pub(crate) url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    /// Path and query of every request.
    asked: Mutex<Vec<String>>,
    url: String,
}

impl Chatrace {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(behaviour),
            asked: Mutex::default(),
            url: url.clone(),
        });
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, task }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Drop for Chatrace {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let asked = request.uri().to_string();
    shared.asked.lock().unwrap().push(asked);
    let behaviour = *shared.behaviour.lock().unwrap();
    let ok = |body: serde_json::Value| (StatusCode::OK, body.to_string()).into_response();
    let limit = "Your account exceeded the limit of 100 requests per 60 seconds";
    match behaviour {
        Behaviour::ErrorInside => {
            let message = format!("Account {CHATRACE_TOKEN} is\u{1b}[31m suspended");
            return ok(json!({ "error": { "code": 1204, "message": message } }));
        }
        Behaviour::TextInside => return ok(json!({ "error": "Account suspended" })),
        Behaviour::LimitInside => return ok(json!({ "error": { "code": 8, "message": limit } })),
        Behaviour::LimitOnce => {
            *shared.behaviour.lock().unwrap() = Behaviour::Well;
            return (StatusCode::TOO_MANY_REQUESTS, limit).into_response();
        }
        Behaviour::Silent => std::future::pending::<()>().await,
        Behaviour::Endless => return "x".repeat(8 * 1024 * 1024).into_response(),
        Behaviour::Html => return "<html>Welcome</html>".into_response(),
        Behaviour::Redirect => {
            let to = format!("{}/elsewhere", shared.url);
            return (StatusCode::FOUND, [(header::LOCATION, to)]).into_response();
        }
        Behaviour::Broken => return StatusCode::BAD_GATEWAY.into_response(),
        Behaviour::Well | Behaviour::OtherAccount => {}
    }
    let token = request.headers().get("x-access-token");
    if token.is_none_or(|token| token != CHATRACE_TOKEN) {
        let error = json!({ "error": { "code": 401, "message": "No valid API key provided" } });
        return (StatusCode::UNAUTHORIZED, error.to_string()).into_response();
    }
    match (request.uri().path(), behaviour) {
        ("/accounts/me", Behaviour::OtherAccount) => ok(json!({ "id": 42, "name": "Another" })),
        ("/accounts/me", _) => ok(json!({ "id": 1_700_001, "name": "Shop" })),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
