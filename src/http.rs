//! HTTP: routes, the order of layers, and one file for each resource. Knows no SQL.

mod auth;
mod body;
mod contacts;
mod cursor;
mod deliveries;
mod diagnosis;
mod erasure;
mod error;
mod extract;
mod facts;
mod health;
mod messages;
mod metrics;
mod near_miss;
mod notifier;
mod observed;
mod openapi;
mod page;
mod reprocess;
mod request_id;
mod server;
mod stats;
mod webhook;

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use secrecy::SecretString;
use tokio::sync::watch;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use server::{listen, serve};

pub use crate::delivery::WEBHOOK_PATH;

use crate::config::Config;
use crate::ingest::{Ingest, Sightings};
use crate::lifecycle::Lifecycle;
use crate::probe::Prober;
use crate::redact::Redactor;
use crate::sighting::Sight;
use crate::silence::Assessment;
use crate::store::Upkeep;
use error::ApiError;
use request_id::RequestIds;

/// What handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState(Arc<Shared>);

/// The inside of [`AppState`].
#[derive(Debug)]
pub struct Shared {
    config: Config,
    api_tokens: Vec<SecretString>,
    sender: auth::Sender,
    redactor: Redactor,
    bodies: body::Bodies,
    ingest: Ingest,
    store: Arc<dyn Upkeep>,
    lifecycle: Lifecycle,
    observed: observed::Observed,
    notifier: notifier::MessageNotifier,
    silence: SilenceReceiver,
    prober: Prober,
}

/// The last assessment of silence; `None` while that is unknown, and without a watch.
pub type SilenceReceiver = watch::Receiver<Option<Assessment>>;

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl AppState {
    /// State for the handlers. `api_tokens` are those of the configuration, or the generated one.
    pub fn new(
        config: Config,
        api_tokens: Vec<SecretString>,
        ingest: Ingest,
        sightings: Sightings,
        silence: SilenceReceiver,
        store: Arc<dyn Upkeep>,
        lifecycle: Lifecycle,
    ) -> Self {
        let redactor = Redactor::new(config.secrets().into_iter().chain(&api_tokens));
        Self(Arc::new(Shared {
            sender: auth::Sender::new(&config),
            observed: observed::Observed::new(redactor.clone(), sightings),
            redactor,
            bodies: body::Bodies::new(config.server.max_body_bytes, config.server.limits.body),
            notifier: notifier::MessageNotifier::new(0),
            silence,
            prober: Prober::new(&config, &api_tokens),
            config,
            api_tokens,
            ingest,
            store,
            lifecycle,
        }))
    }
}

/// The worker that wakes readers who wait for messages. It holds nothing that keeps the queue open.
pub fn notify_readers(state: &AppState) -> impl Future<Output = ()> + Send + use<> {
    notifier::notify_readers(
        state.notifier.clone(),
        state.store.clone(),
        state.ingest.commits(),
    )
}

/// What is read with an API token.
fn reading() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(stats::show))
        .routes(routes!(diagnosis::show))
        .routes(routes!(messages::list))
        .routes(routes!(messages::export))
        .routes(routes!(contacts::list))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::show))
        .routes(routes!(deliveries::raw))
        .routes(routes!(reprocess::one))
        .routes(routes!(reprocess::quarantine))
        .routes(routes!(erasure::erase))
}

/// What is read with an API token, or with a session on the page.
fn following() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(messages::follow))
}

/// What judges its callers itself, or is for anybody.
fn open() -> OpenApiRouter<AppState> {
    let (schemas, paths, methods) = routes!(webhook::receive, webhook::receive_query);
    OpenApiRouter::new()
        .routes((schemas, paths, methods.fallback(webhook::refuse_method)))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::show))
        .routes(routes!(openapi::show))
}

/// Every route of the API and its description, without layers.
fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::frame())
        .merge(open())
        .merge(reading())
        .merge(following())
}

/// Every route.
pub fn router(state: AppState) -> Router {
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
    Router::from(open())
        .merge(reading)
        .merge(page::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        // The first is the outermost: an id before the log line, the log line around everything. All in one layer of the
        // router, which boxes and moves each request once for each of its layers.
        .layer(
            ServiceBuilder::new()
                .layer(SetRequestIdLayer::x_request_id(RequestIds::default()))
                .layer(TraceLayer::new_for_http().make_span_with(request_span))
                .layer(PropagateRequestIdLayer::x_request_id())
                .layer(SetResponseHeaderLayer::overriding(
                    header::X_CONTENT_TYPE_OPTIONS,
                    HeaderValue::from_static("nosniff"),
                ))
                .layer(middleware::from_fn(metrics::track))
                .layer(CatchPanicLayer::custom(panicked)),
        )
        .with_state(state)
}

/// The span of a request: never its query, which may hold a secret, nor those parts of a foreign path that may.
fn request_span(request: &Request) -> tracing::Span {
    let id = request
        .headers()
        .get("x-request-id")
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default();
    let path = match request.extensions().get::<MatchedPath>() {
        Some(route) => Cow::Borrowed(route.as_str()),
        None => near_miss::shown(request.uri().path()).into(),
    };
    tracing::info_span!(
        "request",
        method = request.method().as_str(),
        path = &*path,
        id
    )
}

async fn not_found(State(state): State<AppState>, request: Request) -> ApiError {
    let (parts, _) = request.into_parts();
    nothing_here(note_near_miss(&state, Sight::WrongPath, &parts))
}

/// That a path is none; and, for those who seem to mean the webhook, which path that has.
fn nothing_here(means_webhook: bool) -> ApiError {
    let hint = if means_webhook {
        format!(
            " Messages are received at POST {WEBHOOK_PATH}: check the URL in the External API Request."
        )
    } else {
        String::new()
    };
    ApiError::NotFound(format!("There is nothing at this path.{hint}"))
}

/// A path that has other methods. Who sends something there may have meant the webhook.
async fn method_not_allowed(State(state): State<AppState>, request: Request) -> ApiError {
    let (parts, _) = request.into_parts();
    if near_miss::sends(&parts.method) {
        note_near_miss(&state, Sight::ReadingPath, &parts);
    }
    ApiError::MethodNotAllowed
}

/// Notes a request to a path that resembles the webhook's. One with an API token is a reader's, and a probe is the
/// diagnosis's: neither was meant for the webhook.
fn note_near_miss(state: &AppState, sight: Sight, request: &Parts) -> bool {
    let resembles = near_miss::resembles_webhook(&request.method, request.uri.path())
        && !auth::reads(state, &request.headers)
        && webhook::probe_answer(state, &request.headers).is_none();
    if resembles {
        state.observed.sighting(sight, request);
        tracing::warn!(
            path = near_miss::shown(request.uri.path()),
            "🚫 A request missed the webhook: its path resembles {WEBHOOK_PATH}"
        );
    }
    resembles
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
