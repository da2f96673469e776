//! Same message or a new one, also when everything happens at once.

use rstest::rstest;
use serde_json::json;

use crate::support::{App, Backend};

/// Posts copies at once, over as many connections as the client opens, and counts the outcomes.
async fn post_at_once(app: &App, body: &str, copies: usize) -> (usize, usize) {
    let posts = (0..copies).map(|_| app.post(body.to_owned()));
    let answers = futures_util::future::join_all(posts).await;
    let outcomes: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.ok()["outcome"].clone())
        .collect();
    let count = |outcome: &str| outcomes.iter().filter(|one| **one == outcome).count();
    (count("stored"), count("duplicate"))
}

#[rstest]
#[case::with_an_id(r#"{"contact_id":"1","message_id":"m-1","text":"hi"}"#)]
#[case::with_a_time(r#"{"contact_id":"1","text":"hi","last_interaction":1783609000123}"#)]
#[case::with_neither(r#"{"contact_id":"1","text":"hi"}"#)]
#[tokio::test]
async fn a_thousand_copies_at_once_are_one_row(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
    #[case] body: &str,
) {
    let app = App::with(backend, &[("DEDUPE_WINDOW", "5m")]).await;
    assert_eq!(post_at_once(&app, body, 1000).await, (1, 999));
    assert_eq!(app.messages().await.len(), 1);
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(
        stats["outcomes"],
        json!({"stored": 1, "duplicate": 999, "quarantined": 0, "ignored": 0})
    );
    assert_eq!(stats["clientsWithInstagram"], 1);
}

#[rstest]
#[tokio::test]
async fn two_replicas_agree_on_what_is_the_same() {
    let url = crate::support::postgres::fresh_database().await;
    let directory = || std::sync::Arc::new(tempfile::tempdir().unwrap());
    let first = App::on(directory(), Some(&url), &[("DEDUPE_WINDOW", "5m")]).await;
    let second = App::on(directory(), Some(&url), &[("DEDUPE_WINDOW", "5m")]).await;
    let body = r#"{"contact_id":"1","text":"ok"}"#;
    let (one, two) = tokio::join!(
        post_at_once(&first, body, 200),
        post_at_once(&second, body, 200)
    );
    assert_eq!(one.0 + two.0, 1);
    assert_eq!(one.1 + two.1, 399);
    let stats = first.get("/instagram/stats").await.ok();
    assert_eq!(
        (&stats["totalMessages"], &stats["outcomes"]["duplicate"]),
        (&json!(1), &json!(399))
    );
}

#[rstest]
#[tokio::test]
async fn an_event_of_a_mid_is_its_own_row(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let event = |content: &str| {
        format!(
            r#"{{"object":"instagram","entry":[{{"id":"9","time":1783609000574,"messaging":[
                {{"sender":{{"id":"1"}},"recipient":{{"id":"9"}},"timestamp":1783608999848,{content}}}]}}]}}"#
        )
    };
    for content in [
        r#""message":{"mid":"m-1","text":"hi"}"#,
        r#""message":{"mid":"m-1","is_deleted":true}"#,
        r#""reaction":{"mid":"m-1","action":"react","reaction":"love","emoji":"❤"}"#,
        r#""message_edit":{"mid":"m-1","text":"hello","num_edit":1}"#,
        r#""message_edit":{"mid":"m-1","text":"hello!","num_edit":2}"#,
    ] {
        assert_eq!(
            post_at_once(&app, &event(content), 5).await,
            (1, 4),
            "{content}"
        );
    }
    assert_eq!(app.messages().await.len(), 5);
}

#[rstest]
#[tokio::test]
async fn an_owners_constant_id_loses_nothing(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    for text in ["one", "two", "three"] {
        let body = format!(r#"{{"contact_id":"1","event_id":"instagram","text":"{text}"}}"#);
        assert_eq!(app.post(body).await.ok()["outcome"], "stored");
    }
    assert_eq!(app.messages().await.len(), 3);
    for text in ["four", "five"] {
        let body = format!(r#"{{"contact_id":"1","mid":"constant","text":"{text}"}}"#);
        assert_eq!(app.post(body).await.ok()["outcome"], "stored");
    }
}

#[rstest]
#[tokio::test]
async fn a_number_and_a_text_are_the_same_person(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let _ = app
        .post(r#"{"contact_id":17841400538867190,"text":"a"}"#)
        .await
        .ok();
    let _ = app
        .post(r#"{"contact_id":"17841400538867190","text":"b"}"#)
        .await
        .ok();
    let messages = app.messages().await;
    assert!(
        messages
            .iter()
            .all(|message| message["contactId"] == "17841400538867190")
    );
    assert_eq!(
        app.get("/instagram/stats").await.ok()["clientsWithInstagram"],
        1
    );
}
