//! Forms that change something: only from this page itself, and only with a session.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use url::Url;

use super::super::AppState;
use super::super::body::BodyError;
use super::super::error::ApiError;
use super::frame::Frame;
use super::{enter, failure};

/// The largest form, in bytes.
const LARGEST: usize = 8 * 1024;
/// How long a form may take to arrive.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A form that somebody with a session sent from a page of this service.
pub(super) struct SentForm {
    pub(super) frame: Frame,
    fields: BTreeMap<String, String>,
}

impl SentForm {
    /// The field with this name, empty if there is none.
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    }
}

impl FromRequest<AppState> for SentForm {
    type Rejection = Response;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let frame = enter(state, &parts).await?;
        if !is_from_here(&parts.headers, state.config.server.public_url.as_ref()) {
            let sentence = "This form was not sent from a page of this service: open the page again, and repeat it.";
            let error = ApiError::Forbidden(sentence.to_owned());
            return Err(failure(frame, &error));
        }
        match fields(state, &parts, body).await {
            Ok(fields) => Ok(Self { frame, fields }),
            Err(BodyError::TooLarge { limit }) => Err(failure(frame, &ApiError::TooLarge(limit))),
            Err(BodyError::Busy) => Err(ApiError::Busy.into_response()),
            Err(BodyError::Timeout | BodyError::Broken) => Err(ApiError::Timeout.into_response()),
        }
    }
}

/// The fields of a form.
pub(super) async fn fields(
    state: &AppState,
    parts: &Parts,
    body: Body,
) -> Result<BTreeMap<String, String>, BodyError> {
    let form = state
        .bodies
        .read_form(parts, body, LARGEST, TIMEOUT)
        .await?;
    Ok(form_urlencoded::parse(&form.bytes).into_owned().collect())
}

/// Whether a page of this service sent a request, as the browser says. The cookie comes along with what other ports and
/// names of the same site send, too. A browser sends `Sec-Fetch-Site` where the connection is safe, and `Origin` with
/// every form.
pub(super) fn is_from_here(headers: &HeaderMap, public_url: Option<&Url>) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN).and_then(|origin| Url::parse(origin).ok()) else {
        return false;
    };
    let is_public = public_url.is_some_and(|url| url.origin() == origin.origin());
    let host = text(header::HOST).and_then(|host| Url::parse(&format!("http://{host}")).ok());
    let is_host =
        host.is_some_and(|host| host.host() == origin.host() && (host.port() == origin.port()));
    is_public || is_host
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    #[test]
    fn only_a_page_of_this_service_sends_its_forms() {
        let public = Url::parse("https://hooks.shop.example/chat/").unwrap();
        let sent = |headers: &[(&'static str, &'static str)]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
            is_from_here(&headers.collect(), Some(&public))
        };
        assert!(sent(&[("sec-fetch-site", "same-origin")]));
        assert!(sent(&[
            ("origin", "http://10.0.0.1:3000"),
            ("host", "10.0.0.1:3000")
        ]));
        assert!(sent(&[
            ("origin", "https://hooks.shop.example"),
            ("host", "backend")
        ]));
        for headers in [
            &[][..],
            &[("host", "10.0.0.1:3000")],
            &[("sec-fetch-site", "same-site")],
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "http://10.0.0.1:3000"),
                ("host", "10.0.0.1:3000"),
            ],
            &[("sec-fetch-site", "none")],
            &[("origin", "null"), ("host", "10.0.0.1:3000")],
            &[
                ("origin", "http://10.0.0.1:3001"),
                ("host", "10.0.0.1:3000"),
            ],
            &[("origin", "http://evil.example"), ("host", "10.0.0.1:3000")],
        ] {
            assert!(!sent(headers), "{headers:?}");
        }
    }
}
