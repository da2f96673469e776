//! The ledger and its projection, in Postgres or in an SQLite file. Only this module knows SQL.
//!
//! **Order.** Messages, items and deliveries get their positions in commit order, so that a reader behind a cursor
//! never misses a row that commits late. In Postgres each transaction that writes locks the one row of `head` first and
//! takes its positions from it. In SQLite one connection writes.
//!
//! **Deduplication.** A message is unique by a constraint. Messages without id and time are compared by the distance of
//! their arrivals instead. That comparison is made under the lock of `head`, so that no other writer comes between.
//!
//! **One text for both databases.** Reading and maintenance are written once, in `shared/`, and compiled for each
//! database: `dialect` has what differs. Only what commits a batch is written for each.

mod alerts;
mod counts;
mod erasure;
mod error;
mod filter;
mod forward;
mod health;
mod lag;
mod maintenance;
mod model;
mod page;
mod plan;
mod postgres;
mod reprocess;
mod retention;
mod rows;
mod spool;
mod sqlite;
mod suppression;
mod values;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::migrate::{AppliedMigration, Migrator};
use uuid::Uuid;

pub use alerts::{Alert, AlertState, SilenceState};
pub use counts::{Count, Counts};
pub(crate) use counts::{HOUR, hour_of};
pub use error::{PrepareError, StoreError};
pub use filter::{ContactFilter, ContactOrder, DeliveryFilter, MessageFilter, Order, PageRequest};
pub use forward::{
    AttemptFailure, Backlog, DestinationState, ForwardProgress, ForwardReplay, ForwardRetry,
    ForwardedContent, MOST_RETRIES, ReplayScope, RetryCounts,
};
pub use health::StoreHealth;
pub use maintenance::{
    ErasedPart, Erasure, ExpiredPart, Maintenance, Mode, NotErased, PersonId, QuarantinedDelivery,
    ReprocessedDelivery,
};
pub use model::{
    ContactDetail, ContactName, ContactSummary, DeliveryDetail, DeliverySummary, ItemSummary,
    MessageExcerpt, QuarantineReason, QuarantineView, Recent, RecentDelivery, RecentMessage,
    Snapshot,
};
pub use page::{FoundMessages, Scan, message_page};
pub use postgres::{PostgresStore, SchemaState};
pub(crate) use retention::agreed_time;
pub use spool::{Spool, SpoolDepth, Spooled};
pub(crate) use sqlite::IN_USE;
pub use sqlite::{OpenFiles, SqliteReader, SqliteStore};

use crate::delivery::{Delivery, Receipt, Record};
use crate::message::Message;
use crate::rejection::RejectedRequest;

/// Whether a batch may have been committed before without anybody learning of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// These deliveries have never been handed to a database.
    First,
    /// They have, and the answer was lost: what is there already is answered, not inserted again.
    Again,
    /// They waited in a spool, where they may have been handed to a database before.
    Spooled,
}

impl Attempt {
    /// Whether a delivery may be there already.
    pub(crate) fn is_repeated(self) -> bool {
        self != Self::First
    }
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The answer for the sender.
    pub receipt: Receipt,
    /// The new messages: this service's id, and the item of the record.
    pub messages: Vec<(Uuid, usize)>,
}

/// What ingest needs of the database.
///
/// # Errors
/// Every method fails with [`StoreError`], whose variant says what the caller can do about it. So do those of the other
/// traits.
#[async_trait]
pub trait Ledger: std::fmt::Debug + Send + Sync {
    /// Commits records in one transaction, all or none, and answers for each in the same order.
    async fn commit(
        &self,
        records: &[Record],
        attempt: Attempt,
    ) -> Result<Vec<Committed>, StoreError>;

    /// Moves the projection a step towards the head, and answers whether it is there.
    async fn roll_up(&self) -> Result<bool, StoreError>;

    /// Whether a delivery could be committed now: it is connected, migrated, and answers.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Closes every connection.
    async fn close(&self);
}

/// What a reader of messages needs of the database.
#[async_trait]
pub trait MessageReader: std::fmt::Debug + Send + Sync {
    /// The last position that is given out and committed: no message at or before it will ever appear anew.
    async fn head(&self) -> Result<i64, StoreError>;

    /// The first and the last position between which all messages are that arrived within the hours of these times.
    async fn hour_range(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Option<(i64, i64)>, StoreError>;

    /// Messages in the order that the request names. Fewer than it asks for, but at least one, where they are large.
    /// Those that cannot be read are skipped.
    async fn messages(
        &self,
        filter: &MessageFilter,
        request: PageRequest,
    ) -> Result<Scan<Message>, StoreError>;
}

/// What the API reads beside messages.
#[async_trait]
pub trait Reader: MessageReader {
    /// One message.
    async fn message(&self, id: Uuid) -> Result<Option<Message>, StoreError>;

    /// Contacts by the position of their first item, or of their last message. They include everything that was
    /// committed before. At most 4 MB of them; those that cannot be read are skipped. A search looks at a bounded
    /// number of contacts at once.
    async fn contacts(
        &self,
        filter: &ContactFilter,
        request: PageRequest,
    ) -> Result<Scan<ContactSummary>, StoreError>;

    /// The contact with this id, or else those that came with it as another id of theirs: a few at most.
    async fn contact(&self, person: &PersonId) -> Result<Vec<ContactDetail>, StoreError>;

    /// The names of these contacts, by id, that are known.
    async fn contact_names(&self, ids: &[&str]) -> Result<Vec<ContactName>, StoreError>;

    /// Why items of the newest deliveries in quarantine are there, the most frequent reason first.
    async fn quarantine_reasons(&self) -> Result<Vec<QuarantineReason>, StoreError>;

    /// Deliveries in commit order, without their bodies. At most 4 MB of them; those that cannot be read are skipped.
    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        request: PageRequest,
    ) -> Result<Scan<DeliverySummary>, StoreError>;

    /// One delivery, whole.
    async fn delivery(&self, id: Uuid) -> Result<Option<DeliveryDetail>, StoreError>;

    /// What the statistics are made of: totals, and the counts of the hours from `since`.
    async fn snapshot(&self, since: Timestamp) -> Result<Snapshot, StoreError>;

    /// What the diagnosis looks at: the newest rows only, so that it costs the same however many there are.
    async fn recent(&self) -> Result<Recent, StoreError>;

    /// What is wrong though it goes on working. It asks nobody.
    fn health(&self) -> StoreHealth;
}

/// Where rejected requests are kept.
#[async_trait]
pub trait RejectionStore: std::fmt::Debug + Send + Sync {
    /// Adds to those that are kept. Their number stays bounded whatever is added.
    async fn add_rejections(&self, seen: &[RejectedRequest]) -> Result<(), StoreError>;
}

/// What the watch over silence and alerts need of the database.
#[async_trait]
pub trait AlertStore: std::fmt::Debug + Send + Sync {
    /// When the newest message arrived. This only rises: neither an older message that is stored later lowers it, nor
    /// that the newest is erased or deleted.
    async fn last_message_at(&self) -> Result<Option<Timestamp>, StoreError>;

    /// How many messages arrived in each hour from `since`, by hours since 1970. Hours without messages are left out.
    async fn messages_by_hour(&self, since: Timestamp) -> Result<Vec<(i64, i64)>, StoreError>;

    /// Whether there is silence, as all replicas agree.
    async fn silence(&self) -> Result<SilenceState, StoreError>;

    /// Begins or ends silence. `false` if another replica was faster, and then nothing is changed. `known` is what the
    /// change is based on, `since` the arrival of the last message.
    async fn change_silence(
        &self,
        known: SilenceState,
        since: Option<Timestamp>,
    ) -> Result<bool, StoreError>;

    /// Everything that is or was wrong, as all replicas agree.
    async fn alert_states(&self) -> Result<Vec<AlertState>, StoreError>;

    /// Notes that something is wrong since then, or is not any more, and keeps the alert about it, both or none.
    /// `false` if another replica was faster, and then nothing is changed. `known` is what the change is based on.
    async fn change_alert_state(
        &self,
        known: &AlertState,
        since: Option<Timestamp>,
        alert: &Alert,
    ) -> Result<bool, StoreError>;

    /// The oldest alert that is not delivered yet.
    async fn oldest_alert(&self) -> Result<Option<Alert>, StoreError>;

    /// Takes an alert for one attempt to deliver it, so that no other replica tries before `until`. `false` if another
    /// one was faster.
    async fn claim_alert(&self, alert: &Alert, until: Timestamp) -> Result<bool, StoreError>;

    /// The attempt failed, and the next one is due then.
    async fn put_off_alert(&self, id: Uuid, next_at: Timestamp) -> Result<(), StoreError>;

    /// Forgets an alert: it is delivered, or given up.
    async fn forget_alert(&self, id: Uuid) -> Result<(), StoreError>;
}

/// Where the sessions of the page are kept that were logged out.
#[async_trait]
pub trait SessionStore: std::fmt::Debug + Send + Sync {
    /// Whether a session was logged out.
    async fn is_session_ended(&self, id: Uuid) -> Result<bool, StoreError>;

    /// Ends a session that would have lasted until then.
    async fn end_session(
        &self,
        id: Uuid,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError>;
}

/// What forwarding needs of the database, beside messages.
#[async_trait]
pub trait ForwardStore: MessageReader {
    /// Adds a destination that is seen for the first time, which begins behind a position, and notes what it gets.
    async fn declare_destination(
        &self,
        name: &str,
        content: &ForwardedContent,
        cursor: i64,
    ) -> Result<(), StoreError>;

    /// Every destination that was ever declared, by name.
    async fn destinations(&self) -> Result<Vec<DestinationState>, StoreError>;

    /// Takes the lease of a destination for so long by the clock of the database. `None`: another process has it.
    async fn take_lease(
        &self,
        name: &str,
        lease: Uuid,
        length: Duration,
    ) -> Result<Option<DestinationState>, StoreError>;

    /// Renews the lease and saves the progress. Answers whether the destination is paused; `None`, with nothing saved:
    /// the lease is lost.
    async fn save_progress(
        &self,
        name: &str,
        lease: Uuid,
        length: Duration,
        progress: &ForwardProgress,
    ) -> Result<Option<bool>, StoreError>;

    /// Gives the lease back.
    async fn release_lease(&self, name: &str, lease: Uuid) -> Result<(), StoreError>;

    /// Pauses a destination for a reason, or resumes it. `false`: there is none with this name.
    async fn pause_destination(
        &self,
        name: &str,
        pause: Option<(&str, Timestamp)>,
    ) -> Result<bool, StoreError>;

    /// Forgets a destination, and everything that it has not got. `false`: there is none with this name.
    async fn forget_destination(&self, name: &str) -> Result<bool, StoreError>;

    /// Keeps what a destination refused.
    async fn save_retry(&self, name: &str, retry: &ForwardRetry) -> Result<(), StoreError>;

    /// Forgets what a destination refused: it is accepted now, or gone.
    async fn end_retry(&self, name: &str, position: i64) -> Result<(), StoreError>;

    /// What is to be tried again now, oldest first.
    async fn due_retries(
        &self,
        name: &str,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ForwardRetry>, StoreError>;

    /// How much of what it refused a destination has.
    async fn retry_counts(&self, name: &str) -> Result<RetryCounts, StoreError>;

    /// What is not tried again, by position.
    async fn dead_letters(
        &self,
        name: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<ForwardRetry>, StoreError>;

    /// Lets at most so many dead letters be tried again, and answers how many.
    async fn revive_dead_letters(
        &self,
        name: &str,
        now: Timestamp,
        limit: i64,
    ) -> Result<u64, StoreError>;

    /// Has something forwarded once more.
    async fn add_replay(&self, name: &str, replay: &ForwardReplay) -> Result<(), StoreError>;

    /// What is to be forwarded once more, in the order of the requests.
    async fn replays(&self, name: &str) -> Result<Vec<ForwardReplay>, StoreError>;

    /// Moves a replay on; at its end it is forgotten.
    async fn move_replay(&self, id: Uuid, cursor: i64) -> Result<(), StoreError>;

    /// The messages at some positions. One that is missing was deleted.
    async fn messages_at(&self, positions: &[i64]) -> Result<Vec<Message>, StoreError>;

    /// Whole deliveries in commit order, at least one and otherwise a few MB of them.
    async fn whole_deliveries(
        &self,
        request: PageRequest,
    ) -> Result<Scan<(i64, Delivery)>, StoreError>;

    /// The deliveries at some positions. One that is missing was deleted.
    async fn deliveries_at(&self, positions: &[i64]) -> Result<Vec<(i64, Delivery)>, StoreError>;

    /// Where the messages or the deliveries with some ids are, in rising order. One that is missing was deleted.
    async fn positions_of(
        &self,
        content: &ForwardedContent,
        ids: &[Uuid],
    ) -> Result<Vec<i64>, StoreError>;

    /// What a destination gets behind a position and up to another one; of that, what a replay is about.
    async fn backlog(
        &self,
        content: &ForwardedContent,
        replay: Option<&ReplayScope>,
        after: i64,
        until: i64,
    ) -> Result<Backlog, StoreError>;

    /// The position before everything that arrived at this time or later.
    async fn position_before(&self, time: Timestamp) -> Result<i64, StoreError>;
}

/// All that a database does.
pub trait Store:
    Ledger + Reader + RejectionStore + AlertStore + SessionStore + ForwardStore + Maintenance + 'static
{
}

impl<T> Store for T where
    T: Ledger
        + Reader
        + RejectionStore
        + AlertStore
        + SessionStore
        + ForwardStore
        + Maintenance
        + 'static
{
}

/// Raises the positions of a restored database. A reader whose cursor is ahead of the backup then misses nothing that
/// is stored from now on, unless more than a million positions were given out since. A rollup that was at the head need
/// not walk through the gap.
pub(crate) const RAISE_POSITIONS: &str = "UPDATE rollup SET position = position + 1000000, counted = counted + 1000000 \
       WHERE position = (SELECT position FROM head); \
     UPDATE head SET position = position + 1000000";

/// A delivery's headers as they are kept: a JSON list of pairs.
fn headers_json(delivery: &Delivery) -> String {
    // Strings can always be written.
    serde_json::to_string(&delivery.headers).unwrap_or_else(|_| "[]".to_owned())
}

/// The migrations of this program that are not among those that a database has, by their names.
///
/// # Errors
/// A sentence, when the database has others: it was made by another build.
fn missing_migrations(
    ours: &Migrator,
    applied: &[AppliedMigration],
) -> Result<Vec<String>, PrepareError> {
    let newest = ours.iter().map(|migration| migration.version).max();
    let find = |version| ours.iter().find(|ours| ours.version == version);
    let is_ours = applied.is_empty() || applied.iter().any(|theirs| find(theirs.version).is_some());
    if !is_ours {
        return Err(PrepareError::Unusable(
            "it belongs to another program, whose migrations are in it: give this one a database of its own".to_owned(),
        ));
    }
    for theirs in applied {
        let known = find(theirs.version);
        if Some(theirs.version) > newest {
            return Err(PrepareError::Unusable(
                "its schema is newer than this program: start the version that made it, or a newer one".to_owned(),
            ));
        }
        if known.is_none_or(|ours| ours.checksum != theirs.checksum) {
            return Err(PrepareError::Unusable(
                "it was made by an unreleased build of this program, whose schema cannot be brought up to date: use a \
                 new database"
                    .to_owned(),
            ));
        }
    }
    let missing = ours
        .iter()
        .filter(|ours| applied.iter().all(|theirs| theirs.version != ours.version));
    Ok(missing
        .map(|ours| format!("{:04} {}", ours.version, ours.description))
        .collect())
}
