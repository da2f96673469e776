//! `GET /openapi.json`: the description of the API, generated from the handlers.
//!
//! Each handler has its own description (`#[utoipa::path]`), and a route is made of both at once, so there is none
//! without a description.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, OpenApi};
use utoipa::{Modify, OpenApi as _};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "chatrace-webhook",
        description = "Receives the webhooks by which Chatrace hands over Instagram messages, stores them, and \
            serves them to your own systems.\n\n\
            Errors look like `{\"success\":false,\"error\":\"a sentence\"}`. Every answer has `x-request-id`. A \
            trailing slash is accepted everywhere.",
    ),
    tags(
        (name = "webhook", description = "Where Chatrace and Meta send requests."),
        (name = "messages", description = "Read messages without missing any."),
        (name = "contacts", description = "The customers."),
        (name = "deliveries", description = "What arrived, and its outcome."),
        (name = "forwarding", description = "Destinations: how forwarding goes, and what can be done about it."),
        (name = "operation", description = "The state of the service."),
    ),
    modifiers(&SecuritySchemes),
)]
struct Description;

/// Adds the credentials that the API accepts.
struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, description: &mut OpenApi) {
        let bearer = |description: &str| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
            SecurityScheme::Http(scheme.description(Some(description)).build())
        };
        let header = |name: &str, says: &str| {
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, says)))
        };
        let session = "A session of the operator's page, opened by POST /login with an API token.";
        let query = |name: &str| {
            let says = "A WEBHOOK_SECRET, for senders that cannot set a header.";
            SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::with_description(name, says)))
        };
        let schemes = [
            ("apiToken", bearer("An API_TOKEN.")),
            (
                "session",
                SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
                    super::page::COOKIE,
                    session,
                ))),
            ),
            ("metricsToken", bearer("The METRICS_TOKEN.")),
            (
                "secretHeader",
                header("x-webhook-secret", "A WEBHOOK_SECRET."),
            ),
            ("secretBearer", bearer("A WEBHOOK_SECRET.")),
            ("secretToken", query("token")),
            ("secretSecret", query("secret")),
            ("secretAuth", query("auth")),
            (
                "signature",
                header(
                    "x-hub-signature-256",
                    "Meta's signature: `sha256=` and the HMAC-SHA256 of the body with META_APP_SECRET, in hexadecimal digits.",
                ),
            ),
        ];
        let components = description.components.get_or_insert_with(Components::new);
        for (name, scheme) in schemes {
            components.add_security_scheme(name, scheme);
        }
    }
}

/// The description of everything but the routes.
pub(super) fn frame() -> OpenApi {
    Description::openapi()
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let mut description = super::routes().into_openapi();
    // A handler may accept several methods, but each operation needs its own id.
    for item in description.paths.paths.values_mut() {
        for (operation, method) in [(&mut item.put, "Put"), (&mut item.patch, "Patch")] {
            if let Some(id) = operation.as_mut().and_then(|one| one.operation_id.as_mut()) {
                id.push_str(method);
            }
        }
    }
    // Plain data can always be written as JSON.
    description.to_pretty_json().unwrap_or_default()
});

/// This description
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "describe", tag = "operation", security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = Object,
        example = json!({"openapi": "3.1.0", "info": {"title": "chatrace-webhook", "version": "0.1.0"}, "paths": {}})))
)]
pub(super) async fn show() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (headers, DOCUMENT.as_str()).into_response()
}
