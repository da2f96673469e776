//! Extractors for parameters in the path and in the query, with errors that name the parameter.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::request::Parts;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize as _, Deserializer};

use super::error::ApiError;
use crate::filter::{Moment, parse_moment, parse_text};

/// Parameters in the path: axum's extractor with this service's errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    #[expect(clippy::disallowed_types, reason = "the one place")]
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let rejection = match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => return Ok(Self(value)),
            Err(rejection) => rejection,
        };
        let PathRejection::FailedToDeserializePathParams(error) = rejection else {
            tracing::error!(error = %rejection.body_text(), "a route has no parameters");
            return Err(ApiError::Internal);
        };
        Err(ApiError::BadRequest(match error.kind() {
            ErrorKind::InvalidUtf8InPathParam { key } => {
                format!("`{key}` in the path must be UTF-8, percent-encoded.")
            }
            kind => format!("The path is wrong: {kind}."),
        }))
    }
}

/// Query parameters: axum's extractor with this service's errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    #[expect(clippy::disallowed_types, reason = "the one place")]
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        // Nothing that is stored contains NUL, and Postgres refuses it in a query.
        let mut pairs = parts.uri.query().unwrap_or_default().split('&');
        if let Some(pair) = pairs.find(|pair| pair.contains("%00")) {
            let name = pair.split('=').next().unwrap_or_default();
            return Err(ApiError::BadRequest(format!(
                "`{name}` must not contain NUL."
            )));
        }
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => {
                // "Failed to deserialize query string: limit: invalid digit found in string"
                let text = error.body_text();
                let detail = text
                    .split_once(": ")
                    .map_or(text.as_str(), |(_, detail)| detail);
                Err(ApiError::BadRequest(format!(
                    "A query parameter is wrong: {detail}."
                )))
            }
            Err(error) => Err(ApiError::BadRequest(error.body_text())),
        }
    }
}

/// A bound as [`parse_moment`] takes it, for `#[serde(deserialize_with)]`.
pub(super) fn moment<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Moment>, D::Error> {
    parsed(value, parse_moment)
}

/// A text as [`parse_text`] takes it, for `#[serde(deserialize_with)]`.
pub(super) fn text<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    parsed(value, parse_text)
}

/// A parameter that is parsed from a text, for `#[serde(deserialize_with)]`.
pub(super) fn parsed<'de, D: Deserializer<'de>, T>(
    value: D,
    parse: fn(&str) -> Result<T, String>,
) -> Result<Option<T>, D::Error> {
    let text = Cow::<str>::deserialize(value)?;
    parse(&text).map(Some).map_err(D::Error::custom)
}
