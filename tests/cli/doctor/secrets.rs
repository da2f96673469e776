//! A canary in every place where a secret can be configured appears in no output, log, metric or endpoint.

use tempfile::TempDir;
use tokio::process::Command;

use super::run;
use crate::support::chatrace::{Behaviour, CHATRACE_TOKEN, Chatrace};
use crate::support::postgres;
use crate::support::process::{Running, program};

const PATHS: [&str; 11] = [
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/instagram/stats",
    "/instagram/messages",
    "/instagram/deliveries",
    "/instagram/contacts",
    "/instagram/diagnosis",
    "/instagram/webhook",
];

/// A role that may do everything, whose password is a canary.
async fn database_url() -> String {
    let role = "DO $$ BEGIN CREATE ROLE keeper LOGIN SUPERUSER PASSWORD 'canary-database'; EXCEPTION WHEN OTHERS THEN NULL; END $$";
    postgres::execute(&postgres::server_url(), role.to_owned()).await;
    let mut url = url::Url::parse(&postgres::fresh_database().await).unwrap();
    url.set_username("keeper").unwrap();
    url.set_password(Some("canary-database")).unwrap();
    url.into()
}

fn configure(command: &mut Command, database_url: &str, api: &Chatrace) {
    command
        .env("RUST_LOG", "trace")
        .env("DATABASE_URL", database_url)
        .env("API_TOKEN", "canary-api")
        .env("WEBHOOK_SECRET", "canary-webhook")
        .env("META_APP_SECRET", "canary-app")
        .env("META_VERIFY_TOKEN", "canary-verify")
        .env(
            "INSTAGRAM_API_URL",
            api.url.replace("http://", "http://user:canary-api-url@"),
        )
        .env("INSTAGRAM_ACCESS_TOKEN", CHATRACE_TOKEN)
        .env("METRICS_TOKEN", "canary-metrics")
        .env(
            "PUBLIC_URL",
            "http://user:canary-public@127.0.0.1:9/?token=canary-public-query",
        )
        .env("SILENCE_AFTER", "200ms")
        .env(
            "ALERT_URL",
            "https://user:canary-alert@127.0.0.1:9/hook?key=canary-alert-query",
        )
        .env("ALERT_SECRET", "canary-signing");
}

#[tokio::test]
async fn no_configured_secret_appears_anywhere() {
    let directory = tempfile::tempdir().unwrap();
    let api = Chatrace::start(Behaviour::ErrorInside).await;
    let database = database_url().await;
    let mut serve = program(directory.path());
    configure(&mut serve, &database, &api);
    let mut running = Running::start(serve).await;
    let (base, id) = (running.base.clone(), running.child.id().unwrap());
    let asking = async {
        let shown = everything(&directory, &database, &api, &base).await;
        let stop = std::process::Command::new("kill")
            .arg(id.to_string())
            .status();
        assert!(stop.unwrap().success());
        shown
    };
    // What it prints is read meanwhile: a log that nobody reads holds the service up.
    let (mut shown, ended) = tokio::join!(asking, running.ended());
    assert!(ended.success());
    let log = running.printed.join("\n");
    assert!(log.contains("📨 Received webhook"), "{log}");
    shown.push(log);
    for line in shown.iter().flat_map(|text| text.lines()) {
        assert!(!line.contains("canary"), "{line}");
    }
}

/// What every command prints and every endpoint answers.
async fn everything(
    directory: &TempDir,
    database: &str,
    api: &Chatrace,
    base: &str,
) -> Vec<String> {
    let mut shown = Vec::new();
    for (arguments, code) in [
        (vec!["doctor"], 1),
        (vec!["doctor", "--json"], 1),
        (vec!["doctor", "--probe-polling"], 1),
        (vec!["setup"], 0),
        (vec!["setup", "--json"], 0),
        // The samples are let in, so the secrets are used.
        (vec!["send-test"], 0),
        (vec!["send-test", "--json"], 0),
        (vec!["healthcheck"], 0),
    ] {
        let mut command = program(directory.path());
        configure(&mut command, database, api);
        command
            .env("PORT", base.rsplit(':').next().unwrap())
            .args(&arguments);
        let output = run(command).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {output:?}");
        shown.extend([output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()));
    }
    let client = chatrace_webhook::http_client::client().build().unwrap();
    // Whoever knows one and puts it where it does not belong shows it to nobody else.
    for canary in [
        "canary-database",
        "canary-api-url",
        "canary-public",
        "canary-public-query",
        "canary-alert",
        "canary-alert-query",
    ] {
        let post = client
            .post(format!("{base}/instagram/webhook"))
            .header("user-agent", format!("agent {canary}"))
            .body("{}");
        assert_eq!(post.send().await.unwrap().status(), 401);
    }
    for path in PATHS {
        for token in ["canary-api", "canary-metrics", "canary-wrong"] {
            let get = client.get(format!("{base}{path}")).bearer_auth(token);
            let answer = get.send().await.unwrap();
            shown.push(format!("{path} {:?}", answer.headers()));
            shown.push(answer.text().await.unwrap());
        }
    }
    // The pages that a browser gets.
    let login = client.post(format!("{base}/login"));
    let opened = login.body("token=canary-api").send().await.unwrap();
    let cookie = opened.headers()["set-cookie"].to_str().unwrap().to_owned();
    let pair = cookie.split(';').next().unwrap();
    let page = client.get(format!("{base}/")).header("cookie", pair);
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("id=\"verdict\""), "{page}");
    let delivery = page.split('"').find(|link| link.starts_with("deliveries/"));
    let delivery = client.get(format!("{base}/{}", delivery.unwrap()));
    let delivery = delivery.header("cookie", pair).send().await.unwrap();
    assert_eq!(delivery.status(), 200);
    shown.extend([cookie, page, delivery.text().await.unwrap()]);
    shown
}
