//! A canary in every place where a secret can be configured appears in no output, log, metric or endpoint.

use serde_json::json;
use tokio::process::Command;

use super::run;
use crate::support::chatrace::{CHATRACE_TOKEN, Chatrace, Mood};
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
        .env("INSTAGRAM_API_URL", &api.url)
        .env("INSTAGRAM_ACCESS_TOKEN", CHATRACE_TOKEN)
        .env("METRICS_TOKEN", "canary-metrics")
        .env("PUBLIC_URL", "http://user:canary-public@127.0.0.1:9")
        .env("ALERT_URL", "https://user:canary-alert@127.0.0.1:9/hook");
}

#[tokio::test]
async fn no_configured_secret_appears_anywhere() {
    let directory = tempfile::tempdir().unwrap();
    let api = Chatrace::start(Mood::ErrorInside).await;
    let database = database_url().await;
    let mut serve = program(directory.path());
    configure(&mut serve, &database, &api);
    let mut running = Running::start(serve).await;
    let mut shown = Vec::new();

    for arguments in [
        vec!["doctor"],
        vec!["doctor", "--json"],
        vec!["doctor", "--probe-polling"],
        vec!["setup"],
        vec!["setup", "--json"],
        vec!["send-test"],
        vec!["send-test", "--json"],
        vec!["healthcheck"],
    ] {
        let mut command = program(directory.path());
        configure(&mut command, &database, &api);
        command
            .env("PORT", running.base.rsplit(':').next().unwrap())
            .args(&arguments);
        let output = run(command).await;
        shown.push(format!("{arguments:?} {output:?}"));
        assert!(
            output.status.code().is_some_and(|code| code < 2),
            "{output:?}"
        );
    }
    let client = chatrace_webhook::outside::builder().build().unwrap();
    for path in PATHS {
        for token in ["canary-api", "canary-metrics", "canary-wrong"] {
            let url = format!("{}{path}", running.base);
            let answer = client.get(url).bearer_auth(token).send().await.unwrap();
            shown.push(format!(
                "{path} {:?} {}",
                answer.headers().clone(),
                answer.text().await.unwrap()
            ));
        }
    }
    running.signal("-TERM");
    running.ended().await;
    shown.append(&mut running.printed);
    assert!(
        shown
            .iter()
            .any(|line| line.contains("📨 Received webhook"))
    );
    for line in &shown {
        assert!(!line.contains("canary"), "{line}");
    }
    // The samples were let in, so the secrets were used.
    let sent = shown
        .iter()
        .find(|text| text.contains("send-test\", \"--json"))
        .unwrap();
    assert!(
        sent.contains(&json!(true).to_string()) && !sent.contains("not kept"),
        "{sent}"
    );
}
