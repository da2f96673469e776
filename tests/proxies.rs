//! Behind the proxies that docs/proxy.md describes, with the very configuration that it shows.

mod rolling_restart;

use std::net::Ipv4Addr;

use reqwest::{Client, Method, StatusCode};
use rstest::rstest;
use serde_json::json;
use tokio::time::timeout;

use crate::support::process::PATIENCE;
use crate::support::web_server::{Place, WebServer, WebServerKind};
use crate::support::{Answer, App, Backend, TOKEN};

const SECRET: &str = "the-secret-of-senders";
const VARIABLES: [(&str, &str); 2] = [("WEBHOOK_SECRET", SECRET), ("TRUSTED_PROXIES", "127.0.0.1")];

/// Reads an answer until it has this text.
async fn read_until(response: &mut reqwest::Response, text: &str) -> String {
    let mut read = String::new();
    let reading = async {
        while !read.contains(text) {
            let chunk = response.chunk().await.unwrap().expect("the stream ends");
            read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    let is_in_time = timeout(PATIENCE, reading).await.is_ok();
    assert!(is_in_time, "no `{text}` in {read}");
    read
}

async fn post(client: &Client, base: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = client.post(format!("{base}/instagram/webhook"));
    let request = request.header("x-webhook-secret", SECRET);
    Answer::to(
        request
            .header("content-type", "application/json")
            .body(body),
    )
    .await
}

#[rstest]
#[tokio::test]
async fn everything_works_behind_a_proxy_as_it_is_documented(
    #[values(WebServerKind::Nginx, WebServerKind::Caddy)] kind: WebServerKind,
    #[values(Place::Root, Place::BelowAPath)] place: Place,
) {
    let app = App::with(Backend::Sqlite, &VARIABLES).await;
    let Some(proxy) = WebServer::start(kind, place, &[&app.base]).await else {
        return;
    };
    let (base, client) = (&proxy.base, proxy.client(Ipv4Addr::LOCALHOST));
    let get = |path: &str| client.get(format!("{base}{path}")).bearer_auth(TOKEN);

    // A stream gives its first id, and then each message, at once, and with all the proxy's default settings.
    let stream = get("/instagram/messages/stream?after=latest").send();
    let mut stream = timeout(PATIENCE, stream)
        .await
        .expect("the head of the stream")
        .unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    read_until(&mut stream, "id: ").await;
    let poll = tokio::spawn(get("/instagram/messages?wait=30&after=m0").send());
    let kept = post(
        &client,
        base,
        r#"{"contact_id":"1","text":"through the proxy"}"#,
    )
    .await;
    assert_eq!(kept.ok()["outcome"], "stored");
    read_until(&mut stream, "through the proxy").await;
    let polled = timeout(PATIENCE, poll)
        .await
        .expect("the long poll")
        .unwrap()
        .unwrap();
    assert!(polled.text().await.unwrap().contains("through the proxy"));

    // The service, and not the proxy, decides which bodies are too large.
    let padded = |bytes: usize| {
        let text = "x".repeat(bytes - r#"{"contact_id":"1","text":""}"#.len());
        json!({ "contact_id": "1", "text": text }).to_string()
    };
    let largest = post(&client, base, padded(1024 * 1024)).await;
    assert_eq!(largest.ok()["outcome"], "stored");
    let refused = post(&client, base, padded(1024 * 1024 + 1)).await;
    assert_eq!(refused.with(413)["success"], false);
    app.stats_where(|stats| stats["process"]["rejected"]["too_large"] == 1)
        .await;

    // The page is reached, and its cookie stays with TLS.
    let page = Answer::to(client.get(format!("{base}/"))).await;
    assert_eq!(page.status, StatusCode::OK);
    let login = client.post(format!("{base}/login"));
    let form = login.header("content-type", "application/x-www-form-urlencoded");
    let session = Answer::to(form.body(format!("token={TOKEN}"))).await;
    let cookie = session.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; Secure"), "{cookie}");
}

#[rstest]
#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_told_apart_whatever_they_claim(
    #[values(WebServerKind::Nginx, WebServerKind::Caddy)] kind: WebServerKind,
) {
    let app = App::with(Backend::Sqlite, &VARIABLES).await;
    let Some(proxy) = WebServer::start(kind, Place::Root, &[&app.base]).await else {
        return;
    };
    let url = format!("{}/instagram/messages", proxy.base);
    let guess = |client: &Client, claimed: usize| {
        let request = client.request(Method::GET, &url).bearer_auth("guess");
        request.header("x-forwarded-for", format!("192.0.2.{claimed}"))
    };
    let (one, other) = ([127, 0, 0, 2], [127, 0, 0, 3]);
    let (one, other) = (proxy.client(one.into()), proxy.client(other.into()));
    let mut number = 0;
    while Answer::to(guess(&one, number % 250)).await.status != StatusCode::TOO_MANY_REQUESTS {
        number += 1;
        assert!(number < 1000, "no limit is reached");
    }
    let _ = Answer::to(guess(&other, 0)).await.with(401);
    let _ = Answer::to(one.get(&url).bearer_auth(TOKEN)).await.ok();
}
