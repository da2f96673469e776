//! The rollup runs beside the commits and does not hold them up.

use std::time::Duration;

use chatrace_webhook::delivery::{Item, Outcome, ReasonCode, Record};
use chatrace_webhook::message::Identity;
use chatrace_webhook::store::{Ledger as _, Maintenance as _, PersonId, PostgresStore};
use sqlx::{Connection as _, PgConnection};
use tokio::time::timeout;
use uuid::Uuid;

use super::commit_one;
use crate::support::postgres;
use crate::support::records::{WINDOW, at, draft, record};
use crate::support::wait::eventually;

/// A store, and a transaction of somebody else.
async fn store_and_other() -> (String, PostgresStore, PgConnection) {
    let url = postgres::fresh_database().await;
    let store = PostgresStore::new(url.parse().unwrap(), WINDOW);
    store.prepare(true).await.unwrap();
    let other = PgConnection::connect(&url).await.unwrap();
    (url, store, other)
}

fn message() -> Record {
    record(at(0), [draft(Identity::Key(Uuid::now_v7()))])
}

#[tokio::test]
async fn commits_do_not_wait_for_a_rollup_that_fails() {
    let (_, store, mut other) = store_and_other().await;
    sqlx::raw_sql("BEGIN; UPDATE rollup SET position = position")
        .execute(&mut other)
        .await
        .unwrap();
    // More than the projection may be behind.
    let item = Item::ignored(ReasonCode::NotAMessage, "typing", None);
    let large = Record {
        items: vec![item; 5_001],
        ..record(at(0), [])
    };
    assert_eq!(commit_one(&store, &large).await, Outcome::Ignored);
    store.roll_up().await.unwrap_err();
    // Less than the rollup waits for its lock.
    let (one, two) = (message(), message());
    let commits = async {
        (
            commit_one(&store, &one).await,
            commit_one(&store, &two).await,
        )
    };
    let outcomes = timeout(Duration::from_secs(1), commits).await.unwrap();
    assert_eq!(outcomes, (Outcome::Stored, Outcome::Stored));
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    while !store.roll_up().await.unwrap() {}
}

/// Otherwise it could not, once the way is longer than a transaction may last.
#[tokio::test]
async fn maintenance_rolls_up_before_it_locks_the_ledger() {
    let (url, store, mut other) = store_and_other().await;
    commit_one(&store, &message()).await;
    sqlx::raw_sql("BEGIN; SELECT FROM head FOR UPDATE")
        .execute(&mut other)
        .await
        .unwrap();
    let person = PersonId {
        channel: None,
        id: "1".to_owned(),
    };
    let mut watching = PgConnection::connect(&url).await.unwrap();
    let release = async {
        let ask = async || {
            let asked =
                sqlx::query_scalar("SELECT rollup.position = head.position FROM rollup, head");
            asked.fetch_one(&mut watching).await.unwrap()
        };
        eventually("the projection is at the head", ask, |is: &bool| *is).await;
        sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    };
    let (erasure, ()) = tokio::join!(store.begin_erasure(&person, None), release);
    assert_eq!(erasure.unwrap().unwrap().ids.len(), 1);
}
