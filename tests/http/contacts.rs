//! Who wrote, when, and how often.

use std::sync::Arc;

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
