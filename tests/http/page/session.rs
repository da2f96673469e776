//! The page without a browser: who may see it, and what is in it. In a browser: `page`.

use std::sync::Arc;

use chatrace_webhook::time::Clock;
use jiff::SignedDuration;
use reqwest::{Method, RequestBuilder, header};
use rstest::rstest;

use crate::support::{Answer, App, Backend, TOKEN, postgres};

/// What a page answers.
pub(super) struct Html {
    pub(super) status: u16,
    pub(super) headers: header::HeaderMap,
    pub(super) text: String,
}

impl Html {
    pub(super) async fn of(request: RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        Self {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            text: answer.text().await.unwrap(),
        }
    }

    pub(super) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    pub(super) fn is_login(&self) -> bool {
        self.text.contains("<form id=\"login\"")
    }
}

fn login(app: &App, token: &str) -> RequestBuilder {
    let form = format!("token={token}");
    app.request(Method::POST, "/login")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
}

/// The cookie of a session, as a browser sends it.
pub(super) async fn session(app: &App) -> String {
    let answer = Html::of(login(app, TOKEN)).await;
    assert_eq!((answer.status, answer.header(header::LOCATION)), (303, "."));
    let cookie = answer.header(header::SET_COOKIE);
    cookie.split(';').next().unwrap().to_owned()
}

/// A cookie with this value instead of a session.
async fn forged(app: &App, value: &str) -> String {
    let real = session(app).await;
    format!("{}={value}", real.split('=').next().unwrap())
}

pub(super) async fn page(app: &App, path: &str, cookie: &str) -> Html {
    Html::of(app.request(Method::GET, path).header("cookie", cookie)).await
}

#[tokio::test]
async fn without_a_login_the_page_shows_a_form_and_nothing_else() {
    let app = App::start(Backend::Sqlite).await;
    let id = app
        .post(r#"{"contact_id":"1","text":"nobody else's business"}"#)
        .await
        .ok()["deliveryId"]
        .as_str()
        .unwrap()
        .to_owned();
    for cookie in [
        String::new(),
        forged(&app, "").await,
        forged(&app, "9999999999.AAAA").await,
    ] {
        let cookie = cookie.as_str();
        let answer = page(&app, "/", cookie).await;
        assert!(answer.status == 200 && answer.is_login(), "{}", answer.text);
        assert!(!answer.text.contains("business"));
        let one = page(&app, &format!("/deliveries/{id}"), cookie).await;
        assert_eq!((one.status, one.header(header::LOCATION)), (303, "../"));
        assert!(!one.text.contains("business"));
        let stream = page(&app, "/instagram/messages/stream", cookie).await;
        assert_eq!(stream.status, 401);
    }
}

#[tokio::test]
async fn a_session_ends_after_half_a_day() {
    let clock = Clock::manual("2026-07-09T12:00:00Z".parse().unwrap());
    let app = App::with_clock(clock.clone()).await;
    let cookie = session(&app).await;
    clock.advance(SignedDuration::from_secs(12 * 60 * 60 - 1));
    assert!(!page(&app, "/", &cookie).await.is_login());
    clock.advance(SignedDuration::from_secs(1));
    assert!(page(&app, "/", &cookie).await.is_login());
}

#[tokio::test]
async fn a_wrong_token_is_told_and_opens_nothing() {
    let app = App::start(Backend::Sqlite).await;
    for token in [
        "",
        "canary-guess",
        "test-token-of-reader",
        "test-token-of-readers2",
    ] {
        let answer = Html::of(login(&app, token)).await;
        assert!(answer.status == 401 && answer.is_login());
        assert!(answer.text.contains("role=\"alert\""), "{}", answer.text);
        assert!(!answer.text.contains("canary"), "{}", answer.text);
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
    }
    let endless = "x".repeat(100_000);
    let answer = Html::of(login(&app, &endless)).await;
    assert!(answer.status == 413 && answer.is_login());
}

#[tokio::test]
async fn a_session_opens_the_page_its_stream_and_its_files_and_nothing_else() {
    let app = App::start(Backend::Sqlite).await;
    let cookie = session(&app).await;
    let home = page(&app, "/", &cookie).await;
    assert!(home.status == 200 && home.text.contains("id=\"verdict\""));
    assert!(home.text.contains("id=\"logout\""));
    let stream = app
        .request(Method::GET, "/instagram/messages/stream")
        .header("cookie", &cookie);
    assert_eq!(stream.send().await.unwrap().status(), 200);
    let file = page(&app, "/instagram/messages/export?format=csv", &cookie).await;
    assert_eq!(file.status, 200);
    for path in [
        "/instagram/messages",
        "/instagram/stats",
        "/instagram/deliveries",
    ] {
        assert_eq!(page(&app, path, &cookie).await.status, 401, "{path}");
    }
    let erase = app
        .request(Method::DELETE, "/instagram/contacts/1")
        .header("cookie", &cookie);
    assert_eq!(erase.send().await.unwrap().status(), 401);
    let nothing = page(
        &app,
        "/deliveries/01a2040d-6ba6-760d-9d75-582afe0c4905",
        &cookie,
    )
    .await;
    assert_eq!(nothing.status, 404);
    assert!(nothing.text.contains("There is no delivery with this id."));
    let gone = Html::of(
        app.request(Method::POST, "/logout")
            .header("cookie", &cookie),
    )
    .await;
    assert!(gone.header(header::SET_COOKIE).contains("Max-Age=0"));
}

#[tokio::test]
async fn no_page_is_cached_framed_or_loads_anything_from_elsewhere() {
    let app = App::start(Backend::Sqlite).await;
    let cookie = session(&app).await;
    for cookie in ["", cookie.as_str()] {
        let answer = page(&app, "/", cookie).await;
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        assert_eq!(answer.header(header::REFERRER_POLICY), "no-referrer");
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe") && !policy.contains("http"));
        // What it needs is here, and may be kept.
        let links = answer.text.split(['"', '\'']);
        let assets: Vec<_> = links.filter(|link| link.starts_with("assets/")).collect();
        let number = if cookie.is_empty() { 2 } else { 4 };
        assert_eq!(
            assets.len(),
            number,
            "the login needs no script: {assets:?}"
        );
        for asset in assets {
            let asset = page(&app, &format!("/{asset}"), "").await;
            assert_eq!(asset.status, 200);
            assert!(asset.header(header::CACHE_CONTROL).contains("immutable"));
        }
    }
}

#[tokio::test]
async fn what_people_write_is_text_on_the_page() {
    let app = App::start(Backend::Sqlite).await;
    let hostile = "<script>bad()</script>\\\"'><img src=x onerror=bad()>";
    let body = format!(
        r#"{{"contact_id":"1","full_name":"{hostile}","text":"{hostile}","api_key":"canary.key",
            "attachments":[{{"type":"image","url":"javascript:bad()"}},{{"type":"file","url":"https://cdn.example/a?b=1&c=2"}}]}}"#
    );
    let kept = app.post(body).await.ok();
    assert_eq!(kept["outcome"], "stored");
    let refused = app.request(Method::POST, "/instagram/webhook");
    let refused = refused.header("user-agent", "<script>bad()</script>");
    assert_eq!(refused.send().await.unwrap().status(), 400);
    let cookie = session(&app).await;
    let one = format!("/deliveries/{}", kept["deliveryId"].as_str().unwrap());
    let conversation = "/conversation?channel=instagram&id=1";
    for path in ["/", "/messages", "/conversations", conversation, &one] {
        let answer = page(&app, path, &cookie).await;
        assert_eq!(answer.status, 200);
        for bad in ["<script>bad", "<img", "href=\"javascript", "canary"] {
            assert!(!answer.text.contains(bad), "{path} {bad}: {}", answer.text);
        }
        assert!(
            answer.text.contains("&#60;script&#62;bad()"),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn who_posts_to_the_page_is_told_the_way_and_the_diagnosis_learns_of_it() {
    let app = App::start(Backend::Sqlite).await;
    let answer = Html::of(app.request(Method::POST, "/").body("{}")).await;
    assert_eq!(answer.status, 404);
    assert!(
        answer.text.contains("POST /instagram/webhook"),
        "{}",
        answer.text
    );
    let sent = Html::of(app.request(Method::GET, "/?contact_id=1&text=hi")).await;
    assert_eq!(sent.status, 404);
    assert!(
        sent.text.contains("POST /instagram/webhook"),
        "{}",
        sent.text
    );
    let diagnosis = app.diagnosis().await;
    let verdict = diagnosis["verdict"].as_str().unwrap();
    assert!(verdict.contains("1 request hit / (404)"), "{verdict}");
}

#[tokio::test]
async fn behind_tls_the_cookie_stays_there() {
    let app = App::start(Backend::Sqlite).await;
    let answer = Html::of(login(&app, TOKEN).header("x-forwarded-proto", "https")).await;
    assert!(answer.header(header::SET_COOKIE).ends_with("; Secure"));
    let plain = Html::of(login(&app, TOKEN)).await;
    assert!(!plain.header(header::SET_COOKIE).contains("Secure"));
    // Not every proxy says how the browser came.
    let public = [("PUBLIC_URL", "https://hooks.example.com")];
    let app = App::with(Backend::Sqlite, &public).await;
    let silent = Html::of(login(&app, TOKEN)).await;
    assert!(silent.header(header::SET_COOKIE).ends_with("; Secure"));
}

#[tokio::test]
async fn two_installations_on_one_host_do_not_log_each_other_out() {
    let (one, other) = (
        App::start(Backend::Sqlite).await,
        App::start(Backend::Sqlite).await,
    );
    let both = format!("{}; {}", session(&one).await, session(&other).await);
    for app in [&one, &other] {
        assert!(!page(app, "/", &both).await.is_login());
    }
    // Nor does a login count as a guess where one is logged in elsewhere only.
    let named = App::with(Backend::Sqlite, &[("INSTANCE_NAME", "Ana's shop")]).await;
    assert!(page(&named, "/", &both).await.is_login());
    let answer = Html::of(login(&named, TOKEN).header("cookie", &both)).await;
    assert_eq!(answer.status, 303);
    let home = page(&named, "/", &session(&named).await).await;
    assert!(
        home.text.contains("– Ana&#39;s shop</title>"),
        "{}",
        home.text
    );
}

#[tokio::test]
async fn while_the_database_is_away_the_page_says_so_and_shows_what_is_known() {
    let url = postgres::fresh_database().await;
    let app = App::on(Arc::new(tempfile::tempdir().unwrap()), Some(&url), &[]).await;
    let cookie = session(&app).await;
    postgres::close(&url).await;
    let kept = app
        .post(r#"{"contact_id":"1","text":"on disk"}"#)
        .await
        .ok();
    assert_eq!(kept["outcome"], "spooled");
    let home = page(&app, "/", &cookie).await;
    assert_eq!(home.status, 200);
    for part in [
        "<dt>Messages ever</dt><dd>?</dd>",
        "<dt>Waiting on disk</dt><dd>1</dd>",
        "The database is away.",
    ] {
        assert!(home.text.contains(part), "{part}: {}", home.text);
    }
    let one = format!("/deliveries/{}", kept["deliveryId"].as_str().unwrap());
    let one = page(&app, &one, &cookie).await;
    assert!(one.text.contains("on disk"), "{}", one.text);
}

#[rstest]
#[tokio::test]
async fn the_newest_are_shown_whatever_else_arrived(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let long = "x".repeat(900_000);
    for number in 0..8 {
        let body = format!(r#"{{"contact_id":"{number}","id":"l{number}","text":"{long}"}}"#);
        assert_eq!(app.post(body).await.ok()["outcome"], "stored");
    }
    let newest = r#"{"contact_id":"1","id":"newest","text":"the newest"}"#;
    assert_eq!(app.post(newest).await.ok()["outcome"], "stored");
    // Retries that become no messages.
    let retries = format!("[{}]", [newest; 300].join(","));
    assert_eq!(app.post(retries).await.ok()["duplicates"], 300);
    let cookie = session(&app).await;
    let messages = page(&app, "/messages", &cookie).await;
    assert!(messages.text.contains("the newest"));
    assert_eq!(messages.text.matches("data-position=").count(), 9);
    let deliveries = page(&app, "/deliveries", &cookie).await;
    assert_eq!(deliveries.text.matches("<tr id=\"delivery-").count(), 10);
    let person = page(&app, "/conversation?channel=instagram&id=1", &cookie).await;
    for view in [messages, deliveries, person] {
        assert!(view.text.len() < 100_000, "{}", view.text.len());
    }
}

#[tokio::test]
async fn a_slash_at_the_end_leads_to_the_page_without() {
    let app = App::start(Backend::Sqlite).await;
    for (path, place) in [
        ("/deliveries/1/", "../1"),
        ("/login/", "../login"),
        ("/logout/", "../logout"),
        ("/login", "."),
    ] {
        let answer = page(&app, path, "").await;
        assert_eq!(
            (answer.status, answer.header(header::LOCATION)),
            (303, place)
        );
    }
}

#[tokio::test]
async fn only_the_address_of_this_version_is_kept_for_good() {
    let app = App::start(Backend::Sqlite).await;
    for path in ["/assets/page.js", "/assets/page.js?v=another"] {
        let answer = page(&app, path, "").await;
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    }
}

#[tokio::test]
async fn no_other_site_logs_anybody_out() {
    let app = App::start(Backend::Sqlite).await;
    let logout = app.request(Method::POST, "/logout");
    let answer = Html::of(logout.header("sec-fetch-site", "cross-site")).await;
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn a_credential_in_a_header_is_not_shown() {
    let app = App::with(Backend::Sqlite, &[("WEBHOOK_SECRET", "canary-secret")]).await;
    let post = app.request(Method::POST, "/instagram/webhook?token=canary-secret");
    let post = post.header("user-agent", "agent canary-secret");
    let kept = Answer::to(post.body(r#"{"contact_id":"1","text":"a"}"#))
        .await
        .ok();
    let id = kept["deliveryId"].as_str().unwrap();
    let one = page(&app, &format!("/deliveries/{id}"), &session(&app).await).await;
    let shown = app.get(&format!("/instagram/deliveries/{id}")).await.text;
    for text in [one.text, shown] {
        assert!(
            text.contains("agent [redacted]") && !text.contains("canary"),
            "{text}"
        );
    }
}
