//! Taking requests apart: parameters whose mistakes are named, and bodies of bounded size and duration.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::extract::rejection::QueryRejection;
use axum::http::request::Parts;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize as _, Deserializer};
use tokio::time::timeout;

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

/// How much more than allowed is read and thrown away, so that an ordinary client gets to read the refusal.
const DRAINED: usize = 16 * 1024 * 1024;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    TooLarge,
    Timeout,
    /// The client went away.
    Broken,
}

/// Reads a body of at most `limit` bytes that arrives within `time`.
pub(super) async fn read_body(
    body: Body,
    limit: usize,
    time: Duration,
) -> Result<Bytes, BodyError> {
    timeout(time, read_all(body, limit))
        .await
        .unwrap_or(Err(BodyError::Timeout))
}

async fn read_all(mut body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
            continue;
        };
        length = length.saturating_add(data.len());
        if length > limit.saturating_add(DRAINED) {
            break;
        } else if length > limit {
            rest = BytesMut::new();
        } else if first.is_empty() {
            first = data; // most bodies come in one piece and are not copied
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if length > limit {
        return Err(BodyError::TooLarge);
    }
    if rest.is_empty() {
        return Ok(first);
    }
    Ok([first, rest.freeze()].concat().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        assert_eq!(read_body(Body::from("abc"), 3, TIME).await.unwrap(), "abc");
        assert_eq!(
            read_body(Body::from("abcd"), 3, TIME).await,
            Err(BodyError::TooLarge)
        );
        assert_eq!(read_body(Body::empty(), 3, TIME).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_body_in_pieces_is_put_together() {
        let pieces = http_body_util::channel::Channel::<Bytes>::new(4);
        let (mut sender, body) = pieces;
        let write = async move {
            for piece in ["ab", "c", "de"] {
                sender
                    .send_data(Bytes::from_static(piece.as_bytes()))
                    .await
                    .unwrap();
            }
        };
        let (read, ()) = tokio::join!(read_body(Body::new(body), 100, TIME), write);
        assert_eq!(read.unwrap(), "abcde");
    }
}
