//! Erasure and retention reach what waits for a destination.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use chatrace_webhook::store::{
    Attempt, AttemptFailure, ForwardProgress, ForwardRetry, ForwardedContent, Store,
};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use rstest::rstest;
use std::time::Duration;
use uuid::Uuid;

use super::post;
use crate::support::destination::{TestDestination, destination_where};
use crate::support::ledger::Ledger;
use crate::support::records::{delivery, normalized};
use crate::support::wait::eventually;
use crate::support::{App, Backend};

#[rstest]
#[tokio::test]
async fn an_erased_message_is_not_forwarded_any_more(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let destination = TestDestination::start().await;
    destination.answer(|got| {
        let status = if got.text().starts_with("bad") {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::OK
        };
        status.into_response()
    });
    let app = App::with(backend, &[("FORWARD_URL", &*destination.url)]).await;
    post(&app, "1", "bad").await;
    destination.got_where(|got| !got.is_empty()).await;
    post(&app, "2", "good").await;
    let refused = |one: &serde_json::Value| one["retries"]["waiting"] == 1;
    destination_where(&app, "default", refused).await;
    post(&app, "1", "bad, too").await;
    app.send(Method::DELETE, "/instagram/contacts/1").await.ok();
    destination_where(&app, "default", |one| {
        one["retries"]["waiting"] == 0 && one["backlog"]["count"] == 0
    })
    .await;
    post(&app, "2", "last").await;
    let got = destination.accepted(2).await;
    assert_eq!(got[1].text(), "last");
}

fn failure() -> AttemptFailure {
    AttemptFailure {
        at: Timestamp::UNIX_EPOCH,
        status: Some(422),
        problem: "it answers 422".to_owned(),
        answer: None,
    }
}

#[rstest]
#[tokio::test]
async fn what_retention_deletes_before_it_is_forwarded_is_counted(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let store: Arc<dyn Store> = ledger.store().await;
    let inbound: ForwardedContent = ForwardedContent::Messages("contactId=1,2".parse().unwrap());
    store.declare_destination("crm", &inbound, 0).await.unwrap();
    store
        .declare_destination("old", &ForwardedContent::Deliveries, 0)
        .await
        .unwrap();
    for contact in ["1", "2", "3"] {
        let body = format!(r#"{{"contact_id":"{contact}","text":"hi"}}"#);
        let record = normalized(delivery(body));
        store.commit(&[record], Attempt::First).await.unwrap();
    }
    let now = Timestamp::now() + SignedDuration::from_hours(24 * 3);
    let retention = chatrace_webhook::maintenance::Retention::new(store.clone(), Some(2));
    retention.once(now).await.unwrap();
    let states = store.destinations().await.unwrap();
    let expired: Vec<_> = states
        .iter()
        .map(|one| (one.name.as_str(), one.expired))
        .collect();
    assert_eq!(expired, [("crm", 2), ("old", 3)]);
}

#[rstest]
#[tokio::test]
async fn a_lease_has_one_holder_and_a_former_one_changes_nothing(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let store = ledger.store().await;
    let content = ForwardedContent::Deliveries;
    store.declare_destination("crm", &content, 7).await.unwrap();
    store.declare_destination("crm", &content, 9).await.unwrap();
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    let long = Duration::from_mins(1);
    let taken = store.take_lease("crm", first, long).await.unwrap().unwrap();
    assert_eq!(taken.cursor, 7, "it is declared once");
    assert_eq!(store.take_lease("crm", second, long).await.unwrap(), None);
    let at = |cursor| ForwardProgress {
        cursor,
        ..ForwardProgress::default()
    };
    let short = Duration::from_millis(1);
    assert_eq!(
        store
            .save_progress("crm", first, short, &at(8))
            .await
            .unwrap(),
        Some(false)
    );
    let take = async || store.take_lease("crm", second, long).await.unwrap();
    let taken = eventually("the lease ends", take, Option::is_some).await;
    assert_eq!(taken.unwrap().cursor, 8);
    assert_eq!(
        store
            .save_progress("crm", first, long, &at(99))
            .await
            .unwrap(),
        None
    );
    store.release_lease("crm", first).await.unwrap();
    assert_eq!(store.take_lease("crm", first, long).await.unwrap(), None);
    store.release_lease("crm", second).await.unwrap();
    assert_eq!(
        store
            .take_lease("crm", first, long)
            .await
            .unwrap()
            .unwrap()
            .cursor,
        8
    );
}

#[rstest]
#[tokio::test]
async fn dead_letters_are_listed_and_tried_again(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let store = ledger.store().await;
    store
        .declare_destination("crm", &ForwardedContent::Deliveries, 0)
        .await
        .unwrap();
    let now = Timestamp::now();
    let retry = |position, next_at| ForwardRetry {
        position,
        id: Uuid::now_v7(),
        attempts: 1,
        first_at: "2026-07-09T15:00:00Z".parse().unwrap(),
        next_at,
        failure: failure(),
    };
    let (dead, waiting) = (retry(1, None), retry(2, Some(now)));
    for one in [&dead, &waiting] {
        store.save_retry("crm", one).await.unwrap();
    }
    let letters = store.dead_letters("crm", 0, 10).await.unwrap();
    assert_eq!(letters, [dead]);
    let counts = store.retry_counts("crm").await.unwrap();
    assert_eq!((counts.waiting, counts.dead), (1, 1));
    assert_eq!(store.due_retries("crm", now, 10).await.unwrap().len(), 1);
    assert_eq!(
        store.revive_dead_letters("crm", now, 1_000).await.unwrap(),
        1
    );
    assert_eq!(store.due_retries("crm", now, 10).await.unwrap().len(), 2);
    assert_eq!(store.destinations().await.unwrap()[0].refused, 2);
    assert!(store.forget_destination("crm").await.unwrap());
    assert!(!store.forget_destination("crm").await.unwrap());
    assert_eq!(
        store.retry_counts("crm").await.unwrap(),
        chatrace_webhook::store::RetryCounts::default()
    );
}
