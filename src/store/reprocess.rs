//! What reprocessing changes.
//!
//! `(delivery id, item number)` is the key. What is not in quarantine any more is left alone. What is, and what was not
//! seen before (a body that was one item may turn out to hold ten messages), becomes what is read now, as it would in a
//! commit: by the same dedupe keys, and within the same distance to the delivery's own arrival.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use uuid::Uuid;

use super::counts::{Count, CountChanges, hour_of};
use super::maintenance::ReprocessedDelivery;
use super::plan::{Existing, NewItem, NewMessage, Resolved, Resolver, count_message};
use crate::delivery::{Item, Outcome, Reason, ReasonCode, Receipt, Record};
use crate::message::Shape;

/// What became of each item of a delivery so far, by item number.
pub(super) type CurrentOutcomes = HashMap<Uuid, BTreeMap<i32, Outcome>>;

static SUPERSEDED: LazyLock<Reason> = LazyLock::new(|| {
    Reason::new(
        ReasonCode::Superseded,
        "a newer reading of the body finds this in its other items",
    )
});

/// The records of which something may change, with only those items in them that may.
///
/// A delivery of which a part is decided already is left alone if it is read now as another number of items: then
/// nobody can tell which of them are the decided ones.
pub(super) fn open_items(records: &[Record], current: &CurrentOutcomes) -> Vec<Record> {
    let open = |record: &Record| {
        let before = current.get(&record.delivery.id)?;
        if before.values().copied().any(is_decided) && before.len() != record.items.len() {
            return None;
        }
        let mut record = record.clone();
        for (item, number) in record.items.iter_mut().zip(0..) {
            if before.get(&number).copied().is_some_and(is_decided) {
                *item = Item::Duplicate { contact: None };
            }
        }
        Some(record)
    };
    records.iter().filter_map(open).collect()
}

fn is_decided(outcome: Outcome) -> bool {
    outcome != Outcome::Quarantined
}

/// What to write, and what to answer.
#[derive(Debug, Default)]
pub(super) struct Changes<'a> {
    pub(super) reprocessed: Vec<ReprocessedDelivery>,
    pub(super) messages: Vec<NewMessage<'a>>,
    /// What is not stored: as an item, in the place of the one that may be there.
    pub(super) items: Vec<NewItem<'a>>,
    /// What is in the row of each delivery.
    pub(super) deliveries: Vec<(Receipt, Shape)>,
    pub(super) counts: CountChanges,
}

impl<'a> Changes<'a> {
    /// What becomes of the open items.
    pub(super) fn new(
        open: &'a [Record],
        current: &CurrentOutcomes,
        existing: &Existing,
        window: std::time::Duration,
    ) -> Self {
        let mut changes = Self::default();
        let mut resolver = Resolver::new(existing, window);
        for record in open {
            if let Some(before) = current.get(&record.delivery.id) {
                changes.add(record, before, &mut resolver);
            }
        }
        changes
    }

    fn add(
        &mut self,
        record: &'a Record,
        before: &BTreeMap<i32, Outcome>,
        resolver: &mut Resolver,
    ) {
        let delivery = &record.delivery;
        let hour = hour_of(delivery.received_at);
        let mut outcomes = before.clone();
        for (item, number) in record.items.iter().zip(0..) {
            if before.get(&number).copied().is_some_and(is_decided) {
                continue;
            }
            match resolver.resolve(delivery, number, item) {
                Resolved::Stored(message) => {
                    count_message(&mut self.counts, hour, message.draft);
                    self.messages.push(message);
                    outcomes.insert(number, Outcome::Stored);
                }
                Resolved::Other(item) => {
                    outcomes.insert(number, item.outcome);
                    self.items.push(item);
                }
            }
        }
        let read = i32::try_from(record.items.len()).unwrap_or(i32::MAX);
        for (number, _) in before.range(read..) {
            outcomes.insert(*number, Outcome::Ignored);
            self.items.push(NewItem {
                delivery_id: delivery.id,
                received_at: delivery.received_at,
                item: *number,
                outcome: Outcome::Ignored,
                reason: Some(&SUPERSEDED),
                contact: None,
            });
        }
        let mut reprocessed = ReprocessedDelivery::default();
        for (number, outcome) in &outcomes {
            let was = before.get(number);
            reprocessed.before += u32::from(was == Some(&Outcome::Quarantined));
            reprocessed.after += u32::from(*outcome == Outcome::Quarantined);
            if was == Some(outcome) {
                continue;
            }
            self.counts.add(hour, Count::Item(*outcome), 1);
            if was.is_some() {
                self.counts.add(hour, Count::Released(*outcome), 1);
            }
            match outcome {
                Outcome::Stored => reprocessed.stored += 1,
                Outcome::Duplicate => reprocessed.duplicates += 1,
                Outcome::Ignored => reprocessed.ignored += 1,
                Outcome::Quarantined | Outcome::Spooled => {}
            }
        }
        let receipt = Receipt::of_items(delivery.id, outcomes.into_values());
        self.deliveries.push((receipt, record.shape));
        self.reprocessed.push(reprocessed);
    }
}
