//! Reading quarantine again: the behaviour that both backends share.
//!
//! `(delivery, position of the item)` is the key. What is not in quarantine any more is left alone; what is, and what
//! was not seen before (a body that was one riddle may turn out to hold ten messages), becomes what today's reading says,
//! as it would in a commit: by the same dedupe keys, and within the same distance to the delivery's own arrival.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use uuid::Uuid;

use super::query::{CounterName, hour_of};
use super::settle::{Counters, Hours, ItemRow, Plan, named};
use super::upkeep::Reread;
use crate::delivery::{Item, Outcome, Reason, ReasonCode, Receipt, Record};
use crate::message::Shape;

/// What became of each item of a delivery so far.
pub(super) type Standing = HashMap<Uuid, BTreeMap<i32, Outcome>>;

static SUPERSEDED: LazyLock<Reason> = LazyLock::new(|| {
    Reason::new(
        ReasonCode::Superseded,
        "a newer reading of the body finds this in its other items",
    )
});

/// The records of which something may change, with only those items in them that may.
///
/// A delivery of which a part is decided already is left alone if today's reading has another number of items: then
/// nobody can tell which of them are the decided ones.
pub(super) fn open_items(records: &[Record], standing: &Standing) -> Vec<Record> {
    let open = |record: &Record| {
        let before = standing.get(&record.delivery.id)?;
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
    pub(super) reread: Vec<Reread>,
    /// What is not stored: as an item, in the place of the one that may be there.
    pub(super) items: Vec<ItemRow<'a>>,
    /// What is stored now, and no longer an item.
    pub(super) stored: Vec<(Uuid, i32)>,
    /// What stands in the row of each delivery.
    pub(super) deliveries: Vec<(Receipt, Shape)>,
    pub(super) counters: Counters<'a>,
    pub(super) hours: Hours,
}

/// What becomes of the open items, given the ids and positions of those messages that were new.
pub(super) fn settle<'a>(
    open: &'a [Record],
    standing: &Standing,
    plan: &Plan<'_>,
    inserted: &HashMap<Uuid, i64>,
) -> Changes<'a> {
    let mut changes = Changes::default();
    let mut fresh = HashSet::new();
    for candidate in &plan.candidates {
        if let Some(position) = inserted.get(&candidate.id) {
            fresh.insert((candidate.delivery.id, candidate.item));
            changes.hours.add(candidate.delivery.received_at, *position);
        }
    }
    for record in open {
        if let Some(before) = standing.get(&record.delivery.id) {
            let is_new = |number| fresh.contains(&(record.delivery.id, number));
            settle_record(record, before, is_new, &mut changes);
        }
    }
    changes
}

fn settle_record<'a>(
    record: &'a Record,
    before: &BTreeMap<i32, Outcome>,
    is_new: impl Fn(i32) -> bool,
    changes: &mut Changes<'a>,
) {
    let delivery_id = record.delivery.id;
    let hour = hour_of(record.delivery.received_at);
    let counters = &mut changes.counters;
    let mut outcomes = before.clone();
    let mut row = |item, outcome, reason, contact| {
        changes.items.push(ItemRow {
            delivery_id,
            item,
            outcome,
            reason,
            contact,
        });
    };
    for (item, number) in record.items.iter().zip(0..) {
        if before.get(&number).copied().is_some_and(is_decided) {
            continue;
        }
        let (outcome, reason, contact) = match item {
            Item::Message(draft) if is_new(number) => {
                counters.add(hour, CounterName::Kind, draft.kind.as_str());
                counters.add(hour, CounterName::Direction, draft.direction.as_str());
                changes.stored.push((delivery_id, number));
                outcomes.insert(number, Outcome::Stored);
                continue;
            }
            Item::Message(draft) => {
                let contact = (draft.channel.as_str(), draft.contact_id.as_str());
                (Outcome::Duplicate, None, Some(contact))
            }
            Item::Duplicate { contact } => (Outcome::Duplicate, None, named(contact.as_deref())),
            Item::Ignored { reason, contact } => {
                (Outcome::Ignored, Some(reason), named(contact.as_deref()))
            }
            Item::Quarantined { reason, contact } => (
                Outcome::Quarantined,
                Some(reason),
                named(contact.as_deref()),
            ),
        };
        row(number, outcome, reason, contact);
        outcomes.insert(number, outcome);
    }
    let read = i32::try_from(record.items.len()).unwrap_or(i32::MAX);
    for (number, _) in before.range(read..) {
        row(*number, Outcome::Ignored, Some(&SUPERSEDED), None);
        outcomes.insert(*number, Outcome::Ignored);
    }
    let mut reread = Reread::default();
    for (number, outcome) in &outcomes {
        let was = before.get(number);
        reread.before += u32::from(was == Some(&Outcome::Quarantined));
        reread.after += u32::from(*outcome == Outcome::Quarantined);
        if was == Some(outcome) {
            continue;
        }
        counters.add(hour, CounterName::Item, outcome.as_str());
        if was.is_some() {
            counters.add(hour, CounterName::Released, outcome.as_str());
        }
        match outcome {
            Outcome::Stored => reread.stored += 1,
            Outcome::Duplicate => reread.duplicates += 1,
            Outcome::Ignored => reread.ignored += 1,
            Outcome::Quarantined | Outcome::Spooled => {}
        }
    }
    let receipt = Receipt::of_items(delivery_id, outcomes.into_values());
    changes.deliveries.push((receipt, record.shape));
    changes.reread.push(reread);
}
