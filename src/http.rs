//! HTTP: routes, the order of layers, and one file for each resource. Knows no SQL.

mod auth;
mod body;
mod bounded_reads;
mod client_address;
mod connections;
mod contacts;
mod cursor;
mod deliveries;
mod destinations;
mod diagnosis;
mod ended_sessions;
mod erasure;
mod error;
mod extract;
mod facts;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod health;
mod messages;
mod metrics;
mod notifier;
mod openapi;
mod page;
mod process_stats;
mod readers;
mod refusal_limit;
mod refusals;
mod rejections;
mod reprocess;
mod request_id;
mod secret;
mod sender;
mod server;
mod state;
mod stats;
mod track;
mod unknown_path;
mod view_cache;
mod webhook;
mod webhook_path;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::BoxFuture;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use metrics::router as metrics_router;
pub use rejections::{RejectionWriter, Rejections};
pub use server::{LiveRouter, listen, serve};
pub use state::{AppState, Services, SilenceReceiver};

pub use crate::delivery::WEBHOOK_PATH;

use crate::diagnose::WatchedCheck;
use error::ApiError;
use request_id::RequestIds;

/// The worker that wakes readers that wait for messages. It holds nothing that keeps the queue open.
pub fn notify_readers(state: &AppState) -> impl Future<Output = ()> + Send + use<> {
    notifier::notify_readers(
        state.notifier.clone(),
        state.store.clone(),
        state.commits.subscribe(),
    )
}

/// Looks at the checks that somebody is told of, each time it is called. Who keeps it keeps the queue open.
pub fn checks_to_watch(
    state: &AppState,
) -> impl Fn() -> BoxFuture<'static, Vec<WatchedCheck>> + Send + use<> {
    let state = state.clone();
    move || {
        let state = state.clone();
        Box::pin(async move { facts::look_at_checks(&state).await })
    }
}

/// Needs an API token.
fn reading() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(stats::show))
        .routes(routes!(diagnosis::show))
        .routes(routes!(messages::list))
        .routes(routes!(messages::show))
        .routes(routes!(contacts::list))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::show))
        .routes(routes!(reprocess::one))
        .routes(routes!(reprocess::quarantine))
        .routes(routes!(contacts::show, erasure::erase))
        .routes(routes!(destinations::list))
        .routes(routes!(destinations::pause))
        .routes(routes!(destinations::resume))
        .routes(routes!(destinations::retry))
        .routes(routes!(destinations::dead_letters))
        .routes(routes!(destinations::replay))
        .routes(routes!(destinations::forget))
}

/// Needs an API token, or a session on the page: what the page follows, and the files that it offers.
fn following() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(messages::follow))
        .routes(routes!(messages::export))
        .routes(routes!(deliveries::raw))
}

/// Where deliveries come in. It judges its senders itself.
fn receiving() -> OpenApiRouter<AppState> {
    let (schemas, paths, methods) = routes!(webhook::receive, webhook::receive_query);
    OpenApiRouter::new().routes((schemas, paths, methods.fallback(webhook::reject_method)))
}

/// For anybody.
fn open() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::show))
        .routes(routes!(openapi::show))
}

/// Every route of the API and its description, without layers.
fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::frame())
        .merge(receiving())
        .merge(open())
        .merge(reading())
        .merge(following())
}

/// Every route.
pub fn router(state: AppState) -> Router {
    metrics::begin_at_zero(&state);
    let for_tokens = middleware::from_fn_with_state(state.clone(), auth::require_api_token);
    let for_sessions =
        middleware::from_fn_with_state(state.clone(), auth::require_api_token_or_session);
    let reading = Router::from(reading())
        .route_layer(for_tokens)
        .merge(Router::from(following()).route_layer(for_sessions))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ));
    let for_probes = middleware::from_fn_with_state(state.clone(), webhook::answer_probes);
    Router::from(receiving())
        .route_layer(for_probes)
        .merge(Router::from(open()))
        .merge(reading)
        .merge(page::routes(&state))
        .fallback(unknown_path::not_found)
        .method_not_allowed_fallback(unknown_path::method_not_allowed)
        // The first is the outermost: an id before the span, the span around everything. All in one layer of
        // the router, which boxes and moves each request once for each of its layers.
        .layer(
            ServiceBuilder::new()
                .map_request(request_id::without_unusable)
                .layer(SetRequestIdLayer::x_request_id(RequestIds::default()))
                .layer(middleware::from_fn(track::track))
                .layer(PropagateRequestIdLayer::x_request_id())
                .layer(SetResponseHeaderLayer::overriding(
                    header::X_CONTENT_TYPE_OPTIONS,
                    HeaderValue::from_static("nosniff"),
                ))
                .layer(CatchPanicLayer::custom(panicked)),
        )
        .with_state(state)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that the layer asks for"
)]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    tracing::error!(message, "a handler panicked");
    ApiError::Internal.into_response()
}
