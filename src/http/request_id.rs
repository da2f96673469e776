//! Request ids, by which the log lines of a request are found.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderValue, Request};
use tower_http::request_id::{MakeRequestId, RequestId};

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
