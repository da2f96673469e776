//! Reads what is in quarantine again, with today's normalizer.

use std::iter::Peekable;

use serde::{Deserialize, Serialize};

use crate::delivery::{Delivery, Record};
use crate::ingest::{BATCH_BYTES, weight};
use crate::normalize::Normalizer;
use crate::store::{Maintenance, Mode, ReprocessedDelivery, StoreError};

/// How many deliveries are read again in one transaction, at most: it must not hold up commits for long. Nor do they
/// weigh more than a batch of the writer does, unless a single one is heavier.
const BATCH: u32 = 50;

/// Which part of the quarantine to read again.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Only what arrived then or later.
    pub since: Option<jiff::Timestamp>,
    /// The position behind which to begin.
    pub after: i64,
    /// How many deliveries at most.
    pub limit: u32,
    /// Whether anything is written.
    pub mode: Mode,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "deliveries": 2, "quarantinedBefore": 2, "quarantinedAfter": 1, "stored": 1, "duplicates": 0, "ignored": 0, "refused": 0
}))]
pub struct ReprocessTotals {
    /// Deliveries that were read again.
    pub deliveries: u64,
    /// Items in quarantine in them before.
    pub quarantined_before: u64,
    /// Items in quarantine in them now.
    pub quarantined_after: u64,
    /// Items that became new messages.
    pub stored: u64,
    /// Items whose message was there already.
    pub duplicates: u64,
    /// Items with nothing to keep.
    pub ignored: u64,
    /// Deliveries of which the database refuses what is read in them. They stay as they are.
    pub refused: u64,
}

impl ReprocessTotals {
    /// Adds those of another part.
    pub fn add(&mut self, other: &Self) {
        self.deliveries += other.deliveries;
        self.quarantined_before += other.quarantined_before;
        self.quarantined_after += other.quarantined_after;
        self.stored += other.stored;
        self.duplicates += other.duplicates;
        self.ignored += other.ignored;
        self.refused += other.refused;
    }

    fn add_delivery(&mut self, done: &ReprocessedDelivery) {
        self.quarantined_before += u64::from(done.before);
        self.quarantined_after += u64::from(done.after);
        self.stored += u64::from(done.stored);
        self.duplicates += u64::from(done.duplicates);
        self.ignored += u64::from(done.ignored);
    }
}

/// What came of a part, and where the next one begins.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reprocessed {
    /// What came of it.
    pub counts: ReprocessTotals,
    /// The position behind which to go on.
    pub after: i64,
    /// Nothing is left behind it.
    pub caught_up: bool,
}

/// Reads a part of the quarantine again. To do so twice changes nothing more.
///
/// # Errors
/// When the database cannot be used. What was done until then stays.
pub async fn reprocess(
    store: &dyn Maintenance,
    normalizer: &Normalizer,
    part: Part,
) -> Result<Reprocessed, StoreError> {
    let mut done = Reprocessed {
        after: part.after,
        ..Reprocessed::default()
    };
    let mut left = part.limit;
    while left > 0 && !done.caught_up {
        let size = left.min(BATCH);
        let waiting = store.quarantined(part.since, done.after, size).await?;
        let after = waiting.last().map(|last| last.position);
        done.caught_up = after.is_none();
        left -= u32::try_from(waiting.len()).unwrap_or(size);
        let mut records = waiting
            .into_iter()
            .map(|waiting| normalizer.to_record(waiting.delivery))
            .peekable();
        while let Some(group) = next_group(&mut records) {
            let counts = reprocess_together(store, group, part.mode).await?;
            done.counts.add(&counts);
        }
        done.after = after.unwrap_or(done.after);
    }
    Ok(done)
}

/// As many of the next ones as do not weigh too much, at least one.
fn next_group(records: &mut Peekable<impl Iterator<Item = Record>>) -> Option<Vec<Record>> {
    let first = records.next()?;
    let mut weight = weight::of(&first);
    let mut group = vec![first];
    while let Some(record) = records.next_if(|record| weight + weight::of(record) <= BATCH_BYTES) {
        weight += weight::of(&record);
        group.push(record);
    }
    Some(group)
}

/// Reads one delivery again.
///
/// # Errors
/// When the database cannot be used.
pub async fn reprocess_one(
    store: &dyn Maintenance,
    normalizer: &Normalizer,
    delivery: Delivery,
    mode: Mode,
) -> Result<ReprocessTotals, StoreError> {
    reprocess_together(store, vec![normalizer.to_record(delivery)], mode).await
}

/// All in one transaction; where the database refuses something of it, each in its own. So also where it was not done
/// in time, since together they may only be too much at once: a database that is away fails the first one and is not
/// asked again.
async fn reprocess_together(
    store: &dyn Maintenance,
    records: Vec<Record>,
    mode: Mode,
) -> Result<ReprocessTotals, StoreError> {
    let mut counts = ReprocessTotals {
        deliveries: records.len() as u64,
        ..ReprocessTotals::default()
    };
    let mut parts = vec![&records[..]];
    while let Some(part) = parts.pop() {
        match store.reprocess(part, mode).await {
            Ok(done) => done.iter().for_each(|one| counts.add_delivery(one)),
            Err(StoreError::Refused(_) | StoreError::Unavailable(_)) if part.len() > 1 => {
                parts.extend(part.chunks(1).rev());
            }
            Err(StoreError::Refused(cause)) => {
                tracing::warn!(delivery.id = %part[0].delivery.id, cause, "what is read in it is refused by the database");
                counts.refused += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(counts)
}
