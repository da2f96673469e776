//! The page's style, script and icon. Their address changes with their content, so browsers may cache them forever.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::RawQuery;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use sha2::{Digest as _, Sha256};

use super::super::AppState;

const STYLE: &str = include_str!("../../../assets/page.css");
const SCRIPT: &str = include_str!("../../../assets/page.js");
/// Puts one state of a page in the place of another: <https://github.com/bigskysoftware/idiomorph>, version 0.8.0.
const IDIOMORPH: &str = include_str!("../../../assets/idiomorph.js");
const ICON: &str = include_str!("../../../assets/icon.svg");

/// The version in their addresses.
pub(super) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::new()
        .chain_update(STYLE)
        .chain_update(SCRIPT)
        .chain_update(IDIOMORPH)
        .chain_update(ICON);
    hex::encode(&digest.finalize()[..8])
});

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route(
            "/assets/page.css",
            get(|query| async { asset(query, "text/css; charset=utf-8", STYLE) }),
        )
        .route(
            "/assets/page.js",
            get(|query| async { asset(query, "text/javascript; charset=utf-8", SCRIPT) }),
        )
        .route(
            "/assets/idiomorph.js",
            get(|query| async { asset(query, "text/javascript; charset=utf-8", IDIOMORPH) }),
        )
        .route(
            "/assets/icon.svg",
            get(|query| async { asset(query, "image/svg+xml", ICON) }),
        )
}

/// One file. The address of another version, from a replica with an older build, is not cached.
fn asset(
    RawQuery(query): RawQuery,
    content_type: &'static str,
    content: &'static str,
) -> impl IntoResponse {
    let is_this = query.is_some_and(|query| query.strip_prefix("v=") == Some(&VERSION));
    let cached = if is_this {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, cached),
    ];
    (headers, content)
}
