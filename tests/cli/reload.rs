//! SIGHUP: the configuration is replaced while the service runs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::destination::TestDestination;
use crate::support::process::{Running, program};
use crate::support::wait::eventually;

const FIRST: &str = "first-secret-of-a-sender";
const SECOND: &str = "second-secret-of-a-sender";

/// A service with a `.env`.
struct Service {
    directory: tempfile::TempDir,
    running: Running,
    client: Client,
}

impl Service {
    async fn start(env: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), env);
        let running = Running::start(program(directory.path())).await;
        let client = chatrace_webhook::http_client::builder().redirect(Policy::none());
        let client = client.build().unwrap();
        Self {
            directory,
            running,
            client,
        }
    }

    /// Writes another `.env` and sends the signal.
    fn hang_up(&self, env: &str) {
        write(self.directory.path(), env);
        self.running.signal("-HUP");
    }

    /// The same, and waits until it is done.
    async fn reload(&mut self, env: &str) -> String {
        self.hang_up(env);
        self.running.line_with("the configuration").await
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.running.base))
    }

    async fn status(&self, path: &str, token: &str) -> StatusCode {
        let answer = self.get(path).bearer_auth(token).send().await.unwrap();
        answer.status()
    }

    fn post(&self, secret: &str, text: &str) -> RequestBuilder {
        let url = format!("{}/instagram/webhook", self.running.base);
        let body = format!(r#"{{"contact_id":"1","text":"{text}"}}"#);
        let request = self.client.post(url).body(body);
        request.header("x-webhook-secret", secret)
    }
}

fn write(directory: &Path, env: &str) {
    std::fs::write(directory.join(".env"), env).unwrap();
}

/// One request on a connection that stays open; answers the status line.
async fn ask(connection: &mut TcpStream) -> String {
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    connection.write_all(request).await.unwrap();
    let (mut answer, mut part) = (String::new(), [0; 1024]);
    while !answer.ends_with('}') {
        let read = connection.read(&mut part).await.unwrap();
        assert_ne!(read, 0, "the connection was closed after `{answer}`");
        answer += str::from_utf8(&part[..read]).unwrap();
    }
    answer.lines().next().unwrap().to_owned()
}

/// As docs/rotation.md says: both, then the new one alone. The metrics token tells that a signal has been obeyed.
#[tokio::test]
async fn a_secret_is_rotated_under_load_and_no_valid_request_is_refused() {
    let env = |secret: &str, marker: u8| {
        format!(
            "API_TOKEN=token-of-readers\nWEBHOOK_SECRET={secret}\nMETRICS_TOKEN=m{marker}\nRUST_LOG=warn,chatrace_webhook::cli=info\n"
        )
    };
    let service = Arc::new(Service::start(&env(FIRST, 1)).await);
    let mut connection = {
        let address = service.running.base.strip_prefix("http://").unwrap();
        TcpStream::connect(address).await.unwrap()
    };
    assert!(ask(&mut connection).await.contains("200"));
    let (uses_second, is_over) = (
        Arc::new(AtomicBool::default()),
        Arc::new(AtomicBool::default()),
    );
    let sent: Arc<[AtomicU64; 4]> = Arc::default();
    let mut senders = JoinSet::new();
    for sender in 0..sent.len() {
        let (service, uses_second) = (service.clone(), uses_second.clone());
        let (is_over, sent) = (is_over.clone(), sent.clone());
        senders.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                let second = uses_second.load(Ordering::Relaxed);
                let secret = if second { SECOND } else { FIRST };
                let number = sent[sender].load(Ordering::Relaxed);
                let post = service.post(secret, &format!("{sender}-{number}"));
                assert_eq!(post.send().await.unwrap().status(), StatusCode::OK);
                sent[sender].fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let counts = || sent.each_ref().map(|count| count.load(Ordering::Relaxed));
    // Until every sender has begun and ended further requests.
    let load_goes_on = async || {
        let goal = counts().map(|count| count + 10);
        let is_reached = |now: &[u64; 4]| now.iter().zip(goal).all(|(now, goal)| *now >= goal);
        eventually("messages are sent", async || counts(), is_reached).await;
    };
    let obeyed = async |marker: u8| {
        let token = format!("m{marker}");
        let status = async || service.status("/metrics", &token).await;
        eventually("it is read again", status, |status| *status == 200).await;
    };
    load_goes_on().await;
    service.hang_up(&env(&format!("{SECOND},{FIRST}"), 2));
    obeyed(2).await;
    load_goes_on().await;
    uses_second.store(true, Ordering::Relaxed);
    load_goes_on().await;
    service.hang_up(&env(SECOND, 3));
    obeyed(3).await;
    load_goes_on().await;
    is_over.store(true, Ordering::Relaxed);
    while let Some(sender) = senders.join_next().await {
        sender.unwrap();
    }
    let old = service.post(FIRST, "old").send().await.unwrap();
    // Questions with a metrics token that was not valid yet have used up the limit on refused requests.
    let refused = [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS];
    assert!(refused.contains(&old.status()), "{}", old.status());
    assert!(
        ask(&mut connection).await.contains("200"),
        "it is still open"
    );
    let stats = service
        .get("/instagram/stats")
        .bearer_auth("token-of-readers");
    let stats: Value = stats.send().await.unwrap().json().await.unwrap();
    assert_eq!(stats["totalMessages"], counts().iter().sum::<u64>());
}

#[tokio::test]
async fn who_had_a_token_that_is_taken_out_reads_no_more() {
    let mut service = Service::start("API_TOKEN=first-token-1234567,second-token-123456\n").await;
    let login = service
        .client
        .post(format!("{}/login", service.running.base));
    let login = login
        .header("content-type", "application/x-www-form-urlencoded")
        .body("token=first-token-1234567");
    let login = login.send().await.unwrap();
    let cookie = login.headers()["set-cookie"].to_str().unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap();
    let stream = "/instagram/messages/stream";
    let with_session = || service.get(stream).header("cookie", cookie).send();
    let mut session_stream = with_session().await.unwrap();
    assert_eq!(session_stream.status(), StatusCode::OK);
    let token_stream = service.get(stream).bearer_auth("first-token-1234567");
    let mut token_stream = token_stream.send().await.unwrap();

    service.reload("API_TOKEN=second-token-123456\n").await;
    for ended in [&mut session_stream, &mut token_stream] {
        while ended.chunk().await.unwrap().is_some() {}
    }
    let page = service
        .get(stream)
        .header("cookie", cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), StatusCode::UNAUTHORIZED);
    let messages = "/instagram/messages";
    assert_eq!(service.status(messages, "first-token-1234567").await, 401);
    assert_eq!(service.status(messages, "second-token-123456").await, 200);
}

#[tokio::test]
async fn destinations_templates_and_the_log_filter_are_replaced() {
    let mut service = Service::start("API_TOKEN=token-of-readers\n").await;
    let (one, two) = (
        TestDestination::start().await,
        TestDestination::start().await,
    );
    let template = r#"BODY_TEMPLATE='{"contact_id":"{{user_id}}","text":"{{last_input}}","own":"{{full_name}}"}'"#;
    let env = |url: &str| {
        format!("API_TOKEN=token-of-readers\nFORWARD_URL={url}\n{template}\nRUST_LOG=debug\n")
    };
    service.reload(&env(&one.url)).await;
    service.post("", "to one").send().await.unwrap();
    one.got_where(|got| got.len() == 1).await;
    // At the level debug.
    service
        .running
        .line_with("Processing Chatrace webhook")
        .await;
    let declared = service
        .get("/instagram/diagnosis")
        .bearer_auth("token-of-readers");
    let declared: Value = declared.send().await.unwrap().json().await.unwrap();
    let checks = declared["checks"].as_array().unwrap();
    assert!(
        checks.iter().any(|check| check["name"] == "template"),
        "{declared}"
    );

    service.reload(&env(&two.url)).await;
    service.post("", "to two").send().await.unwrap();
    two.got_where(|got| got.len() == 1).await;
    assert_eq!(one.got().len(), 1);

    service.reload("API_TOKEN=token-of-readers\n").await;
    let list = service
        .get("/instagram/destinations")
        .bearer_auth("token-of-readers");
    let list: Value = list.send().await.unwrap().json().await.unwrap();
    let state = &list["destinations"][0]["state"];
    assert_eq!(state, "not_configured", "{list}");
}

#[tokio::test]
async fn a_mistake_changes_nothing_and_what_needs_a_restart_is_named() {
    let mut service = Service::start("API_TOKEN=first-token-1234567\n").await;
    let wrong = "API_TOKEN=second-token-123456\nDEDUPE_WINDOW=canary\n";
    let line = service.reload(wrong).await;
    assert!(line.contains("DEDUPE_WINDOW"), "{line}");
    service.running.line_with("stays as it was").await;
    let messages = "/instagram/messages";
    assert_eq!(service.status(messages, "first-token-1234567").await, 200);
    service.reload("API_TOKEN='canary").await;
    assert_eq!(service.status(messages, "first-token-1234567").await, 200);

    let right = "API_TOKEN=second-token-123456\nDEDUPE_WINDOW=1m\nPORT=1\nOTHER=1\n";
    let line = service.reload(right).await;
    assert!(
        line.contains("API_TOKEN") && !line.contains("second"),
        "{line}"
    );
    let line = service.running.line_with("at the next start").await;
    // The environment of the start wins, and has a port.
    assert!(
        line.contains("DEDUPE_WINDOW") && !line.contains("PORT"),
        "{line}"
    );
    assert!(!line.contains("OTHER"), "{line}");
    assert_eq!(service.status(messages, "second-token-123456").await, 200);

    // What is taken out is unset: the service makes a token, as at a start.
    service.reload("").await;
    assert_eq!(service.status(messages, "second-token-123456").await, 401);
    let made = service.directory.path().join("data/api_token");
    let made = std::fs::read_to_string(made).unwrap();
    assert_eq!(service.status(messages, &made).await, 200);
}
