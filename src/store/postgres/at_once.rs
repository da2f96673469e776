//! A batch in which everything is new, in one statement, which is a transaction and one round trip.
//!
//! What a commit costs at low load are the round trips, and at high load each is a moment in which the database waits.

use std::time::Duration;

use jiff_sqlx::ToSqlx as _;
use sqlx::PgConnection;

use super::commit::Batch;
use super::rows::Rows;
use crate::delivery::Record;
use crate::store::known::Known;
use crate::store::settle::Plan;
use crate::store::{Committed, StoreError};

/// The limits of a session, for a statement that is a transaction of its own: those of [`BEGIN`](super::commit::BEGIN).
pub(super) const SESSION: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED; \
     SET statement_timeout = '3s'; \
     SET lock_timeout = '2s'; \
     SET idle_in_transaction_session_timeout = '3s'; \
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'; \
     SET plan_cache_mode = force_generic_plan";

/// Commits a batch in one statement, on a connection with the limits of [`SESSION`]. `None`, and nothing is written, if it
/// has to go step by step.
pub(super) async fn commit(
    connection: &mut PgConnection,
    records: &[Record],
    window: Duration,
    known: &mut Known,
) -> Result<Option<Vec<Committed>>, StoreError> {
    let mut plan = Plan::new(records, window);
    let (keys, from, until) = match plan.windows(window) {
        Some((keys, from, until)) => (keys, Some(from.to_sqlx()), Some(until.to_sqlx())),
        None => (Vec::new(), None, None),
    };
    // Equal ones within the batch; the database looks for those that it has.
    plan.collapse([], window);
    let contacts = plan.contacts(known);
    let batch = Batch::new(&plan, &contacts, 0, plan.records.len());
    let settled = plan.settle(|number| Some(batch.position(number)));
    let rows = Rows::new(&settled, batch.before_deliveries);
    // The server commits after it has answered the row: `fetch_one` reads on until it says that it has.
    let before: Option<i64> =
        sqlx::query_scalar("SELECT commit_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
            .bind(known.generation())
            .bind(keys)
            .bind(from)
            .bind(until)
            .bind(&batch.messages)
            .bind(&batch.contacts)
            .bind(&batch.aliases)
            .bind(&rows.deliveries)
            .bind(&rows.items)
            .bind(&rows.hours)
            .bind(&rows.counts)
            .fetch_one(connection)
            .await?;
    if before.is_none() {
        return Ok(None);
    }
    let committed = settled.into_committed();
    known.remember(contacts.iter().map(|(contact, _)| contact));
    Ok(Some(committed))
}
