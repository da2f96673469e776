//! A delivery that is refused before the writer sees it counts as refused all the same.

use std::sync::Arc;
use std::time::Duration;

use chatrace_webhook::delivery::Delivery;
use chatrace_webhook::ingest::{Commits, Ingest, SubmitError, Writer};
use chatrace_webhook::store::SqliteStore;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use tempfile::TempDir;

use crate::support::records::delivery;

use crate::support::submit::submit;

/// A queue whose writer hangs, and time that passes as soon as everything waits.
async fn hanging() -> (Ingest, (Writer, TempDir)) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("database");
    let store = SqliteStore::open(&file, Duration::ZERO, true).await;
    let (ingest, writer) = Ingest::new(Arc::new(store.unwrap()), None, Commits::default());
    tokio::time::pause();
    (ingest, (writer, directory))
}

fn with_text(length: usize) -> Delivery {
    let body = json!({ "contact_id": "1", "text": "x".repeat(length) });
    delivery(body.to_string())
}

#[tokio::test]
async fn a_service_whose_writer_hangs_says_that_it_refuses() {
    let (ingest, _kept) = hanging().await;
    let refused = submit(&ingest, with_text(1)).await.unwrap_err();
    assert_eq!(
        refused,
        SubmitError::Unavailable("no commit in time".to_owned())
    );
    assert_eq!(ingest.refusal(), Some(refused));
}

#[tokio::test]
async fn a_service_whose_queue_is_full_says_that_it_refuses() {
    const LARGE: usize = 1024 * 1024;
    let (ingest, _kept) = hanging().await;
    let mut flood: FuturesUnordered<_> =
        (0..40).map(|_| submit(&ingest, with_text(LARGE))).collect();
    let refused = flood.next().await.unwrap().unwrap_err();
    assert_eq!(refused, SubmitError::Busy);
    assert_eq!(ingest.refusal(), Some(refused));
}
