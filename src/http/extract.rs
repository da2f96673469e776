//! Taking requests apart: parameters whose mistakes are named, and bodies of bounded size and duration.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use axum::extract::rejection::QueryRejection;
use axum::http::request::Parts;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize as _, Deserializer};

use super::error::ApiError;

/// Query parameters; axum's own extractor with this service's errors, which name the parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        // Nothing that is stored holds one, and Postgres does not even take the question.
        let mut pairs = parts.uri.query().unwrap_or_default().split('&');
        if let Some(pair) = pairs.find(|pair| pair.contains("%00")) {
            let name = pair.split('=').next().unwrap_or_default();
            return Err(ApiError::BadRequest(format!("`{name}` must not hold NUL.")));
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

/// A parameter that is a text with a form of its own, for `#[serde(deserialize_with)]`.
pub(super) fn parsed<'de, D: Deserializer<'de>, T>(
    value: D,
    parse: fn(&str) -> Result<T, String>,
) -> Result<Option<T>, D::Error> {
    let text = Cow::<str>::deserialize(value)?;
    parse(&text).map(Some).map_err(D::Error::custom)
}
