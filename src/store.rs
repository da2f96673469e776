//! The ledger: deliveries, their items, messages, contacts and counters, in Postgres or in an SQLite file.
//!
//! This room knows SQL and no HTTP. The two backends share their behaviour (`settle` decides what becomes of each
//! item, and one contract suite runs on both) but not their SQL.
//!
//! **Order.** Every message and every delivery gets a position in commit order, so that a reader behind a cursor never
//! misses a row that commits late. Postgres: each committing transaction locks the one row of `head` first and takes
//! its numbers there. SQLite: one connection writes.
//!
//! **Sameness.** A message is unique by a constraint in the statement that inserts it. Only messages without id and
//! time are compared by distance of arrival instead; that comparison is made while the lock of `head` (or SQLite's
//! write lock) is held, so that no other writer can come between.

mod columns;
mod erase;
mod error;
mod guard;
mod known;
mod postgres;
mod query;
mod reread;
mod retain;
mod settle;
mod spool;
mod sqlite;
mod upkeep;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

pub use error::{PrepareError, StoreError};
pub use postgres::PostgresStore;
pub use query::{
    Counter, CounterName, DeliveryDetail, DeliveryFilter, DeliverySummary, ItemSummary,
    MessageFilter, Page, Snapshot,
};
pub use spool::{Depth, Spool, Spooled};
pub use sqlite::SqliteStore;
pub use upkeep::{Erased, Erasure, Expired, Mode, Person, Quarantined, Reread, Upkeep};

use crate::delivery::{Delivery, Receipt, Record};
use crate::message::Message;

/// Whether a batch may have been committed before without anybody learning of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// These deliveries have never been handed to a database.
    First,
    /// They have, and the answer was lost: what is there already is answered, not inserted again.
    Again,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The answer for the sender.
    pub receipt: Receipt,
    /// The new messages: this service's id, and the item of the record.
    pub messages: Vec<(Uuid, usize)>,
}

/// A place where deliveries and messages are kept.
///
/// # Errors
/// Every method fails with [`StoreError`], whose variant says what the caller can do about it.
#[async_trait]
pub trait Store: std::fmt::Debug + Send + Sync + 'static {
    /// Commits records in one transaction, all or none, and answers for each in the same order.
    async fn commit(
        &self,
        records: &[Record],
        attempt: Attempt,
    ) -> Result<Vec<Committed>, StoreError>;

    /// Whether a delivery could be committed now: it is connected, migrated, and answers.
    async fn ready(&self) -> Result<(), StoreError>;

    /// What the statistics are made of: totals, and the counters of the hours from `since`.
    async fn snapshot(&self, since: Timestamp) -> Result<Snapshot, StoreError>;

    /// The last position that is given out and committed: no message at or before it will ever appear anew.
    async fn head(&self) -> Result<i64, StoreError>;

    /// Messages in commit order, after a position.
    async fn messages(
        &self,
        filter: &MessageFilter,
        page: Page,
    ) -> Result<Vec<Message>, StoreError>;

    /// Deliveries in commit order, after a position, without their bodies.
    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        page: Page,
    ) -> Result<Vec<DeliverySummary>, StoreError>;

    /// One delivery, whole.
    async fn delivery(&self, id: Uuid) -> Result<Option<DeliveryDetail>, StoreError>;

    /// Closes every connection.
    async fn close(&self);
}

/// A delivery's headers as they are kept: a JSON list of pairs.
fn headers_json(delivery: &Delivery) -> String {
    serde_json::json!(delivery.headers).to_string()
}
