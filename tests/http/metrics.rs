//! `/metrics`: who may read them, and what is in them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use regex::Regex;
use reqwest::{Method, RequestBuilder};
use rstest::rstest;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::support::front::free_port;
use crate::support::{Answer, App, Backend};

const DESTINATION: (&str, &str) = ("FORWARD_CRM_URL", "http://127.0.0.1:9/");

fn metrics(app: &App) -> RequestBuilder {
    app.request(Method::GET, "/metrics")
}

/// Runs promtool on an input. Nothing where it is missing: `scripts/test` says so.
async fn promtool(arguments: &[&str], input: &str) {
    let Some(program) = std::env::var_os("TEST_PROMTOOL") else {
        return;
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert_eq!(complaints, "", "{arguments:?}");
}

#[rstest]
#[tokio::test]
async fn the_metrics_are_well_formed_and_every_known_label_begins_at_zero(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::with(backend, &[DESTINATION]).await;
    let _ = app.post(r#"{"contact_id":"1","text":"hi"}"#).await.ok();
    let answer = Answer::to(metrics(&app)).await;
    assert_eq!(answer.status, 200);
    promtool(&["check", "metrics"], &answer.text).await;
    for line in [
        r#"chatrace_deliveries_total{outcome="quarantined"} "#,
        r#"chatrace_messages_total{kind="reaction",direction="outbound"} "#,
        r#"chatrace_rejected_total{reason="not_kept"} "#,
        r#"chatrace_http_requests_total{route="/instagram/webhook",method="POST",status="503"} "#,
        r#"chatrace_forward_attempts_total{destination="crm",result="no_answer"} "#,
        "chatrace_drained_total ",
        "chatrace_connections_evicted_total ",
        "chatrace_log_lines_dropped_total ",
        concat!(
            "chatrace_build_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"} 1"
        ),
        "chatrace_database_up 1",
        r#"chatrace_database_connections{state="used"} "#,
        r#"chatrace_disk_bytes{kind="free"} "#,
        r#"chatrace_verdict{status="problem"} "#,
        r#"chatrace_check{check="sender_auth",status="warning"} 1"#,
        r#"chatrace_check{check="sender_auth",status="ok"} 0"#,
        r#"chatrace_forward_up{destination="crm"} "#,
        "chatrace_quarantined_items ",
        "chatrace_queue_oldest_age_seconds ",
        "chatrace_rollup_lag_positions ",
    ] {
        assert!(
            answer.text.contains(&format!("\n{line}")),
            "{line}\n{}",
            answer.text
        );
    }
}

/// Names of metrics in a text, as they are declared: without what a histogram adds.
fn names(text: &str) -> BTreeSet<String> {
    let name = Regex::new(r"\bchatrace_[a-z_]+").unwrap();
    let found = name.find_iter(text).map(|found| {
        let name = found.as_str();
        let mut suffixes = ["_bucket", "_sum", "_count"].iter();
        let base = suffixes.find_map(|suffix| name.strip_suffix(suffix));
        base.unwrap_or(name).to_owned()
    });
    found.collect()
}

#[tokio::test]
async fn the_dashboard_and_the_alerts_know_the_metrics_and_no_others() {
    // Of Postgres, since the embedded database has no spool.
    let app = App::with(Backend::Postgres, &[DESTINATION]).await;
    let _ = app.post(r#"{"contact_id":"1","text":"hi"}"#).await.ok();
    let declared = Answer::to(metrics(&app)).await.text;
    let mut declared = names(&declared);
    // There is none before a destination has answered.
    declared.insert("chatrace_forward_age_seconds".to_owned());
    let rules = include_str!("../../deploy/prometheus/chatrace-webhook.rules.yml");
    let dashboard = include_str!("../../deploy/grafana/chatrace-webhook.json");
    for (file, text) in [("rules", rules), ("dashboard", dashboard)] {
        let used = names(text);
        let unknown: Vec<_> = used.difference(&declared).collect();
        assert!(used.len() > 10 && unknown.is_empty(), "{file}: {unknown:?}");
    }
    let api = names(include_str!("../../docs/api.md"));
    let undocumented: Vec<_> = declared.difference(&api).collect();
    assert!(undocumented.is_empty(), "docs/api.md: {undocumented:?}");
}

#[tokio::test]
async fn each_alert_fires_when_it_should_and_only_then() {
    promtool(&["check", "rules", "chatrace-webhook.rules.yml"], "").await;
    promtool(&["check", "config", "prometheus.yml"], "").await;
    promtool(&["test", "rules", "chatrace-webhook.test.yml"], "").await;
}

#[rstest]
// Nobody but this machine.
#[case(&[], &[], 200)]
#[case(&[], &[("x-forwarded-for", "203.0.113.9")], 401)]
#[case(&[], &[("x-forwarded-for", "127.0.0.1")], 401)]
#[case(&[], &[("x-forwarded-proto", "https")], 401)]
#[case(&[], &[("forwarded", "for=203.0.113.9")], 401)]
// A trusted proxy tells whose it is.
#[case(&[("TRUSTED_PROXIES", "127.0.0.1")], &[("x-forwarded-for", "203.0.113.9")], 401)]
#[case(&[("TRUSTED_PROXIES", "127.0.0.1")], &[("x-forwarded-for", "127.0.0.9")], 200)]
#[case(&[("TRUSTED_PROXIES", "127.0.0.1")], &[("x-forwarded-proto", "https")], 401)]
#[case(&[("TRUSTED_PROXIES", "127.0.0.1")], &[("x-forwarded-for", "unknown")], 401)]
// With a token only that counts.
#[case(&[("METRICS_TOKEN", "right")], &[], 401)]
#[case(&[("METRICS_TOKEN", "right")], &[("authorization", "Bearer wrong")], 401)]
#[case(
    &[("METRICS_TOKEN", "right")],
    &[("authorization", "Bearer right"), ("x-forwarded-for", "203.0.113.9")],
    200
)]
#[tokio::test]
async fn only_this_machine_reads_the_metrics_without_a_token(
    #[case] variables: &[(&str, &str)],
    #[case] headers: &[(&str, &str)],
    #[case] status: u16,
) {
    let app = App::with(Backend::Sqlite, variables).await;
    let mut request = metrics(&app);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    assert_eq!(Answer::to(request).await.status.as_u16(), status);
}

#[tokio::test]
async fn at_an_address_of_their_own_the_metrics_are_served_and_nothing_else() {
    let address = format!("127.0.0.1:{}", free_port().await);
    let app = App::with(Backend::Sqlite, &[("METRICS_ADDRESS", &address)]).await;
    assert_eq!(Answer::to(metrics(&app)).await.status, 401);
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let get = |path: &str| {
        let request = client.get(format!("http://{address}{path}"));
        Answer::to(request.header("x-forwarded-for", "203.0.113.9"))
    };
    let answer = get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("chatrace_build_info"));
    for path in ["/", "/healthz", "/instagram/messages", "/instagram/webhook"] {
        assert_eq!(get(path).await.status, 404, "{path}");
    }
    app.stop().await;
    assert!(
        client
            .get(format!("http://{address}/metrics"))
            .send()
            .await
            .is_err()
    );
}
