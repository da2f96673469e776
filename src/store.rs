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
mod counting;
mod erase;
mod error;
mod feed;
mod guard;
mod known;
mod postgres;
mod query;
mod reread;
mod retain;
mod settle;
mod silence;
mod spool;
mod sqlite;
mod stretch;
mod upkeep;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::migrate::{AppliedMigration, Migrator};
use uuid::Uuid;

pub(crate) use crate::filter::parse_moment;
pub use counting::keep_counting;
pub use error::{PrepareError, StoreError};
pub use feed::{Feed, Slice, slice};
pub use postgres::PostgresStore;
pub use query::{
    ContactFilter, ContactSummary, Counter, CounterName, DeliveryDetail, DeliveryFilter,
    DeliverySummary, ItemSummary, MessageFilter, Newest, Page, QuarantineView, Recent,
    RecentDelivery, RecentMessage, Snapshot,
};
pub(crate) use query::{HOUR, hour_of};
pub use silence::{Alert, Silence};
pub use spool::{Depth, Spool, Spooled};
pub(crate) use sqlite::IN_USE;
pub use sqlite::{SqliteFeed, SqliteStore};
pub use stretch::Stretch;
pub use upkeep::{Erased, Erasure, Expired, Mode, Person, Quarantined, Reread, Upkeep};

use crate::delivery::{Delivery, Receipt, Record};
use crate::sighting::Sighting;

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
pub trait Store: Feed + 'static {
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

    /// Deliveries in commit order, after a position, without their bodies.
    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        page: Page,
    ) -> Result<Vec<DeliverySummary>, StoreError>;

    /// The newest messages and deliveries, at most `limit` of each, for those who show them: what it costs does not depend
    /// on how many there are, nor on how long they are.
    async fn newest(&self, limit: u32) -> Result<Newest, StoreError>;

    /// One delivery, whole.
    async fn delivery(&self, id: Uuid) -> Result<Option<DeliveryDetail>, StoreError>;

    /// Adds near misses to those that are remembered. Their number stays bounded whatever is added.
    async fn remember(&self, seen: &[Sighting]) -> Result<(), StoreError>;

    /// What the diagnosis looks at: the newest rows only, so that it costs the same however many there are.
    async fn recent(&self) -> Result<Recent, StoreError>;

    /// When the newest message arrived. This only rises: neither an older message that is stored later lowers it, nor
    /// that the newest is erased or deleted.
    async fn last_message_at(&self) -> Result<Option<Timestamp>, StoreError>;

    /// How many messages arrived in each hour from `since`, as hours since 1970; hours without messages are left out.
    async fn messages_by_hour(&self, since: Timestamp) -> Result<Vec<(i64, i64)>, StoreError>;

    /// Whether there is silence, as all replicas agree.
    async fn silence(&self) -> Result<Silence, StoreError>;

    /// Begins or ends silence, and keeps the alert about it, both or none; `false` if another replica was faster, and
    /// then nothing is changed. `known` is what the change is based on, `since` the arrival of the last message.
    async fn change_silence(
        &self,
        known: Silence,
        since: Option<Timestamp>,
        alert: Option<&Alert>,
    ) -> Result<bool, StoreError>;

    /// The oldest alert that is not delivered yet.
    async fn alert(&self) -> Result<Option<Alert>, StoreError>;

    /// Takes an alert for one attempt to deliver it, so that no other replica tries before `again_at`; `false` if
    /// another one was faster.
    async fn claim_alert(&self, alert: &Alert, again_at: Timestamp) -> Result<bool, StoreError>;

    /// Forgets an alert: it is delivered, or given up.
    async fn forget_alert(&self, id: Uuid) -> Result<(), StoreError>;

    /// Contacts in the order of first sight, after a position.
    async fn contacts(
        &self,
        filter: &ContactFilter,
        page: Page,
    ) -> Result<Vec<ContactSummary>, StoreError>;

    /// Counts the next few messages for their contacts, and answers how many positions it moved on: 0 when all are
    /// counted, or when another replica counts.
    async fn fold(&self) -> Result<i64, StoreError>;

    /// Closes every connection.
    async fn close(&self);
}

/// For how many positions contacts are counted in one transaction: few, since those who write wait meanwhile.
const FOLD_STEP: i64 = 250;

/// A delivery's headers as they are kept: a JSON list of pairs.
fn headers_json(delivery: &Delivery) -> String {
    // Written as they are: as a value they would be copied first. Strings always can be.
    serde_json::to_string(&delivery.headers).unwrap_or_else(|_| "[]".to_owned())
}

/// The migrations of this program that are not among those that a database has, by their names.
fn missing_of(ours: &Migrator, applied: &[AppliedMigration]) -> Vec<String> {
    ours.iter()
        .filter(|ours| applied.iter().all(|theirs| theirs.version != ours.version))
        .map(|ours| format!("{:04} {}", ours.version, ours.description))
        .collect()
}
