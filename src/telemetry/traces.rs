//! Traces over OTLP: a span for each request, and one for each attempt to forward. Neither holds what anybody wrote.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span};
use reqwest::header::HeaderMap;
use url::Url;

use crate::http_client;

const NAME: &str = "chatrace-webhook";
/// How long the last spans may take to be sent.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Sends what waits when the service ends.
#[derive(Debug)]
pub(crate) struct TracesGuard(Option<SdkTracerProvider>);

impl TracesGuard {
    /// Sends the last spans.
    pub(crate) async fn flush(self) {
        if let Some(provider) = self.0 {
            let sending = tokio::task::spawn_blocking(move || provider.shutdown());
            tokio::time::timeout(FLUSH_TIMEOUT, sending).await.ok();
        }
    }
}

/// Starts sending traces to a collector, if there is one.
///
/// # Errors
/// When no request to it can be made.
pub(crate) fn init(collector: Option<&Url>) -> anyhow::Result<TracesGuard> {
    let Some(collector) = collector else {
        return Ok(TracesGuard(None));
    };
    let endpoint = format!("{}/v1/traces", collector.as_str().trim_end_matches('/'));
    let client = http_client::client().build().context("no HTTP client")?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(endpoint)
        .build()
        .context("OTEL_EXPORTER_OTLP_ENDPOINT cannot be used")?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder()
        .with_service_name(NAME)
        .with_attribute(version);
    let provider = SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(exporter, Tokio).build())
        .with_resource(resource.build())
        .build();
    // Another service in this process, in tests, changes nothing.
    TRACER.set(provider.tracer(NAME)).ok();
    Ok(TracesGuard(Some(provider)))
}

/// A span that is under way. Nothing of it exists where traces are off.
#[derive(Debug)]
pub(crate) struct TraceSpan(Option<Span>);

impl TraceSpan {
    /// Begins the span of a request to this service, as a part of the trace that its headers name.
    pub(crate) fn of_request(method: &str, route: &str, headers: &HeaderMap) -> Self {
        let attributes = [
            KeyValue::new("http.request.method", method.to_owned()),
            KeyValue::new("http.route", route.to_owned()),
        ];
        Self::begin(
            format!("{method} {route}"),
            SpanKind::Server,
            headers,
            attributes,
        )
    }

    /// Begins the span of an attempt to forward, as a part of the trace that its headers name, and puts itself into
    /// them.
    pub(crate) fn of_attempt(destination: &str, id: &str, headers: &mut HeaderMap) -> Self {
        let attributes = [
            KeyValue::new("chatrace.destination", destination.to_owned()),
            KeyValue::new("messaging.message.id", id.to_owned()),
        ];
        let name = format!("forward {destination}");
        let span = Self::begin(name, SpanKind::Client, headers, attributes);
        if let Some(begun) = &span.0 {
            let context = Context::new().with_remote_span_context(begun.span_context().clone());
            TraceContextPropagator::new().inject_context(&context, &mut HeaderInjector(headers));
        }
        span
    }

    fn begin(name: String, kind: SpanKind, headers: &HeaderMap, attributes: [KeyValue; 2]) -> Self {
        Self(TRACER.get().map(|tracer| {
            let propagator = TraceContextPropagator::new();
            let parent =
                propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
            let span = tracer.span_builder(name).with_kind(kind);
            tracer.build_with_context(span.with_attributes(attributes), &parent)
        }))
    }

    /// Ends it with the status of the answer, or without one.
    pub(crate) fn end(mut self, status: Option<u16>, failed: bool) {
        let Some(span) = &mut self.0 else { return };
        if let Some(status) = status {
            span.set_attribute(KeyValue::new(
                "http.response.status_code",
                i64::from(status),
            ));
        }
        if failed {
            span.set_status(Status::error(""));
        }
        span.end();
    }
}
