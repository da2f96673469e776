//! `GET /openapi.json`: the description of the API, made from the handlers.
//!
//! Each handler stands below its own description (`#[utoipa::path]`), and a route is made of both at once, so that
//! there is none without one.

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
        description = "Receives the webhooks by which Chatrace hands over Instagram messages, and gives them out again.\n\n\
            Errors look like `{\"success\":false,\"error\":\"a sentence\"}`. Every answer has `x-request-id`. A trailing \
            slash is accepted everywhere.",
    ),
    tags(
        (name = "webhook", description = "Where Chatrace and Meta send to."),
        (name = "messages", description = "Reading what was received, without missing anything."),
        (name = "contacts", description = "Who wrote."),
        (name = "deliveries", description = "What arrived, and what became of it."),
        (name = "operation", description = "How the service is."),
    ),
    modifiers(&SecuritySchemes),
)]
struct Description;

/// Who may do what.
struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, description: &mut OpenApi) {
        let bearer = |says: &str| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
            SecurityScheme::Http(scheme.description(Some(says)).build())
        };
        let header = |name: &str, says: &str| {
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, says)))
        };
        let session = "A session on the page, which POST /login opens for an API token.";
        let query = |name: &str| {
            let says = "A WEBHOOK_SECRET, where no header can be set.";
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
                    "Meta's: `sha256=` and the HMAC-SHA256 of the body with META_APP_SECRET, in hexadecimal digits.",
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
    // One handler may take several methods, but each operation has an id of its own.
    for item in description.paths.paths.values_mut() {
        for (operation, method) in [(&mut item.put, "Put"), (&mut item.patch, "Patch")] {
            if let Some(id) = operation.as_mut().and_then(|one| one.operation_id.as_mut()) {
                id.push_str(method);
            }
        }
    }
    // What is made of plain data can be written as JSON.
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
