//! What is done with what is stored: reprocessing quarantine, erasing a person, deleting what is old.
//!
//! Each call is one short transaction that begins with the lock on `head`, as a commit does. So it cannot deadlock with
//! a commit, and holds it up no longer than another commit would. Callers repeat a call until it says that it is done.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::StoreError;
use super::model::ContactSummary;
use super::rows::DeliveryRow;
use crate::delivery::{Delivery, Record};
use crate::message::Contact;

/// How many bytes of bodies are read at once, unless a single body has more.
pub(super) const PAGE_BYTES: i64 = 4 * 1024 * 1024;

/// What the jobs of maintenance need of the database.
///
/// # Errors
/// Every method fails with [`StoreError`]; nothing of that call is done then.
#[async_trait]
pub trait Maintenance: std::fmt::Debug + Send + Sync {
    /// Deliveries with an item in quarantine, in commit order behind a position, bodies included; of those that arrived
    /// at `since` or later, if that is said. At most `limit` of them and 4 MiB of bodies, but at least one if any is
    /// left: only an empty answer is the end.
    async fn quarantined(
        &self,
        since: Option<Timestamp>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<QuarantinedDelivery>, StoreError>;

    /// Deliveries with an item in quarantine of which nobody knows whose it is, that arrived before an erasure. In
    /// commit order behind a position, bodies included, as many as [`quarantined`](Self::quarantined) gives.
    async fn unattributed(
        &self,
        erasure: &Erasure,
        after: i64,
        limit: u32,
    ) -> Result<Vec<QuarantinedDelivery>, StoreError>;

    /// Replaces what was not understood before by what is read now, in one transaction. It only adds: items that are no
    /// longer in quarantine stay as they are. Deliveries with nothing in quarantine are left out of the answer.
    async fn reprocess(
        &self,
        records: &[Record],
        mode: Mode,
    ) -> Result<Vec<ReprocessedDelivery>, StoreError>;

    /// The contacts that erasing a person would delete, oldest first, each with the messages that would go with it.
    /// Changes nothing. `None`: so many contacts share the id that it is nobody's.
    async fn affected(&self, person: &PersonId) -> Result<Option<Vec<ContactSummary>>, StoreError>;

    /// Puts a person on the suppression list, under every id that is erased. From then on nothing of theirs that
    /// arrived before is stored. What is there already is deleted by [`erase`](Self::erase). `confirmed`: how many
    /// contacts the caller knows will go.
    async fn begin_erasure(
        &self,
        person: &PersonId,
        confirmed: Option<usize>,
    ) -> Result<Result<Erasure, NotErased>, StoreError>;

    /// Erases a part of what is there. Call it until the answer is [`done`](ErasedPart::done).
    async fn erase(&self, erasure: &Erasure) -> Result<ErasedPart, StoreError>;

    /// Erases the bodies of deliveries, and answers how many had one. What was in quarantine there leaves it.
    async fn erase_bodies(&self, deliveries: &[Uuid]) -> Result<u64, StoreError>;

    /// Overwrites what was erased where the embedded database still holds it: in its log. `false` if another program
    /// hinders that. Nobody waits for that program: it is tried again in the background until it is done.
    async fn overwrite_erased(&self) -> bool;

    /// When the newest delivery arrived, even if it is deleted since.
    async fn last_delivery_at(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Deletes a part of the deliveries that arrived before `until`, behind a position, with their messages and the
    /// contacts of whom nothing is left. Call it with the position of the answer until that is
    /// [`done`](ExpiredPart::done).
    async fn expire(
        &self,
        until: Timestamp,
        now: Timestamp,
        after: i64,
    ) -> Result<ExpiredPart, StoreError>;

    /// Deletes a part of the suppression list that is no longer needed, and the hours before `until`. Call it until it
    /// answers `true`: nothing is left.
    async fn sweep(&self, until: Option<Timestamp>, now: Timestamp) -> Result<bool, StoreError>;

    /// Writes the projection again from the ledger. For an operator; nothing needs it.
    async fn rebuild_projection(&self) -> Result<(), StoreError>;
}

/// A delivery with an item in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct QuarantinedDelivery {
    /// Its place in commit order.
    pub position: i64,
    /// As it came.
    #[sqlx(flatten, try_from = "DeliveryRow")]
    pub delivery: Delivery,
}

/// Whether something is really done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Real,
    /// It is only found out what would be.
    DryRun,
}

/// What became of the items of a delivery that were in quarantine, and of those that had not been seen before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReprocessedDelivery {
    /// How many items were in quarantine.
    pub before: u32,
    /// How many are.
    pub after: u32,
    /// How many items became new messages.
    pub stored: u32,
    /// How many turned out to be there already.
    pub duplicates: u32,
    /// How many turned out to hold nothing to keep.
    pub ignored: u32,
}

/// Somebody who is to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonId {
    /// On this channel; `None`: on every one.
    pub channel: Option<String>,
    /// Their contact id, or another id that bodies named beside it.
    pub id: String,
}

/// Why an erasure does not begin. Nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotErased {
    /// So many contacts share the id that it is nobody's.
    Shared,
    /// It would take these contacts, oldest first, and another number was confirmed; or none, though they are several.
    Unconfirmed(Vec<ContactSummary>),
}

/// An erasure that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Every id that is erased, with its channel; `None`: on every one.
    pub ids: Vec<(Option<String>, String)>,
    /// When it began, by the database's clock. What arrived until then and is committed later is not kept.
    pub at: Timestamp,
    /// The last position at that time. What is committed until then is erased, whatever any clock said.
    pub head: i64,
}

impl Erasure {
    /// Whether this is the person, by whichever id.
    pub fn is_about(&self, contact: &Contact) -> bool {
        self.ids.iter().any(|(channel, id)| {
            let on_channel = channel
                .as_ref()
                .is_none_or(|channel| channel == contact.channel.as_str());
            on_channel && (*id == contact.id || contact.aliases.contains(id))
        })
    }
}

/// What one step of an erasure deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ErasedPart {
    /// Messages.
    pub messages: u64,
    /// Contacts.
    pub contacts: u64,
    /// Deliveries whose raw body is gone.
    pub deliveries: u64,
    /// Nothing is left.
    pub done: bool,
}

/// What one step of deleting old things did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpiredPart {
    /// Deliveries.
    pub deliveries: u64,
    /// Messages.
    pub messages: u64,
    /// Contacts.
    pub contacts: u64,
    /// The position behind which to go on.
    pub after: i64,
    /// Nothing old is left.
    pub done: bool,
    /// Another replica is at it, or was minutes ago: nothing was done.
    pub busy: bool,
}
