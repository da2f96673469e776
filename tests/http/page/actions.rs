//! What the page can change: only from the page itself, and with the result on the page.

use reqwest::{Method, header};
use rstest::rstest;

use super::session::{Html, page, session};
use crate::support::{App, Backend};

const FORM: &str = "application/x-www-form-urlencoded";
const UNREADABLE: &str = r#"{"foo":1}"#;

/// Sends a form as the page does.
async fn send(app: &App, path: &str, cookie: &str, form: &str) -> Html {
    let request = app.request(Method::POST, path).header("cookie", cookie);
    let request = request
        .header("sec-fetch-site", "same-origin")
        .header("content-type", FORM);
    Html::of(request.body(form.to_owned())).await
}

/// The page that a form led to.
async fn result(app: &App, path: &str, cookie: &str, answer: &Html) -> Html {
    assert_eq!(answer.status, 303, "{}", answer.text);
    let base = url::Url::parse(&format!("http://page.example{path}")).unwrap();
    let to = base.join(answer.header(header::LOCATION)).unwrap();
    page(
        app,
        to.as_str().strip_prefix("http://page.example").unwrap(),
        cookie,
    )
    .await
}

#[tokio::test]
async fn nobody_else_sends_a_form_of_the_page() {
    let app = App::start(Backend::Sqlite).await;
    assert_eq!(
        app.post(r#"{"contact_id":"1","text":"hi"}"#).await.ok()["stored"],
        1
    );
    let cookie = session(&app).await;
    let erase = |cookie: &str| {
        let request = app.request(Method::POST, "/erase").header("cookie", cookie);
        request
            .header("content-type", FORM)
            .body("channel=instagram&id=1&confirm=1")
    };
    let sites = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ];
    for (name, value) in sites {
        let answer = Html::of(erase(&cookie).header(name, value)).await;
        assert_eq!(answer.status, 403, "{name}: {value}");
        assert!(
            answer.text.contains("not sent from a page of this service"),
            "{}",
            answer.text
        );
    }
    assert_eq!(Html::of(erase(&cookie)).await.status, 403, "no browser");
    let stranger = Html::of(erase("").header("sec-fetch-site", "same-origin")).await;
    assert_eq!(
        (stranger.status, stranger.header(header::LOCATION)),
        (303, ".")
    );
    let contacts = app.get("/instagram/contacts").await.ok();
    assert_eq!(
        contacts["contacts"].as_array().unwrap().len(),
        1,
        "nothing was erased"
    );
}

#[rstest]
#[tokio::test]
async fn a_person_is_erased_after_a_confirmation(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    for text in ["one", "two"] {
        let body = format!(r#"{{"contact_id":"a/б&","full_name":"Ana","text":"{text}"}}"#);
        assert_eq!(app.post(body).await.ok()["stored"], 1);
    }
    let cookie = session(&app).await;
    let person = "channel=instagram&id=a%2F%D0%B1%26";
    let ask = page(&app, &format!("/erase?{person}"), &cookie).await;
    assert!(
        ask.text.contains("This erases 2 messages of:"),
        "{}",
        ask.text
    );
    let unconfirmed = send(&app, "/erase", &cookie, &format!("{person}&confirm=2")).await;
    let asked = result(&app, "/erase", &cookie, &unconfirmed).await;
    assert!(
        asked.text.contains("This erases 2 messages of:"),
        "{}",
        asked.text
    );
    let erased = send(&app, "/erase", &cookie, &format!("{person}&confirm=1")).await;
    let people = result(&app, "/erase", &cookie, &erased).await;
    assert!(
        people.text.contains("Erased: 2 messages, 2 raw bodies."),
        "{}",
        people.text
    );
    assert!(!people.text.contains("Ana"), "{}", people.text);
    let again = send(&app, "/erase", &cookie, &format!("{person}&confirm=1")).await;
    assert_eq!(again.status, 303, "a second press changes nothing");
}

#[rstest]
#[tokio::test]
async fn the_quarantine_is_read_again_first_on_trial(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    for _ in 0..3 {
        assert_eq!(app.post(UNREADABLE).await.ok()["quarantined"], 1);
    }
    let cookie = session(&app).await;
    let quarantine = page(&app, "/quarantine", &cookie).await;
    assert!(
        quarantine.text.contains("<td>3</td>"),
        "grouped: {}",
        quarantine.text
    );
    let tried = send(&app, "/quarantine/read-again", &cookie, "try=1").await;
    let tried = result(&app, "/quarantine/read-again", &cookie, &tried).await;
    assert!(
        tried.text.contains("On trial: 3 deliveries."),
        "{}",
        tried.text
    );
    assert!(
        tried.text.contains("Nothing was changed."),
        "{}",
        tried.text
    );
    let done = send(&app, "/quarantine/read-again", &cookie, "").await;
    let shown = result(&app, "/quarantine/read-again", &cookie, &done).await;
    assert!(
        shown.text.contains("Still in quarantine: 3."),
        "{}",
        shown.text
    );
}

#[tokio::test]
async fn a_destination_is_paused_and_resumed_and_replayed() {
    let forward = [("FORWARD_CRM_URL", "http://127.0.0.1:9/hook")];
    let app = App::with(Backend::Sqlite, &forward).await;
    let cookie = session(&app).await;
    for (action, form, says) in [
        ("pause", "", "crm is paused. What arrives waits."),
        ("resume", "", "crm goes on."),
        ("retry", "", "crm: 0 dead letters are tried again."),
        (
            "replay",
            "since=2026-01-01",
            "crm: 0 messages are forwarded again.",
        ),
    ] {
        let path = format!("/forwarding/crm/{action}");
        let answer = send(&app, &path, &cookie, form).await;
        let shown = result(&app, &path, &cookie, &answer).await;
        assert!(shown.text.contains(says), "{action}: {}", shown.text);
    }
    let wrong = send(&app, "/forwarding/crm/replay", &cookie, "since=soon").await;
    assert!(
        wrong.status == 400 && wrong.text.contains("`since` must be"),
        "{}",
        wrong.text
    );
    for path in ["/forwarding/crm/explode", "/forwarding/other/pause"] {
        assert_eq!(send(&app, path, &cookie, "").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn nobody_makes_the_page_say_what_was_not_done() {
    let app = App::start(Backend::Sqlite).await;
    let cookie = session(&app).await;
    for forged in ["AAAA", "", "RXJhc2VkOiAyIG1lc3NhZ2Vz", &"A".repeat(80)] {
        let shown = page(&app, &format!("/conversations?done={forged}"), &cookie).await;
        assert!(
            shown.status == 200 && !shown.text.contains("id=\"result\""),
            "{}",
            shown.text
        );
    }
}

#[tokio::test]
async fn the_language_is_that_of_the_reader() {
    let app = App::with(Backend::Sqlite, &[("LOCALE", "ru")]).await;
    let ask = |headers: &[(&'static str, &str)]| {
        let request = app.request(Method::GET, "/");
        headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        })
    };
    for (headers, language) in [
        (&[][..], "ru"),
        (&[("accept-language", "de, en;q=0.5")], "en"),
        (&[("accept-language", "ru-RU,ru;q=0.9,en;q=0.8")], "ru"),
        (
            &[
                ("accept-language", "ru"),
                ("cookie", "chatrace_webhook_locale=en"),
            ],
            "en",
        ),
    ] {
        let shown = Html::of(ask(headers)).await.text;
        assert!(
            shown.contains(&format!("<html lang=\"{language}\">")),
            "{headers:?}"
        );
    }
    let chosen = app
        .request(Method::POST, "/language")
        .header("content-type", FORM);
    let chosen = Html::of(chosen.body("locale=en&to=conversations%3Fq%3Da")).await;
    assert_eq!(
        (chosen.status, chosen.header(header::LOCATION)),
        (303, "conversations?q=a")
    );
    assert!(
        chosen
            .header(header::SET_COOKIE)
            .starts_with("chatrace_webhook_locale=en;")
    );
    for elsewhere in ["https://evil.example", "//evil.example", "/%5Cevil.example"] {
        let form = format!("locale=en&to={elsewhere}");
        let sent = app
            .request(Method::POST, "/language")
            .header("content-type", FORM)
            .body(form);
        assert_eq!(
            Html::of(sent).await.header(header::LOCATION),
            ".",
            "{elsewhere}"
        );
    }
}

#[tokio::test]
async fn times_are_in_the_readers_zone() {
    let clock = chatrace_webhook::time::Clock::manual("2026-07-09T22:30:00Z".parse().unwrap());
    let app = App::with_clock(clock).await;
    assert_eq!(
        app.post(r#"{"contact_id":"1","text":"hi"}"#).await.ok()["stored"],
        1
    );
    let cookie = session(&app).await;
    let shown = page(&app, "/messages", &cookie).await.text;
    assert!(
        shown.contains("title=\"2026-07-09 22:30:00 UTC\">22:30</time>"),
        "{shown}"
    );
    let moscow = format!("{cookie}; chatrace_webhook_zone=Europe%2FMoscow");
    let shown = page(&app, "/messages", &moscow).await.text;
    assert!(
        shown.contains("title=\"2026-07-09 22:30:00 UTC\">01:30</time>"),
        "{shown}"
    );
    assert!(shown.contains("time zone Europe/Moscow."), "{shown}");
    let nowhere = format!("{cookie}; chatrace_webhook_zone=Not%2FThere");
    assert!(
        page(&app, "/", &nowhere)
            .await
            .text
            .contains("time zone UTC.")
    );
}

#[tokio::test]
async fn a_message_without_a_name_shows_the_known_one() {
    let app = App::start(Backend::Sqlite).await;
    for body in [
        r#"{"contact_id":"7001","full_name":"Ana","text":"one"}"#,
        r#"{"contact_id":"7001","text":"two"}"#,
    ] {
        assert_eq!(app.post(body).await.ok()["stored"], 1);
    }
    let shown = page(&app, "/messages", &session(&app).await).await.text;
    assert_eq!(shown.matches(">Ana</a>").count(), 2, "{shown}");
}

#[tokio::test]
async fn what_is_fetched_again_costs_nothing_if_it_is_the_same() {
    let app = App::start(Backend::Sqlite).await;
    let cookie = session(&app).await;
    let fetch = |tag: &str| {
        let request = app
            .request(Method::GET, "/conversations")
            .header("cookie", &cookie);
        let request = request.header("x-live", "");
        request.header("if-none-match", tag)
    };
    let first = Html::of(fetch("\"none\"")).await;
    let tag = first.header(header::ETAG).to_owned();
    let again = Html::of(fetch(&tag)).await;
    assert_eq!((again.status, again.text.len()), (304, 0));
    // Nobody without a session gets what another one fetched.
    let stranger = app
        .request(Method::GET, "/conversations")
        .header("x-live", "");
    assert_eq!(Html::of(stranger).await.status, 303);
}
