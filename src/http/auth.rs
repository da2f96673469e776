//! Who may read: those with an API token, or with a session on the page.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::AppState;
use super::error::ApiError;
use super::page::Session;
use super::refusals;
use super::secret::{bearer, has_bearer};

/// Lets a request through if it carries an API token.
pub(super) async fn require_api_token(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if has_bearer(request.headers(), &state.api_tokens) {
        return Ok(next.run(request).await);
    }
    let (parts, _) = request.into_parts();
    refusals::record_token(&state, &parts)?;
    let problem = match bearer(&parts.headers) {
        Some(_) => "The API token is wrong",
        None => "An API token is needed",
    };
    Err(ApiError::Unauthorized(format!(
        "{problem}: send the value of API_TOKEN as `Authorization: Bearer …`."
    )))
}

/// Lets a request through if it carries an API token, or a session on the page. The handler gets the session if that is
/// all there is, since its answer may not outlive it.
pub(super) async fn require_api_token_or_session(
    state: State<AppState>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if !has_bearer(request.headers(), &state.api_tokens)
        && let Some(session) = Session::of(&state, request.headers()).await
    {
        request.extensions_mut().insert(session);
        return Ok(next.run(request).await);
    }
    require_api_token(state, request, next).await
}
