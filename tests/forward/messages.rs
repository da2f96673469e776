//! What a destination gets.

use std::sync::Arc;

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::post;
use crate::support::destination::{Got, SECRET, TestDestination};
use crate::support::{Answer, App, Backend, postgres};

#[rstest]
#[tokio::test]
async fn a_message_is_forwarded_as_the_api_gives_it_and_signed(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let destination = TestDestination::start().await;
    let variables = [
        ("FORWARD_URL", destination.url.as_str()),
        ("FORWARD_SECRET", &format!("another, {SECRET}")),
        ("FORWARD_HEADERS", "Authorization: Bearer of-the-owner"),
    ];
    let app = App::with(backend, &variables).await;
    post(&app, "1", "hello").await;
    let got = destination.accepted(1).await;
    got[0].assert_signed();
    let message = &app.messages().await[0];
    assert_eq!(
        got[0].json(),
        json!({ "type": "message.received", "timestamp": message["receivedAt"], "data": message })
    );
    assert_eq!(got[0].id(), message["id"]);
    assert_eq!(got[0].method, "POST");
    assert_eq!(got[0].header("content-type"), "application/json");
    assert_eq!(got[0].header("authorization"), "Bearer of-the-owner");

    let sent = json!({ "contact_id": "1", "direction": "out", "text": "hi" });
    app.post(sent.to_string()).await.ok();
    let got = destination.accepted(2).await;
    assert_eq!(got[1].json()["type"], "message.sent");
    app.stop().await;
}

#[tokio::test]
async fn an_event_of_cloudevents_names_its_person_and_its_id() {
    let destination = TestDestination::start().await;
    let variables = [
        ("FORWARD_SHOP1_URL", destination.url.as_str()),
        ("FORWARD_SHOP1_FORMAT", "cloudevents"),
    ];
    let app = App::with(Backend::Sqlite, &variables).await;
    post(&app, "1", "hello").await;
    let got = destination.accepted(1).await;
    let message = &app.messages().await[0];
    assert_eq!(
        got[0].json(),
        json!({
            "specversion": "1.0", "id": message["id"], "source": "/instagram/messages", "type": "message.received",
            "subject": "1", "time": message["receivedAt"], "datacontenttype": "application/json", "data": message
        })
    );
    assert_eq!(
        got[0].header("content-type"),
        "application/cloudevents+json"
    );
    assert_eq!(got[0].header("webhook-signature"), "");
}

#[rstest]
#[tokio::test]
async fn a_relayed_delivery_is_the_original_request(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let destination = TestDestination::start().await;
    let variables = [
        ("FORWARD_OLD_URL", &*format!("{}?key=1", destination.url)),
        ("FORWARD_OLD_CONTENT", "delivery"),
    ];
    let app = App::with(backend, &variables).await;
    let bodies = [
        r#"{"contact_id":"1", "text":"stored"}"#,
        r#"{"contact_id":"1", "text":"stored"}"#,
        r#"{"contact_id":"{{id}}","text":"quarantined"}"#,
        r#"{"event":"typing_on"}"#,
        r#"{"contact_id":"1","text":}}"#,
    ];
    let mut ids = Vec::new();
    for body in bodies {
        let request = app
            .request(Method::PUT, "/instagram/webhook?token=not-kept")
            .header("content-type", "application/json; charset=utf-8")
            .header("x-hub-signature-256", "sha256=00");
        let answer: Value =
            serde_json::from_str(&Answer::to(request.body(body)).await.text).unwrap();
        ids.push(answer["deliveryId"].as_str().unwrap().to_owned());
    }
    let query = app.request(
        Method::GET,
        "/instagram/webhook?contact_id=2&text=a%20b&secret=not-kept",
    );
    let answer = Answer::to(query).await.ok();
    ids.push(answer["deliveryId"].as_str().unwrap().to_owned());
    let got = destination.accepted(6).await;
    let got_ids: Vec<_> = got.iter().map(|one| one.id().to_owned()).collect();
    assert_eq!(got_ids, ids, "in the order of their arrival");
    for (one, body) in got.iter().zip(bodies) {
        assert_eq!(
            (one.method.as_str(), &one.body[..]),
            ("PUT", body.as_bytes())
        );
        assert_eq!(
            one.header("content-type"),
            "application/json; charset=utf-8"
        );
        assert_eq!(one.header("x-hub-signature-256"), "sha256=00");
        assert_eq!(one.uri, "/hook?key=1");
    }
    assert_eq!((got[5].method.as_str(), got[5].body.len()), ("GET", 0));
    assert_eq!(got[5].uri, "/hook?key=1&contact_id=2&text=a%20b");

    // Neither probes nor rejected requests, nor what is read again.
    app.request(Method::GET, "/instagram/webhook")
        .send()
        .await
        .unwrap();
    app.post("").await.with(400);
    app.send(Method::POST, "/instagram/quarantine/reprocess")
        .await
        .ok();
    post(&app, "3", "the next").await;
    assert_eq!(destination.accepted(7).await.len(), 7);
}

#[rstest]
#[tokio::test]
async fn a_filter_selects_and_the_cursor_passes_the_others(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let destination = TestDestination::start().await;
    let variables = [
        ("FORWARD_URL", destination.url.as_str()),
        ("FORWARD_FILTER", "direction=inbound&contactId=1,2"),
    ];
    let app = App::with(backend, &variables).await;
    for contact in ["3", "1", "4", "2", "3"] {
        post(&app, contact, &format!("of {contact}")).await;
    }
    let got = destination.accepted(2).await;
    let mut texts: Vec<_> = got.iter().map(Got::text).collect();
    texts.sort();
    assert_eq!(texts, ["of 1", "of 2"]);
}

#[rstest]
#[tokio::test]
async fn a_destination_begins_where_it_is_told_to_and_goes_on_where_it_was(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let destination = TestDestination::start().await;
    let url = destination.url.as_str();
    let database = match backend {
        Backend::Postgres => Some(postgres::fresh_database().await),
        Backend::Sqlite => None,
    };
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let start = async |variables: &[(&str, &str)]| {
        App::on(directory.clone(), database.as_deref(), variables).await
    };
    let app = start(&[]).await;
    post(&app, "1", "before").await;
    app.stop().await;

    // One from now on, one from the beginning.
    let both = [
        ("FORWARD_NOW_URL", url),
        ("FORWARD_ALL_URL", &*format!("{url}/all")),
        ("FORWARD_ALL_START", "beginning"),
    ];
    let app = start(&both).await;
    post(&app, "1", "after").await;
    let got = destination.accepted(3).await;
    let texts_at = |got: &[Got], path: &str| -> Vec<String> {
        let got = got.iter().filter(|one| one.uri.path() == path);
        got.map(Got::text).collect()
    };
    assert_eq!(texts_at(&got, "/hook"), ["after"]);
    assert_eq!(texts_at(&got, "/hook/all"), ["before", "after"]);
    app.stop().await;

    // Without it something arrives. Then it goes on, at another URL.
    let app = start(&[]).await;
    post(&app, "1", "meanwhile").await;
    app.stop().await;
    let app = start(&[("FORWARD_NOW_URL", &*format!("{url}/new"))]).await;
    post(&app, "1", "last").await;
    let got = destination.accepted(5).await;
    assert_eq!(texts_at(&got, "/hook/new"), ["meanwhile", "last"]);
    app.stop().await;
}
