//! Who wrote, when, and how often.

use std::sync::Arc;

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::wait::eventually;
use crate::support::{App, Backend, postgres};

/// Asks for the contacts until they are counted as wanted.
async fn counted(app: &App, messages: &[i64]) -> Vec<Value> {
    let ask = async || {
        let page = app.get("/instagram/contacts").await.ok();
        page["contacts"].as_array().unwrap().clone()
    };
    let wanted = |contacts: &Vec<Value>| {
        let now = contacts
            .iter()
            .map(|contact| contact["messages"].as_i64().unwrap());
        let now: Vec<_> = now.collect();
        let most = now.iter().zip(messages).all(|(now, most)| now <= most);
        assert!(most, "{now:?}");
        now == messages
    };
    eventually("the contacts are counted", ask, wanted).await
}

#[rstest]
#[tokio::test]
async fn contacts_are_listed_in_the_order_of_first_sight(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    for body in [
        r#"{"contact_id":"2","text":"a","full_name":"Ana"}"#,
        r#"{"contact_id":"1","text":"b","ig_user_name":"bo","channel":"whatsapp"}"#,
        r#"{"contact_id":"2","text":"c"}"#,
        r#"{"contact_id":"1","text":"on another channel"}"#,
    ] {
        assert_eq!(app.post(body).await.ok()["outcome"], "stored");
    }
    let contacts = counted(&app, &[2, 1, 1]).await;
    let messages = app.messages().await;
    assert_eq!(
        (&contacts[0]["id"], &contacts[0]["displayName"]),
        (&json!("2"), &json!("Ana"))
    );
    assert_eq!(contacts[0]["firstSeen"], messages[0]["receivedAt"]);
    assert_eq!(contacts[0]["lastSeen"], messages[2]["receivedAt"]);
    assert_eq!(
        (&contacts[1]["channel"], &contacts[1]["username"]),
        (&json!("whatsapp"), &json!("bo"))
    );

    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/instagram/contacts?limit=1&after={cursor}");
        let page = app.get(&path).await.ok();
        let contact = &page["contacts"][0];
        ids.push(format!("{}/{}", contact["channel"], contact["id"]));
        page["nextCursor"].as_str().unwrap().clone_into(&mut cursor);
        if page["caughtUp"] == true {
            break;
        }
    }
    assert_eq!(
        ids,
        [
            r#""instagram"/"2""#,
            r#""whatsapp"/"1""#,
            r#""instagram"/"1""#
        ]
    );
    for (channel, count) in [("instagram", 2), ("WhatsApp", 1), ("viber", 0)] {
        let path = format!("/instagram/contacts?channel={channel}");
        let page = app.get(&path).await.ok();
        assert_eq!(page["contacts"].as_array().unwrap().len(), count);
    }
    let _ = app.get("/instagram/contacts?after=m1").await.with(400);
}

#[tokio::test]
async fn two_replicas_count_each_message_once() {
    let url = postgres::fresh_database().await;
    let replica = || App::on(Arc::new(tempfile::tempdir().unwrap()), Some(&url), &[]);
    let apps = [replica().await, replica().await];
    for round in 0..60 {
        let items = (0..21).map(|n| json!({"contact_id": n % 3, "text": format!("{round} {n}")}));
        let answer = apps[round % 2]
            .post(Value::Array(items.collect()).to_string())
            .await;
        assert_eq!(answer.ok()["stored"], 21);
    }
    counted(&apps[0], &[420, 420, 420]).await;
}

#[rstest]
#[tokio::test]
async fn what_a_crash_left_uncounted_is_counted_later(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let url = match backend {
        Backend::Postgres => Some(postgres::fresh_database().await),
        Backend::Sqlite => None,
    };
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let app = App::on(directory.clone(), url.as_deref(), &[]).await;
    let _ = app
        .post(r#"{"contact_id":"1","text":"counted"}"#)
        .await
        .ok();
    counted(&app, &[1]).await;
    let _ = app.post(r#"{"contact_id":"1","text":"maybe"}"#).await.ok();
    let _ = app.post(r#"{"contact_id":"2","text":"maybe"}"#).await.ok();
    app.stop().await;
    let app = App::on(directory, url.as_deref(), &[]).await;
    counted(&app, &[2, 1]).await;
}

/// The ids of the contacts on all pages, and the texts of their last messages.
async fn inbox(app: &App, parameters: &str) -> Vec<(String, Value)> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/instagram/contacts?{parameters}&after={cursor}");
        let page = app.get(&path).await.ok();
        for contact in page["contacts"].as_array().unwrap() {
            let id = contact["id"].as_str().unwrap().to_owned();
            seen.push((id, contact["lastMessage"]["text"].clone()));
        }
        page["nextCursor"].as_str().unwrap().clone_into(&mut cursor);
        if page["caughtUp"] == true {
            return seen;
        }
    }
}

fn texts<const N: usize>(expected: [(&str, &str); N]) -> Vec<(String, Value)> {
    let expected = expected.map(|(id, text)| (id.to_owned(), json!(text)));
    expected.to_vec()
}

#[rstest]
#[tokio::test]
async fn who_wrote_last_comes_first_with_the_beginning_of_that_message(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    assert_eq!(inbox(&app, "order=last").await, []);
    for body in [
        json!({"contact_id": "1", "text": "a"}),
        json!({"contact_id": "2", "text": "b", "channel": "whatsapp"}),
        json!({"contact_id": "3", "text": "c"}),
        json!({"contact_id": "1", "direction": "out", "text": "ё".repeat(300)}),
        // Names the person, and is no message.
        json!({"contact_id": "3", "event": "typing"}),
    ] {
        let _ = app.post(body.to_string()).await.ok();
    }
    let long = "ё".repeat(200);
    let all = [("1", long.as_str()), ("3", "c"), ("2", "b")];
    for limit in [1, 2, 3] {
        let parameters = format!("order=last&limit={limit}");
        assert_eq!(inbox(&app, &parameters).await, texts(all));
    }
    assert_eq!(
        inbox(&app, "order=last&channel=whatsapp").await,
        texts([("2", "b")])
    );
    assert_eq!(
        inbox(&app, "order=last&channel=instagram&limit=1").await,
        texts([all[0], all[1]])
    );
    let page = app.get("/instagram/contacts?order=last&limit=1").await.ok();
    let (last, message) = (
        &page["contacts"][0]["lastMessage"],
        &app.messages().await[3],
    );
    for key in [
        "id",
        "position",
        "direction",
        "kind",
        "sentAt",
        "receivedAt",
    ] {
        assert_eq!(last[key], message[key], "{key}");
    }
    assert_eq!(last["direction"], "outbound");

    let _ = app.send(Method::DELETE, "/instagram/contacts/1").await.ok();
    let _ = app
        .post(r#"{"contact_id":"2","text":"d","channel":"whatsapp"}"#)
        .await
        .ok();
    assert_eq!(
        inbox(&app, "order=last").await,
        texts([("2", "d"), ("3", "c")])
    );

    for wrong in ["order=last&after=c1", "order=first&after=l1", "order=name"] {
        let _ = app
            .get(&format!("/instagram/contacts?{wrong}"))
            .await
            .with(400);
    }
}

#[rstest]
#[tokio::test]
async fn a_contact_is_found_by_name_handle_and_id_whatever_the_case(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    for body in [
        json!({"contact_id": "1701", "text": "a", "full_name": "Анна Ёлкина"}),
        json!({"contact_id": "1702", "text": "b", "full_name": "Bo", "ig_user_name": "Bo_Anna"}),
        json!({"contact_id": "1703", "text": "c", "full_name": "100% (Straße)"}),
    ] {
        let _ = app.post(body.to_string()).await.ok();
    }
    for (q, ids) in [
        ("анна", vec!["1701"]),
        ("ЁЛК", vec!["1701"]),
        ("елк", vec![]),
        ("anna", vec!["1702"]),
        ("bo_", vec!["1702"]),
        ("b__", vec![]),
        ("170", vec!["1701", "1702", "1703"]),
        ("STRAẞE", vec!["1703"]),
        ("strasse", vec![]),
        ("% (", vec!["1703"]),
        ("nobody", vec![]),
    ] {
        let found = inbox(&app, &format!("limit=1&q={}", escaped(q))).await;
        let mut found: Vec<_> = found.into_iter().map(|(id, _)| id).collect();
        assert_eq!(found, ids, "{q}");
        let newest = inbox(&app, &format!("limit=1&order=last&q={}", escaped(q))).await;
        found.reverse();
        let newest: Vec<_> = newest.into_iter().map(|(id, _)| id).collect();
        assert_eq!(newest, found, "{q}");
    }
    let _ = app.get("/instagram/contacts?q=").await.with(400);
}

fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[rstest]
#[tokio::test]
async fn a_contact_is_shown_by_its_id_or_by_an_alias_that_is_its_own(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    for body in [
        json!({"contact_id": "1", "external_id": "ext-1", "phone": "+491701", "text": "a"}),
        json!({"contact_id": "2", "phone": "+491702", "text": "b"}),
        json!({"contact_id": "3", "phone": "+491702", "text": "c"}),
        json!({"contact_id": "2", "text": "d", "channel": "whatsapp"}),
    ] {
        let _ = app.post(body.to_string()).await.ok();
    }
    let contact = app.get("/instagram/contacts/1").await.ok();
    assert_eq!(
        (&contact["id"], &contact["messages"]),
        (&json!("1"), &json!(1))
    );
    assert_eq!(contact["aliases"], json!(["+491701", "ext-1"]));
    let listed = app.get("/instagram/contacts").await.ok();
    for (key, value) in listed["contacts"][0].as_object().unwrap() {
        assert_eq!(contact[key], *value, "{key}");
    }
    assert_eq!(app.get("/instagram/contacts/%2B491701").await.ok(), contact);
    for (path, named) in [
        ("2", "`channel`"),
        ("%2B491702", "2 (instagram), 3 (instagram)"),
    ] {
        let answer = app
            .get(&format!("/instagram/contacts/{path}"))
            .await
            .with(400);
        let sentence = answer["error"].as_str().unwrap();
        assert!(sentence.contains(named), "{path}: {sentence}");
    }
    let on_whatsapp = app.get("/instagram/contacts/2?channel=WhatsApp").await.ok();
    assert_eq!(on_whatsapp["lastMessage"]["text"], "d");
    let answer = app.get("/instagram/contacts/nobody").await.with(404);
    assert!(answer["error"].as_str().unwrap().contains("q="), "{answer}");
    let _ = app.get("/instagram/contacts/a%00b").await.with(404);
}
