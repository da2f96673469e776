//! Who may send and who may read.

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use sha2::Sha256;

use crate::support::{Answer, App, Backend, TOKEN};

const BODY: &str = r#"{"contact_id":"1","text":"hi"}"#;

fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let hex = mac
        .finalize()
        .into_bytes()
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!("sha256={hex}")
}

#[tokio::test]
async fn the_secret_is_taken_in_five_places_and_rotates() {
    let app = App::with(Backend::Sqlite, &[("WEBHOOK_SECRET", "new secret,old")]).await;
    let post = |query: &str| {
        app.request(Method::POST, &format!("/instagram/webhook{query}"))
            .body(BODY)
    };
    let valid = [
        post("").header("x-webhook-secret", "new secret"),
        post("").header("authorization", "Bearer old"),
        post("?token=new%20secret"),
        post("?secret=old"),
        post("?auth=old"),
    ];
    for request in valid {
        let _ = Answer::to(request).await.ok();
    }
    for request in [
        post(""),
        post("?token=wrong"),
        post("").header("x-webhook-secret", "newsecret"),
    ] {
        let answer = Answer::to(request).await;
        assert!(answer.headers.contains_key("www-authenticate"));
        assert!(
            answer.with(401)["error"]
                .as_str()
                .unwrap()
                .contains("X-Webhook-Secret")
        );
    }
    let rejected = &app.get("/instagram/stats").await.ok()["process"]["rejected"];
    assert_eq!(
        (&rejected["missing_secret"], &rejected["wrong_secret"]),
        (&1.into(), &2.into())
    );
}

#[tokio::test]
async fn with_the_app_secret_alone_chatrace_is_told_that_a_secret_has_to_be_set() {
    let app = App::with(Backend::Sqlite, &[("META_APP_SECRET", "app-secret")]).await;
    for query in ["", "?token=some"] {
        let path = format!("/instagram/webhook{query}");
        let answer = Answer::to(app.request(Method::POST, &path).body(BODY)).await;
        let error = answer.with(401)["error"].as_str().unwrap().to_owned();
        assert!(
            error.contains("WEBHOOK_SECRET is not set: set it, restart this service"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_secret_in_the_query_is_not_kept_with_a_query_delivery() {
    let app = App::with(Backend::Sqlite, &[("WEBHOOK_SECRET", "canary-secret")]).await;
    let path = "/instagram/webhook?contact_id=1&token=canary-secret&text=hi";
    let answer = Answer::to(app.request(Method::GET, path)).await.ok();
    let id = answer["deliveryId"].as_str().unwrap();
    assert_eq!(app.raw(id).await, b"contact_id=1&text=hi");
    let detail = app.get(&format!("/instagram/deliveries/{id}")).await;
    assert!(!detail.text.contains("canary"), "{}", detail.text);
}

#[tokio::test]
async fn observing_lets_everybody_in() {
    let app = App::with(
        Backend::Sqlite,
        &[("WEBHOOK_SECRET", "s"), ("WEBHOOK_AUTH", "observe")],
    )
    .await;
    assert_eq!(app.post(BODY).await.ok()["outcome"], "stored");
}

#[tokio::test]
async fn metas_signature_is_a_credential_and_a_wrong_one_is_refused() {
    let app = App::with(
        Backend::Sqlite,
        &[("META_APP_SECRET", "app"), ("WEBHOOK_SECRET", "s")],
    )
    .await;
    let body = r#"{"contact_id":"1","text":"caf\u00e9"}"#;
    let signed = |signature: String| {
        app.request(Method::POST, "/instagram/webhook")
            .header("x-hub-signature-256", signature)
            .body(body)
    };
    assert_eq!(
        Answer::to(signed(signature("app", body))).await.ok()["stored"],
        1
    );
    let reserialized = r#"{"contact_id":"1","text":"café"}"#;
    let _ = Answer::to(signed(signature("app", reserialized)))
        .await
        .with(401);
    let with_secret = signed("sha256=00".to_owned()).header("x-webhook-secret", "s");
    assert!(
        Answer::to(with_secret).await.with(401)["error"]
            .as_str()
            .unwrap()
            .contains("signature")
    );
}

/// With Instagram Login, an app has two secrets, and Meta signs with either.
#[tokio::test]
async fn either_of_two_app_secrets_fits_and_an_old_signature_is_named() {
    let app = App::with(Backend::Sqlite, &[("META_APP_SECRET", "fb, ig")]).await;
    let body = r#"{"contact_id":"1","text":"hi"}"#;
    let with = |name: &str, value: String| {
        let request = app.request(Method::POST, "/instagram/webhook");
        Answer::to(request.header(name, value).body(body))
    };
    for secret in ["fb", "ig"] {
        with("x-hub-signature-256", signature(secret, body))
            .await
            .ok();
    }
    with("x-hub-signature-256", signature("other", body))
        .await
        .with(401);
    let old = with("x-hub-signature", "sha1=00".to_owned())
        .await
        .with(401);
    let sentence = old["error"].as_str().unwrap();
    assert!(
        sentence.contains("Only the old SHA-1 signature came"),
        "{sentence}"
    );
}

#[tokio::test]
async fn a_signature_over_an_empty_body_authenticates_no_query() {
    let variables = [("META_APP_SECRET", "app"), ("WEBHOOK_SECRET", "s")];
    let app = App::with(Backend::Sqlite, &variables).await;
    for method in [Method::GET, Method::POST] {
        let signed = |query: &str| {
            app.request(method.clone(), &format!("/instagram/webhook?{query}"))
                .header("x-hub-signature-256", signature("app", ""))
        };
        let query = "contact_id=1&text=hi";
        let _ = Answer::to(signed(query)).await.with(401);
        let with_secret = signed(&format!("{query}&token=s"));
        let _ = Answer::to(with_secret).await.ok();
    }
}

#[tokio::test]
async fn metas_handshake_returns_the_challenge_byte_for_byte() {
    let app = App::with(
        Backend::Sqlite,
        &[("META_VERIFY_TOKEN", "verify me"), ("WEBHOOK_SECRET", "s")],
    )
    .await;
    let ask = |token: &str| {
        let path = format!(
            "/instagram/webhook?hub.mode=subscribe&hub.verify_token={token}&hub.challenge=11584%3C01444"
        );
        Answer::to(app.request(Method::GET, &path))
    };
    let answer = ask("verify%20me").await;
    assert_eq!(
        (answer.status.as_u16(), answer.text.as_str()),
        (200, "11584<01444")
    );
    assert!(
        answer.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    assert!(
        ask("wrong").await.with(403)["error"]
            .as_str()
            .unwrap()
            .contains("META_VERIFY_TOKEN")
    );

    let path =
        "/instagram/webhook?hub.mode=unsubscribe&hub.verify_token=verify%20me&hub.challenge=1";
    let _ = Answer::to(app.request(Method::GET, path)).await.with(403);

    let unconfigured = App::start(Backend::Sqlite).await;
    let path = "/instagram/webhook?hub.mode=subscribe&hub.verify_token=&hub.challenge=1";
    let _ = Answer::to(unconfigured.request(Method::GET, path))
        .await
        .with(403);
}

#[tokio::test]
async fn reading_needs_a_token_of_which_there_may_be_several() {
    let app = App::with(Backend::Sqlite, &[("API_TOKEN", "first, second")]).await;
    let id = uuid::Uuid::nil();
    let detail = format!("/instagram/deliveries/{id}");
    let raw = format!("{detail}/raw");
    for path in [
        "/instagram/stats",
        "/instagram/messages",
        "/instagram/deliveries",
        &detail,
        &raw,
    ] {
        for token in [None, Some(""), Some("third"), Some("first,"), Some(TOKEN)] {
            let mut request = app.request(Method::GET, path);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let answer = Answer::to(request).await;
            assert!(
                answer.headers["www-authenticate"]
                    .to_str()
                    .unwrap()
                    .starts_with("Bearer")
            );
            assert!(
                answer.with(401)["error"]
                    .as_str()
                    .unwrap()
                    .contains("API_TOKEN")
            );
        }
    }
    for token in ["first", "second"] {
        let _ = Answer::to(
            app.request(Method::GET, "/instagram/stats")
                .bearer_auth(token),
        )
        .await
        .ok();
    }
}

/// Sends a request that is answered 401 until it is answered 429. How often it was refused before.
async fn until_limited(app: &App, request: impl Fn() -> reqwest::RequestBuilder) -> usize {
    until_limited_after(401, app, request).await
}

async fn until_limited_after(
    status: u16,
    app: &App,
    request: impl Fn() -> reqwest::RequestBuilder,
) -> usize {
    for refused in 0..1000 {
        let answer = Answer::to(request()).await;
        if answer.status.as_u16() == 429 {
            let seconds = answer.headers["retry-after"].to_str().unwrap();
            assert!(seconds.parse::<u64>().unwrap() > 0);
            return refused;
        }
        assert_eq!(answer.status.as_u16(), status);
    }
    panic!("{} answers {status} for ever", app.base)
}

#[tokio::test]
async fn who_guesses_is_answered_429_and_a_valid_credential_never_is() {
    let variables = [
        ("WEBHOOK_SECRET", "the-secret-of-senders"),
        ("TRUSTED_PROXIES", "127.0.0.0/8"),
    ];
    let app = App::with(Backend::Sqlite, &variables).await;
    let post = |address: &str, secret: &str| {
        app.request(Method::POST, "/instagram/webhook")
            .header("x-forwarded-for", address)
            .header("x-webhook-secret", secret)
            .body(BODY)
    };
    let read = |address: &str, token: &str| {
        app.request(Method::GET, "/instagram/messages")
            .header("x-forwarded-for", address)
            .bearer_auth(token)
    };
    let log_in = |address: &str, token: &str| {
        app.request(Method::POST, "/login")
            .header("x-forwarded-for", address)
            .body(format!("token={token}"))
    };
    let guesses = [
        until_limited(&app, || post("192.0.2.1", "guess")).await,
        until_limited(&app, || read("192.0.2.2", "guess")).await,
        until_limited(&app, || log_in("192.0.2.3", "guess")).await,
    ];
    assert!(guesses.iter().all(|number| *number >= 60), "{guesses:?}");
    for limited in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        let _ = Answer::to(read(limited, TOKEN)).await.ok();
        let _ = Answer::to(post(limited, "the-secret-of-senders"))
            .await
            .ok();
        assert_eq!(
            Answer::to(log_in(limited, TOKEN)).await.status.as_u16(),
            303
        );
    }
    // One limit for all that an address tries, and another one for each address.
    until_limited(&app, || post("192.0.2.3", "guess")).await;
    assert_eq!(
        Answer::to(post("192.0.2.4", "guess")).await.status.as_u16(),
        401
    );
    let forged = until_limited(&app, || post("192.0.2.9, 192.0.2.1", "guess")).await;
    assert!(forged < 60, "it is the address that the proxy saw");
    let rejected = &app.get("/instagram/stats").await.ok()["process"]["rejected"];
    assert!(rejected["token"].as_u64().unwrap() > 120, "{rejected}");
    assert!(
        rejected["wrong_secret"].as_u64().unwrap() > 60,
        "{rejected}"
    );
}

#[tokio::test]
async fn without_a_trusted_proxy_nobody_chooses_an_address() {
    let app = App::with(
        Backend::Sqlite,
        &[("WEBHOOK_SECRET", "the-secret-of-senders")],
    )
    .await;
    let number = std::cell::Cell::new(0);
    until_limited(&app, || {
        number.set(number.get() + 1);
        app.request(Method::POST, "/instagram/webhook")
            .header("x-forwarded-for", format!("192.0.2.{}", number.get()))
            .body(BODY)
    })
    .await;
}

/// Nobody can guess a credential without being counted.
#[tokio::test]
async fn no_other_answer_tells_whether_a_credential_is_valid() {
    const SECRET: &str = "the-secret-of-senders";
    let app = App::with(Backend::Sqlite, &[("WEBHOOK_SECRET", SECRET)]).await;
    for (method, path, valid) in [
        (Method::POST, "/instagram/webhok", TOKEN),
        (Method::GET, "/instagram/webhok", TOKEN),
        (Method::POST, "/instagram/messages", TOKEN),
        (Method::GET, "/instagram/webhook", TOKEN),
        (Method::GET, "/instagram/webhook", SECRET),
    ] {
        let ask = async |secret| {
            let request = app.request(method.clone(), path).bearer_auth(secret);
            let answer = Answer::to(request).await;
            (answer.status, answer.text)
        };
        assert_eq!(ask(valid).await, ask("guess").await, "{method} {path}");
    }
    let ask = async |secret| {
        let request = app.request(Method::GET, "/instagram/webhook");
        let answer = Answer::to(request.header("x-webhook-secret", secret)).await;
        (answer.status, answer.text)
    };
    assert_eq!(ask(SECRET).await, ask("guess").await);
}

#[tokio::test]
async fn who_forges_a_session_or_a_probe_is_answered_429() {
    let app = App::start(Backend::Sqlite).await;
    let cookie = "chatrace_webhook_session=9999999999.01a2040d6ba6760d9d75582afe0c4905.AAAA";
    let look = || app.request(Method::GET, "/").header("cookie", cookie);
    let forged = until_limited_after(200, &app, look).await;
    assert!(forged >= 60, "{forged}");
    let log_out = app
        .request(Method::POST, "/logout")
        .header("cookie", cookie);
    assert_eq!(Answer::to(log_out).await.status.as_u16(), 429);
    let without = app.request(Method::GET, "/");
    assert_eq!(Answer::to(without).await.status.as_u16(), 200);

    let app = App::start(Backend::Sqlite).await;
    let probe = || {
        app.request(Method::POST, "/instagram/webhook")
            .header("x-webhook-probe", "0123456789abcdef.1.00")
            .body(" ".repeat(2048))
    };
    let forged = until_limited_after(400, &app, probe).await;
    assert!(forged >= 60, "{forged}");
    let _ = app.post(BODY).await.ok();
}
