//! Each view as its readers use it: in a real browser, from the real program.

use rstest::rstest;
use serde_json::{Value, json};

use super::browser::{LIVE, Service, VIEWS, assert_no_complaint, opened};
use crate::support::Backend;
use crate::support::browser::Browser;

/// The texts of a conversation, in the order in which they are shown.
const THREAD: &str =
    "[...document.querySelectorAll('#thread .text')].map(text => text.textContent)";
/// The names of the people in a list, in the order in which they are shown.
const PEOPLE: &str = "[...document.querySelectorAll('#people b')].map(name => name.textContent)";

async fn written(service: &Service, id: &str, name: &str, text: &str) {
    let body = json!({"contact_id": id, "full_name": name, "text": text});
    assert_eq!(service.post(body.to_string()).await["stored"], 1);
}

async fn go(service: &Service, browser: &Browser, path: &str) {
    browser.go(&format!("{}{path}", service.base)).await;
    browser.value(LIVE, Value::Null).await;
}

#[rstest]
#[tokio::test]
async fn from_the_start_to_a_conversation_it_is_one_click_and_messages_arrive_in_it(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let Some((service, browser)) = opened(backend).await else {
        return;
    };
    written(&service, "a/б&=?", "Анна", "Здравствуйте!").await;
    written(&service, "2", "Ben", "Is it in stock?").await;
    go(&service, &browser, "/").await;
    assert_eq!(
        browser.now(PEOPLE).await,
        json!(["Ben", "Анна"]),
        "newest first"
    );
    browser.click("#people li:nth-child(2) a").await;
    assert_eq!(browser.text("#conversation h1").await, "Анна");
    assert_eq!(browser.now(THREAD).await, json!(["Здравствуйте!"]));
    browser.value(LIVE, Value::Null).await;
    browser.now("window.stays = true").await;
    written(&service, "a/б&=?", "Анна", "Где мой заказ?").await;
    let arrived = format!("{THREAD}.includes(given)");
    browser.value(&arrived, "Где мой заказ?").await;
    written(&service, "2", "Ben", "another one's").await;
    assert_eq!(
        browser.now(THREAD).await,
        json!(["Здравствуйте!", "Где мой заказ?"])
    );
    assert_eq!(
        browser.now("window.stays").await,
        true,
        "it was not reloaded"
    );
    browser.back().await;
    browser
        .value("document.querySelector('#people')", Value::Null)
        .await;
    assert_no_complaint(&browser).await;
}

#[tokio::test]
async fn a_conversation_has_older_pages() {
    let Some((service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    for number in 0..120 {
        written(&service, "1", "Ana", &format!("text {number}")).await;
    }
    go(&service, &browser, "/conversation?channel=instagram&id=1").await;
    let mut shown = Vec::new();
    for _ in 0..3 {
        let texts = browser.now(THREAD).await;
        let older = shown;
        shown = texts.as_array().unwrap().clone();
        shown.extend(older);
        let link = "document.querySelector('a.more')?.getAttribute('href') ?? 'none'";
        let link = browser.now(link).await;
        if link == "none" {
            break;
        }
        go(&service, &browser, &format!("/{}", link.as_str().unwrap())).await;
    }
    let expected: Vec<_> = (0..120)
        .map(|number| json!(format!("text {number}")))
        .collect();
    assert_eq!(shown, expected);
    assert_no_complaint(&browser).await;
}

#[rstest]
#[tokio::test]
async fn people_and_messages_are_searched_whatever_the_case(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let Some((service, browser)) = opened(backend).await else {
        return;
    };
    written(&service, "1", "Анна Петрова", "Где мой Заказ?").await;
    written(&service, "2", "Ben", "hello").await;
    go(&service, &browser, "/").await;
    // With the keyboard only: a slash leads to the search.
    browser.press("/").await;
    browser
        .value("document.activeElement.name === 'q'", Value::Null)
        .await;
    browser.press("петрова\u{e007}").await;
    browser
        .value("location.pathname.endsWith('/conversations')", Value::Null)
        .await;
    assert_eq!(browser.now(PEOPLE).await, json!(["Анна Петрова"]));
    go(
        &service,
        &browser,
        "/messages?q=%D0%B7%D0%B0%D0%BA%D0%B0%D0%B7",
    )
    .await;
    let texts = "[...document.querySelectorAll('#messages .text')].map(text => text.textContent)";
    assert_eq!(browser.now(texts).await, json!(["Где мой Заказ?"]));
    assert_no_complaint(&browser).await;
}

#[tokio::test]
async fn a_body_that_can_be_read_now_leaves_quarantine_by_a_button() {
    let Some((mut service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    // Which of the two is the person? Only who knows the template can tell.
    let body = r#"{"contact_id":"1","text":"hi","contact_id":"2","note":"n"}"#;
    let taken = service.post(body).await;
    assert_eq!(taken["quarantined"], 1, "{taken}");
    service.stop().await;
    let template = r#"{"contact_id":"{{user_id}}","text":"{{last_input}}","note":"{{note}}"}"#;
    service
        .start_again_with(&[("BODY_TEMPLATE", template)])
        .await;
    go(&service, &browser, "/quarantine").await;
    browser.click("#read-again button").await;
    let tried = browser.text("#result").await;
    assert!(
        tried.starts_with("On trial") && tried.contains("New messages: 1."),
        "{tried}"
    );
    browser.click("#read-again button").await;
    browser
        .value("document.querySelector('#empty')", Value::Null)
        .await;
    let result = browser.text("#result").await;
    assert!(
        result.starts_with("Read again") && result.contains("New messages: 1."),
        "{result}"
    );
    go(&service, &browser, "/conversation?channel=instagram&id=1").await;
    assert_eq!(browser.now(THREAD).await, json!([r#"hi","contact_id":"2"#]));
    assert_no_complaint(&browser).await;
}

#[tokio::test]
async fn a_person_is_erased_by_two_buttons() {
    let Some((service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    written(&service, "1", "Ana", "forget me").await;
    written(&service, "2", "Ben", "keep me").await;
    go(&service, &browser, "/conversation?channel=instagram&id=1").await;
    browser.click(".actions a[href^=erase]").await;
    browser.click(".danger button").await;
    let result = browser.text("#result").await;
    assert_eq!(result, "Erased: 1 message, 1 raw body.");
    assert_eq!(browser.now(PEOPLE).await, json!(["Ben"]));
    assert_eq!(
        browser.now("location.search").await,
        "",
        "the result is told once"
    );
    assert_no_complaint(&browser).await;
}

#[tokio::test]
async fn what_was_not_read_is_marked_until_it_is() {
    let Some((service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    written(&service, "1", "Ana", "before anybody looked").await;
    go(&service, &browser, "/conversations").await;
    let unread =
        "[...document.querySelectorAll('#people .unread b')].map(name => name.textContent).join()";
    assert_eq!(browser.now(unread).await, "");
    written(&service, "2", "Ben", "new").await;
    browser
        .value(&format!("{unread} === 'Ben'"), Value::Null)
        .await;
    browser.click("#people .unread a").await;
    browser
        .value("document.querySelector('#thread')", Value::Null)
        .await;
    go(&service, &browser, "/conversations").await;
    assert_eq!(browser.now(unread).await, "");
    assert_no_complaint(&browser).await;
}

#[tokio::test]
async fn two_tabs_see_the_same_and_keys_move_through_a_list() {
    let Some((service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    let other = Browser::start().await.unwrap();
    other.go(&service.base).await;
    super::browser::log_in(&other, crate::support::TOKEN).await;
    other.value(LIVE, Value::Null).await;
    go(&service, &other, "/messages").await;
    service.message("Ana", "one").await;
    service.message("Ana", "two").await;
    let both = "document.querySelectorAll('#messages li').length === 2";
    for tab in [&browser, &other] {
        tab.value(both, Value::Null).await;
    }
    let focused = "document.activeElement.querySelector('.text')?.textContent ?? 'none'";
    for (key, text) in [("j", "two"), ("j", "one"), ("j", "one"), ("k", "two")] {
        browser.press(key).await;
        assert_eq!(browser.now(focused).await, text);
    }
    assert_no_complaint(&browser).await;
}

#[tokio::test]
async fn every_view_is_accessible_in_both_languages_light_and_dark() {
    let Some((service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    written(&service, "1", "Ana", "hello").await;
    let taken = service.post(r#"{"foo":1}"#).await;
    let one = format!("/deliveries/{}", taken["deliveryId"].as_str().unwrap());
    let person = "/conversation?channel=instagram&id=1";
    let erase = "/erase?channel=instagram&id=1";
    for language in ["en", "ru"] {
        for scheme in ["light", "dark"] {
            browser.prefer(scheme).await;
            for view in VIEWS.iter().copied().chain([one.as_str(), person, erase]) {
                go(&service, &browser, view).await;
                assert_eq!(browser.now("document.documentElement.lang").await, language);
                let barriers = browser.barriers().await;
                assert_eq!(barriers, json!([]), "{view} {language} {scheme}");
            }
        }
        if language == "en" {
            browser.click("#language button").await;
            browser
                .value("document.documentElement.lang === 'ru'", Value::Null)
                .await;
            let place = browser.now("location.pathname").await;
            assert_eq!(place, "/erase", "it stays where it was");
        }
    }
    assert_no_complaint(&browser).await;
}

#[tokio::test]
async fn much_and_hostile_text_stays_readable() {
    let Some((service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    let attachments: Vec<_> = (0..200).map(|number| {
        json!({"type": "image", "url": if number == 0 { "javascript:window.ran=1".to_owned() } else { format!("https://cdn.example/{number}") }})
    }).collect();
    let body = json!({
        "contact_id": "1", "full_name": "\u{202e}evil", "text": "x".repeat(100_000), "attachments": attachments,
    });
    assert_eq!(service.post(body.to_string()).await["stored"], 1);
    for view in [
        "/messages",
        "/conversation?channel=instagram&id=1",
        "/conversations",
        "/",
    ] {
        go(&service, &browser, view).await;
        let size = "document.documentElement.outerHTML.length";
        assert!(
            browser.now(size).await.as_u64().unwrap() < 100_000,
            "{view}"
        );
        let scripts =
            "[...document.querySelectorAll('a')].some(link => link.href.startsWith('javascript'))";
        assert_eq!(browser.now(scripts).await, false, "{view}");
    }
    assert_no_complaint(&browser).await;
}
