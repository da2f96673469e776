//! Request ids, by which the log lines of a request are found.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderValue, Request};
use tower_http::request_id::{MakeRequestId, RequestId};

/// The longest id that a client may choose, in bytes.
const LONGEST: usize = 200;
const NAME: &str = "x-request-id";

/// Takes away an id that the client has chosen but that is no word, or too long for the log and the answer. The request
/// gets one of this process instead.
pub(super) fn without_unusable<B>(mut request: Request<B>) -> Request<B> {
    let is_usable = |id: &HeaderValue| {
        let is_word = |byte: &u8| byte.is_ascii_graphic() && !b"\"\\".contains(byte);
        !id.is_empty() && id.len() <= LONGEST && id.as_bytes().iter().all(is_word)
    };
    if request.headers().get(NAME).is_some_and(|id| !is_usable(id)) {
        request.headers_mut().remove(NAME);
    }
    request
}

/// Numbers the requests of this process after a random prefix. Unique enough to find log lines, and a tenth of the cost
/// of a random id for each.
#[derive(Debug, Clone)]
pub(super) struct RequestIds {
    process: u32,
    requests: Arc<AtomicU64>,
}

impl Default for RequestIds {
    fn default() -> Self {
        // The hasher's seed is random in each process.
        let seed = RandomState::new().hash_one(std::process::id());
        Self {
            process: u32::try_from(seed >> 32).unwrap_or_default(),
            requests: Arc::default(),
        }
    }
}

impl MakeRequestId for RequestIds {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let id = format!("{:08x}-{number}", self.process);
        HeaderValue::try_from(id).ok().map(RequestId::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_no_short_word_is_taken_away() {
        let kept = |id: &[u8]| {
            let request = Request::builder().header(NAME, id).body(()).unwrap();
            without_unusable(request).headers().contains_key(NAME)
        };
        let longest = "x".repeat(LONGEST);
        for usable in ["1", "5f0c1a2b-7", "00-4bf92f35:{a}/b=", &longest] {
            assert!(kept(usable.as_bytes()), "{usable}");
        }
        let endless = "x".repeat(LONGEST + 1);
        for unusable in ["", "two words", "a\"b", "a\\b", "a\tb", "é", &endless] {
            assert!(!kept(unusable.as_bytes()), "{unusable}");
        }
    }
}
