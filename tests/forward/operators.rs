//! What operators can do: pause, resume, replay, retry, forget; over HTTP and as commands.

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::post;
use crate::support::destination::{Got, SECRET, TestDestination, destination_where};
use crate::support::ledger::Ledger;
use crate::support::process::program;
use crate::support::{Answer, App, Backend, TOKEN};

async fn order(app: &App, what: &str, body: Value) -> Answer {
    let path = format!("/instagram/destinations/default/{what}");
    let request = app.request(Method::POST, &path).bearer_auth(TOKEN);
    Answer::to(request.body(body.to_string())).await
}

fn texts(got: &[Got]) -> Vec<String> {
    got.iter().map(Got::text).collect()
}

#[rstest]
#[tokio::test]
async fn what_arrives_in_a_pause_waits_and_comes_when_it_is_over(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let destination = TestDestination::start().await;
    let app = App::with(backend, &[("FORWARD_URL", &*destination.url)]).await;
    post(&app, "1", "before").await;
    destination.accepted(1).await;
    destination_where(&app, "default", |one| one["forwarded"] == 1).await;
    order(&app, "pause", json!({})).await.ok();
    // The one that has the lease hears of it with its next renewal.
    post(&app, "1", "meanwhile").await;
    let paused = destination_where(&app, "default", |one| one["state"] == "paused").await;
    assert_eq!(paused["pauseReason"], "an operator paused it");
    order(&app, "resume", json!({})).await.ok();
    assert_eq!(
        texts(&destination.accepted(2).await),
        ["before", "meanwhile"]
    );
    let up = destination_where(&app, "default", |one| one["forwarded"] == 2).await;
    assert_eq!(up["state"], "up");
}

#[rstest]
#[tokio::test]
async fn a_replay_forwards_again_under_the_same_ids_and_skips_what_is_erased(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let destination = TestDestination::start().await;
    let app = App::with(backend, &[("FORWARD_URL", &*destination.url)]).await;
    for (person, text) in [("1", "one"), ("2", "two"), ("3", "three"), ("1", "four")] {
        post(&app, person, text).await;
    }
    let first = destination.accepted(4).await;
    app.send(Method::DELETE, "/instagram/contacts/3").await.ok();

    let all = json!({ "since": "1970-01-01T00:00:00Z", "dryRun": true });
    let dry = order(&app, "replay", all).await.ok();
    assert_eq!(
        dry,
        json!({ "success": true, "dryRun": true, "count": 3, "isMore": false })
    );
    let of_one = order(&app, "replay", json!({ "contactId": "1" }))
        .await
        .ok();
    assert_eq!(of_one["count"], 2);
    let got = destination.accepted(6).await;
    assert_eq!(texts(&got[4..]), ["one", "four"]);
    assert_eq!(
        got[4].id(),
        first.iter().find(|one| one.text() == "one").unwrap().id()
    );
    destination_where(&app, "default", |one| one["replays"] == 0).await;

    let message = &app.messages().await[1];
    let since = json!({ "since": message["receivedAt"], "until": "2100-01-01T00:00:00Z" });
    assert_eq!(order(&app, "replay", since).await.ok()["count"], 2);
    let mut last = texts(&destination.accepted(8).await[6..]);
    last.sort();
    assert_eq!(last, ["four", "two"]);
}

#[rstest]
#[tokio::test]
async fn a_replay_by_ids_forwards_these_and_no_others(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
    #[values("message", "delivery")] content: &str,
) {
    let destination = TestDestination::start().await;
    let url = ("FORWARD_URL", &*destination.url);
    let app = App::with(backend, &[url, ("FORWARD_CONTENT", content)]).await;
    for number in 0..40 {
        post(&app, &format!("{}", number % 7), &number.to_string()).await;
    }
    let got = destination.accepted(40).await;
    // More than are read at once, one that is erased, and one that there never was.
    let mut ids: Vec<_> = got.iter().skip(1).step_by(2).map(Got::id).collect();
    let erased = app.send(Method::DELETE, "/instagram/contacts/3").await.ok();
    assert_eq!(erased["messages"], 6);
    let kept: Vec<_> = got
        .iter()
        .filter(|one| !is_of(one, "3"))
        .map(Got::id)
        .collect();
    ids.push("00000000-0000-0000-0000-000000000000");
    let mut expected: Vec<_> = ids.iter().filter(|id| kept.contains(id)).collect();
    let dry = json!({ "ids": ids, "dryRun": true });
    let dry = order(&app, "replay", dry).await.ok();
    assert_eq!(dry["count"], expected.len(), "{dry}");
    let begun = order(&app, "replay", json!({ "ids": ids })).await.ok();
    assert_eq!(begun["count"], expected.len());
    let replayed = destination.accepted(40 + expected.len()).await;
    let mut replayed: Vec<_> = replayed[40..].iter().map(Got::id).collect();
    expected.sort();
    replayed.sort_unstable();
    assert_eq!(replayed.iter().collect::<Vec<_>>(), expected);
    destination_where(&app, "default", |one| one["replays"] == 0).await;
    assert_eq!(destination.got().len(), 40 + expected.len());
    let none = json!({ "ids": ["00000000-0000-0000-0000-000000000000"] });
    assert_eq!(order(&app, "replay", none).await.ok()["count"], 0);
}

/// Whether a message or a delivery is of this person.
fn is_of(got: &Got, person: &str) -> bool {
    let body = got.json();
    body["contact_id"] == person || body["data"]["contactId"] == person
}

#[rstest]
#[tokio::test]
async fn a_replay_of_a_person_reaches_what_is_older_than_the_destination(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let before = ledger.app().await;
    for (person, text) in [("1", "one"), ("2", "two"), ("1", "three")] {
        post(&before, person, text).await;
    }
    before.stop().await;
    let destination = TestDestination::start().await;
    let app = ledger.app_with(&[("FORWARD_URL", &destination.url)]).await;
    post(&app, "1", "four").await;
    assert_eq!(texts(&destination.accepted(1).await), ["four"]);
    let replay = json!({ "contactId": "1" });
    assert_eq!(order(&app, "replay", replay).await.ok()["count"], 3);
    let got = destination.accepted(4).await;
    assert_eq!(texts(&got[1..]), ["one", "three", "four"]);
    app.stop().await;
}

#[tokio::test]
async fn a_wrong_order_says_what_is_wrong() {
    let destination = TestDestination::start().await;
    let variables = [
        ("FORWARD_URL", &*destination.url),
        ("FORWARD_OLD_URL", &*destination.url),
        ("FORWARD_OLD_CONTENT", "delivery"),
    ];
    let app = App::with(Backend::Sqlite, &variables).await;
    for (body, says) in [
        (json!({}), "Say what to replay"),
        (
            json!({ "sinse": "2026-07-09T14:56:00Z" }),
            "unknown field `sinse`",
        ),
        (json!({ "since": "yesterday" }), "RFC 3339"),
        (json!([]), "The body is wrong"),
        (json!({ "ids": [] }), "1 to 1000 ids"),
        (json!({ "ids": ["m1"] }), "UUID"),
        (json!({ "ids": [], "contactId": "1" }), "leave `since`"),
    ] {
        let error = order(&app, "replay", body).await.with(400);
        assert!(error["error"].as_str().unwrap().contains(says), "{error}");
    }
    let person = json!({ "contactId": "1" }).to_string();
    let request = app.request(Method::POST, "/instagram/destinations/old/replay");
    Answer::to(request.bearer_auth(TOKEN).body(person))
        .await
        .with(400);
    for what in ["pause", "resume", "retry"] {
        let path = format!("/instagram/destinations/crm/{what}");
        let error = app.send(Method::POST, &path).await.with(404);
        let error = error["error"].as_str().unwrap();
        assert_eq!(
            error,
            "There is no such destination. There are: default, old."
        );
    }
    let configured = app
        .send(Method::DELETE, "/instagram/destinations/old")
        .await;
    let error = configured.with(400);
    assert!(
        error["error"]
            .as_str()
            .unwrap()
            .contains("`old` is configured"),
        "{error}"
    );
    let without_token = app.request(Method::POST, "/instagram/destinations/old/pause");
    assert_eq!(Answer::to(without_token).await.status, 401);
}

#[tokio::test]
async fn the_commands_do_the_same_and_the_test_shows_what_is_sent() {
    let destination = TestDestination::start().await;
    let app = App::with(Backend::Sqlite, &[("FORWARD_URL", &*destination.url)]).await;
    post(&app, "1", "hi").await;
    destination.accepted(1).await;
    destination_where(&app, "default", |one| one["forwarded"] == 1).await;
    let directory = tempfile::tempdir().unwrap();
    let run = async |arguments: &[&str]| {
        let mut command = program(directory.path());
        command
            .env("FORWARD_URL", &destination.url)
            .env("FORWARD_SECRET", SECRET)
            .env("FORWARD_HEADERS", "Authorization: Bearer canary-header")
            .args(["forward", "--url", &app.base, "--token", TOKEN])
            .args(arguments);
        let output = command.output().await.unwrap();
        let both = [output.stdout, output.stderr].concat();
        (
            output.status.code().unwrap(),
            String::from_utf8(both).unwrap(),
        )
    };
    let login = app
        .request(Method::POST, "/login")
        .body(format!("token={TOKEN}"));
    let login = login.header("content-type", "application/x-www-form-urlencoded");
    let cookie = login.send().await.unwrap().headers()["set-cookie"]
        .to_str()
        .unwrap()
        .to_owned();
    let page = app
        .request(Method::GET, "/forwarding")
        .header("cookie", cookie)
        .send();
    let page = page.await.unwrap().text().await.unwrap();
    assert!(
        page.contains("<h2>default</h2>") && page.contains("data-state=\"up\">accepts</dd>"),
        "{page}"
    );

    let (code, text) = run(&["status"]).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("NAME") && text.contains("default"), "{text}");
    let (_, text) = run(&["status", "--json"]).await;
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["destinations"][0]["state"], "up");
    assert_eq!(run(&["pause"]).await, (0, "default is paused\n".to_owned()));
    assert_eq!(
        run(&["resume"]).await,
        (0, "default is resumed\n".to_owned())
    );
    assert_eq!(
        run(&["retry"]).await,
        (0, "0 dead letters are tried again\n".to_owned())
    );
    let (_, text) = run(&["replay", "--contact-id", "1", "--dry-run"]).await;
    assert_eq!(text, "1 would be forwarded to default once more\n");
    let id = destination.got()[0].id().to_owned();
    let (_, text) = run(&["replay", "--ids", &id, "--dry-run"]).await;
    assert_eq!(text, "1 would be forwarded to default once more\n");
    let (code, text) = run(&["forget"]).await;
    assert_eq!(code, 1);
    assert!(text.contains("`default` is configured"), "{text}");

    let (code, text) = run(&["test"]).await;
    assert_eq!(code, 0, "{text}");
    let got = destination.accepted(2).await;
    got[1].assert_signed();
    assert!(
        text.contains(got[1].id()) && text.contains("accepted with 204"),
        "{text}"
    );
    assert!(!text.contains("canary"), "{text}");
    destination.answer(|got| {
        use axum::response::IntoResponse as _;
        let echo = got.header("authorization").to_owned();
        (axum::http::StatusCode::FORBIDDEN, echo).into_response()
    });
    let (code, text) = run(&["test"]).await;
    assert_eq!(code, 1);
    assert!(
        text.contains("it answers 403 Forbidden") && text.contains("[redacted]"),
        "{text}"
    );
    assert!(!text.contains("canary"), "{text}");
    let (code, text) = run(&["test", "crm"]).await;
    assert_eq!(code, 2);
    assert!(
        text.contains("no destination `crm` is configured: there are: default"),
        "{text}"
    );
}
