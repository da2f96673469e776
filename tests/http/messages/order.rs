//! Newest first, older pages, and one message by its id.

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{App, Backend};

async fn post(app: &App, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let contact = number % 2;
        let body = json!({"contact_id": format!("{contact}"), "text": format!("n{number}")});
        assert_eq!(app.post(body.to_string()).await.ok()["stored"], 1);
    }
}

fn texts(page: &Value) -> Vec<&str> {
    let messages = page["messages"].as_array().unwrap().iter();
    messages
        .map(|message| message["text"].as_str().unwrap())
        .collect()
}

/// Every text from one end to the other, in pages.
async fn walk(app: &App, parameters: &str, cursor_name: &str) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/instagram/messages?{parameters}&{cursor_name}={cursor}");
        let page = app.get(&path).await.ok();
        seen.extend(texts(&page).into_iter().map(str::to_owned));
        page["nextCursor"].as_str().unwrap().clone_into(&mut cursor);
        if page["caughtUp"] == true {
            let path = format!("/instagram/messages?{parameters}&{cursor_name}={cursor}");
            let end = app.get(&path).await.ok();
            assert_eq!((texts(&end).len(), &end["caughtUp"]), (0, &json!(true)));
            assert_eq!(end["nextCursor"], page["nextCursor"]);
            return seen;
        }
    }
}

#[rstest]
#[tokio::test]
async fn paging_reaches_every_message_once_from_either_end(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let page = app.get("/instagram/messages?order=desc").await.ok();
    assert_eq!(
        (texts(&page).len(), &page["caughtUp"]),
        (0, &json!(true)),
        "an empty list"
    );
    post(&app, 0..9).await;
    for (filter, expected) in [
        ("", (0..9).collect::<Vec<_>>()),
        ("&contactId=1", vec![1, 3, 5, 7]),
        ("&contactId=1&channel=instagram", vec![1, 3, 5, 7]),
        ("&contactId=0&q=N", vec![0, 2, 4, 6, 8]),
        ("&since=2000-01-01T00:00:00Z", (0..9).collect()),
        ("&kind=media", vec![]),
    ] {
        let mut expected: Vec<_> = expected.iter().map(|n| format!("n{n}")).collect();
        for limit in [1, 4, 9] {
            let parameters = format!("limit={limit}{filter}");
            assert_eq!(
                walk(&app, &parameters, "after").await,
                expected,
                "{parameters}"
            );
            expected.reverse();
            let parameters = format!("order=desc&{parameters}");
            assert_eq!(
                walk(&app, &parameters, "before").await,
                expected,
                "{parameters}"
            );
            expected.reverse();
        }
    }
}

#[rstest]
#[tokio::test]
async fn what_is_between_two_cursors_is_read_from_either_end(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    post(&app, 0..9).await;
    let messages = app.messages().await;
    let cursor = |number: usize| format!("m{}", messages[number]["position"]);
    let range = format!("after={}&before={}", cursor(2), cursor(6));
    for (order, expected) in [
        ("", ["n3", "n4", "n5"]),
        ("&order=asc", ["n3", "n4", "n5"]),
        ("&order=desc", ["n5", "n4", "n3"]),
    ] {
        let page = app
            .get(&format!("/instagram/messages?{range}{order}"))
            .await
            .ok();
        assert_eq!(
            (texts(&page), &page["caughtUp"]),
            (expected.to_vec(), &json!(true))
        );
    }
    // A page goes on where it ended, whatever came meanwhile.
    let page = app.get("/instagram/messages?order=desc&limit=2").await.ok();
    assert_eq!(texts(&page), ["n8", "n7"]);
    post(&app, 9..11).await;
    let older = format!(
        "/instagram/messages?order=desc&limit=2&before={}",
        page["nextCursor"].as_str().unwrap()
    );
    assert_eq!(texts(&app.get(&older).await.ok()), ["n6", "n5"]);
}

#[tokio::test]
async fn what_does_not_go_together_is_refused_with_what_to_do() {
    let app = App::start(Backend::Sqlite).await;
    for (parameters, named) in [
        ("order=desc&wait=1", "`wait`"),
        ("before=m9&wait=1", "`wait`"),
        ("order=desc&after=latest", "`after=latest`"),
        ("after=m9&before=m9", "`before`"),
        ("after=m9&before=m3&order=desc", "`before`"),
        ("before=latest", "`before`"),
        ("before=d4", "`before`"),
        ("order=newest", "order"),
    ] {
        let path = format!("/instagram/messages?{parameters}");
        let answer = app.get(&path).await.with(400);
        let sentence = answer["error"].as_str().unwrap();
        assert!(sentence.contains(named), "{path}: {sentence}");
    }
    for parameters in [
        "order=desc&wait=0",
        "order=desc&before=",
        "order=asc&wait=0",
    ] {
        let _ = app
            .get(&format!("/instagram/messages?{parameters}"))
            .await
            .ok();
    }
}

#[rstest]
#[tokio::test]
async fn a_message_is_found_by_its_id_until_it_is_erased(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    post(&app, 0..3).await;
    let messages = app.messages().await;
    let path = |message: &Value| format!("/instagram/messages/{}", message["id"].as_str().unwrap());
    for message in &messages {
        assert_eq!(app.get(&path(message)).await.ok(), *message);
    }
    let _ = app.send(Method::DELETE, "/instagram/contacts/1").await.ok();
    let answer = app.get(&path(&messages[1])).await.with(404);
    assert!(
        answer["error"].as_str().unwrap().contains("erased"),
        "{answer}"
    );
    let _ = app.get(&path(&messages[0])).await.ok();
    let _ = app.get("/instagram/messages/1").await.with(400);
}
