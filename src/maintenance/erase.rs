//! Erases a person: from the database, from bodies that nobody understood, and from the spool of this replica.

mod naming;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use self::naming::names;
use crate::delivery::Record;
use crate::ingest::BATCH_BYTES;
use crate::normalize::Normalizer;
use crate::store::{Erasure, Maintenance, NotErased, PersonId, Spool, StoreError};

/// How many deliveries are looked through at once.
const PAGE: u32 = 50;

/// How much of a person was erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"messages": 1, "contacts": 1, "deliveries": 2, "spooled": 0, "logPending": false}))]
pub struct ErasureTotals {
    /// Messages.
    pub messages: u64,
    /// Contacts: one on each channel, and one for each id under which they wrote.
    pub contacts: u64,
    /// Deliveries whose raw body and headers are gone.
    pub deliveries: u64,
    /// Deliveries that waited in this replica's spool.
    pub spooled: u64,
    /// Whether what was erased still stands in the log beside a file of the embedded database, because another program
    /// reads there, such as a backup. It goes as soon as that ends.
    pub log_pending: bool,
}

/// Erases everything of a person that arrived until now, if that takes one contact, or as many as were confirmed. If it
/// is interrupted it can be repeated. `now` is by the clock that gave the deliveries of the spool their arrival.
///
/// # Errors
/// When the database or the spool cannot be used.
pub async fn erase(
    store: &dyn Maintenance,
    spool: Option<&Spool>,
    normalizer: &Normalizer,
    person: &PersonId,
    confirmed: Option<usize>,
    now: Timestamp,
) -> Result<Result<ErasureTotals, NotErased>, StoreError> {
    let mut totals = ErasureTotals::default();
    let erasure = match store.begin_erasure(person, confirmed).await? {
        Ok(erasure) => erasure,
        Err(refused) => return Ok(Err(refused)),
    };
    loop {
        let erased = store.erase(&erasure).await?;
        totals.messages += erased.messages;
        totals.contacts += erased.contacts;
        totals.deliveries += erased.deliveries;
        if erased.done {
            break;
        }
    }
    // Last, and again until nothing is found: a body that nobody can read may be committed meanwhile.
    loop {
        let spooled = match spool {
            Some(spool) => erase_spooled(spool, normalizer, &erasure, now).await?,
            None => 0,
        };
        let unattributed = erase_unattributed(store, &erasure).await?;
        totals.spooled += spooled;
        totals.deliveries += unattributed;
        if spooled + unattributed == 0 {
            break;
        }
    }
    let mut is_overwritten = store.overwrite_erased().await;
    if let Some(spool) = spool.filter(|_| totals.spooled > 0) {
        is_overwritten &= spool.overwrite_removed().await;
    }
    totals.log_pending = !is_overwritten;
    Ok(Ok(totals))
}

/// Erases the bodies in quarantine that name the person where nothing else tells whose they are.
async fn erase_unattributed(store: &dyn Maintenance, erasure: &Erasure) -> Result<u64, StoreError> {
    let mut erased = 0;
    let mut after = 0;
    loop {
        let page = store.unattributed(erasure, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(erased);
        };
        after = last.position;
        let theirs: Vec<_> = page
            .iter()
            .map(|one| &one.delivery)
            .filter(|delivery| names(delivery, erasure))
            .map(|delivery| delivery.id)
            .collect();
        erased += erase_bodies(store, &theirs).await?;
    }
}

/// All in one transaction; each in its own where that was not done in time. A database that is away fails the first
/// one, and is not asked again.
async fn erase_bodies(store: &dyn Maintenance, deliveries: &[Uuid]) -> Result<u64, StoreError> {
    if deliveries.is_empty() {
        return Ok(0);
    }
    match store.erase_bodies(deliveries).await {
        Err(StoreError::Unavailable(_)) if deliveries.len() > 1 => {
            let mut erased = 0;
            for delivery in deliveries.chunks(1) {
                erased += store.erase_bodies(delivery).await?;
            }
            Ok(erased)
        }
        erased => erased,
    }
}

/// Removes what is only about the person. A body that holds other people's items too stays: when it is drained, the
/// person's items are left out and the body is not kept.
async fn erase_spooled(
    spool: &Spool,
    normalizer: &Normalizer,
    erasure: &Erasure,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut erased = 0;
    let mut after = 0;
    loop {
        let page = spool.oldest(after, PAGE, BATCH_BYTES).await?;
        let Some(last) = page.last() else {
            return Ok(erased);
        };
        after = last.position;
        let mut theirs: Vec<_> = page
            .into_iter()
            .filter(|spooled| spooled.delivery.received_at <= now)
            .map(|spooled| (spooled.position, normalizer.to_record(spooled.delivery)))
            .filter(|(_, record)| is_theirs(record, erasure))
            .map(|(position, _)| position)
            .collect();
        if !theirs.is_empty() {
            erased += theirs.len() as u64;
            spool.remove(&mut theirs).await?;
        }
    }
}

/// Whether everything in it is about the person.
fn is_theirs(record: &Record, erasure: &Erasure) -> bool {
    record.items.iter().all(|item| match item.contact() {
        Some(contact) => erasure.is_about(&contact),
        None => names(&record.delivery, erasure),
    })
}
