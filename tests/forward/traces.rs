//! Traces: of what the sender began, over the request here, to the attempt at a destination.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::support::TOKEN;
use crate::support::destination::TestDestination;
use crate::support::process::{Running, program};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SENDER: &str = "00f067aa0ba902b7";

/// What a collector got.
fn spans(collector: &TestDestination) -> Vec<Span> {
    let got = collector.got().into_iter();
    let requests = got.map(|one| {
        assert_eq!(one.uri.path(), "/v1/traces");
        assert_eq!(one.header("content-type"), "application/x-protobuf");
        for secret in ["canary-text", "canary-secret", TOKEN] {
            let contains = one
                .body
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!contains, "{secret}");
        }
        ExportTraceServiceRequest::decode(one.body).unwrap()
    });
    let resources = requests.flat_map(|request| request.resource_spans);
    let scopes = resources.flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

#[tokio::test]
async fn a_trace_goes_from_the_sender_over_the_request_to_the_destination() {
    let collector = TestDestination::start().await;
    let handler = TestDestination::start().await;
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command
        .env("API_TOKEN", TOKEN)
        .env("WEBHOOK_SECRET", "canary-secret-of-senders")
        .env(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            collector.url.replace("/hook", ""),
        )
        .env("FORWARD_URL", &handler.url)
        .env("FORWARD_CONTENT", "delivery");
    let mut service = Running::start(command).await;
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let request = client.post(format!("{}/instagram/webhook", service.base));
    let request = request
        .header("traceparent", format!("00-{TRACE}-{SENDER}-01"))
        .header("x-webhook-secret", "canary-secret-of-senders")
        .body(r#"{"contact_id":"1","text":"canary-text"}"#);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let forwarded = handler.accepted(1).await;
    service.signal("-TERM");
    assert!(service.ended().await.success());

    let spans = spans(&collector);
    let named = |name: &str| {
        let found = spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| panic!("no span {name} in {spans:#?}"))
    };
    let received = named("POST /instagram/webhook");
    let attempt = named("forward default");
    for span in [received, attempt] {
        assert_eq!(hex::encode(&span.trace_id), TRACE);
        assert_eq!(hex::encode(&span.parent_span_id), SENDER);
        let status = span
            .attributes
            .iter()
            .find(|one| one.key == "http.response.status_code");
        assert!(status.is_some(), "{span:#?}");
    }
    let parent = format!("00-{TRACE}-{}-01", hex::encode(&attempt.span_id));
    assert_eq!(forwarded[0].header("traceparent"), parent);
}

#[tokio::test]
async fn without_a_collector_the_senders_trace_is_passed_on_as_it_came() {
    let handler = TestDestination::start().await;
    let variables = [
        ("FORWARD_URL", &*handler.url),
        ("FORWARD_CONTENT", "delivery"),
    ];
    let app = crate::support::App::with(crate::support::Backend::Sqlite, &variables).await;
    let parent = format!("00-{TRACE}-{SENDER}-01");
    let request = app.request(reqwest::Method::POST, "/instagram/webhook");
    let request = request
        .header("traceparent", &parent)
        .header("tracestate", "shop=1");
    let _ = crate::support::Answer::to(request.body(r#"{"contact_id":"1","text":"hi"}"#))
        .await
        .ok();
    let forwarded = handler.accepted(1).await;
    assert_eq!(forwarded[0].header("traceparent"), parent);
    assert_eq!(forwarded[0].header("tracestate"), "shop=1");
}
