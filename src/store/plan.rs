//! What becomes of each item of a batch: decided here, for both databases and for reprocessing alike.
//!
//! A plan is made from the records and from what is known to be [`Existing`]. It lists every row to insert and every
//! receipt. At first nothing is taken to exist. If the database finds that something does, it writes nothing; the
//! writer looks up what it is and plans again. Nothing in here touches a database.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::Committed;
use super::counts::{Count, CountChanges, hour_of};
use super::suppression::{self, Suppression};
use super::values::{Time, json_list};
use crate::delivery::{Delivery, Item, Outcome, Reason, Receipt, Record};
use crate::message::{Contact, Draft, Identity};
use crate::time::new_id;

/// What the database has of a batch.
#[derive(Debug, Default)]
pub(super) struct Existing {
    /// Deliveries that are committed already: this batch is tried again.
    pub(super) receipts: HashMap<Uuid, Receipt>,
    /// Dedupe keys of messages.
    pub(super) keys: HashSet<Uuid>,
    /// Window keys of messages, with the arrival of each.
    pub(super) windows: HashMap<Uuid, Vec<Timestamp>>,
    /// What was erased or deleted.
    pub(super) suppression: Suppression,
}

/// Something that exists.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct FoundRow {
    found: String,
    key: Uuid,
    window_key: Option<Uuid>,
    at: Time,
    erased: bool,
}

impl Existing {
    /// Adds what a look-up found: the `key` of a message, one in its `window` with its arrival, a person's `erasure`
    /// with its time, or else a tombstone.
    pub(super) fn extend(&mut self, rows: Vec<FoundRow>) {
        for row in rows {
            self.add(&row);
        }
    }

    fn add(&mut self, row: &FoundRow) {
        match row.found.as_str() {
            "key" => {
                self.keys.insert(row.key);
            }
            "window" => self.windows.entry(row.key).or_default().push(row.at.0),
            "erasure" => self.suppression.add_erasure(row.key, row.at.0),
            _ => {
                let suppression = &mut self.suppression;
                suppression.add_tombstone(row.key, row.window_key, row.at.0, row.erased);
            }
        }
    }

    pub(super) fn add_receipt(&mut self, receipt: Receipt) {
        self.receipts.insert(receipt.delivery_id, receipt);
    }
}

/// A row of `messages`.
#[derive(Debug)]
pub(super) struct NewMessage<'a> {
    pub(super) id: Uuid,
    pub(super) dedupe_key: Uuid,
    pub(super) window_key: Option<Uuid>,
    pub(super) delivery: &'a Delivery,
    pub(super) item: i32,
    pub(super) draft: &'a Draft,
}

impl NewMessage<'_> {
    pub(super) fn attachments(&self) -> Option<String> {
        json_list(&self.draft.attachments)
    }

    pub(super) fn aliases(&self) -> Option<String> {
        json_list(&self.draft.aliases)
    }
}

/// A row of `items`.
#[derive(Debug)]
pub(super) struct NewItem<'a> {
    pub(super) delivery_id: Uuid,
    pub(super) received_at: Timestamp,
    pub(super) item: i32,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<&'a Reason>,
    pub(super) contact: Option<ContactColumns<'a>>,
}

/// What a row says about a person.
#[derive(Debug)]
pub(super) struct ContactColumns<'a> {
    pub(super) channel: &'a str,
    pub(super) id: &'a str,
    pub(super) username: Option<&'a str>,
    pub(super) display_name: Option<&'a str>,
    pub(super) aliases: Option<String>,
}

impl<'a> From<&'a Contact> for ContactColumns<'a> {
    fn from(contact: &'a Contact) -> Self {
        Self {
            channel: contact.channel.as_str(),
            id: &contact.id,
            username: contact.username.as_deref(),
            display_name: contact.display_name.as_deref(),
            aliases: json_list(&contact.aliases),
        }
    }
}

impl<'a> From<&'a Draft> for ContactColumns<'a> {
    fn from(draft: &'a Draft) -> Self {
        Self {
            channel: draft.channel.as_str(),
            id: &draft.contact_id,
            username: draft.username.as_deref(),
            display_name: draft.display_name.as_deref(),
            aliases: json_list(&draft.aliases),
        }
    }
}

/// What becomes of one item.
pub(super) enum Resolved<'a> {
    Stored(NewMessage<'a>),
    Other(NewItem<'a>),
}

/// Decides one item after the other which messages are new. Equal messages of one batch are one, too.
pub(super) struct Resolver {
    keys: HashSet<Uuid>,
    windows: HashMap<Uuid, Vec<Timestamp>>,
    window: Duration,
}

impl Resolver {
    /// With a window of zero nothing is compared by arrival.
    pub(super) fn new(existing: &Existing, window: Duration) -> Self {
        Self {
            keys: existing.keys.clone(),
            windows: existing.windows.clone(),
            window,
        }
    }

    /// Decides an item of a delivery, by its number.
    pub(super) fn resolve<'a>(
        &mut self,
        delivery: &'a Delivery,
        number: i32,
        item: &'a Item,
    ) -> Resolved<'a> {
        let (outcome, reason, contact) = match item {
            Item::Message(draft) => match self.new_keys(draft, delivery.received_at) {
                Some((id, dedupe_key, window_key)) => {
                    return Resolved::Stored(NewMessage {
                        id,
                        dedupe_key,
                        window_key,
                        delivery,
                        item: number,
                        draft,
                    });
                }
                None => (
                    Outcome::Duplicate,
                    None,
                    Some(ContactColumns::from(&**draft)),
                ),
            },
            Item::Duplicate { contact } => (Outcome::Duplicate, None, columns(contact.as_deref())),
            Item::Ignored { reason, contact } => {
                (Outcome::Ignored, Some(reason), columns(contact.as_deref()))
            }
            Item::Quarantined { reason, contact } => {
                let contact = columns(contact.as_deref());
                (Outcome::Quarantined, Some(reason), contact)
            }
        };
        Resolved::Other(NewItem {
            delivery_id: delivery.id,
            received_at: delivery.received_at,
            item: number,
            outcome,
            reason,
            contact,
        })
    }

    /// The id, dedupe key and window key of a message; `None` if it exists. The distance between arrivals is exclusive:
    /// at exactly the window's length it is a new message.
    fn new_keys(
        &mut self,
        draft: &Draft,
        arrival: Timestamp,
    ) -> Option<(Uuid, Uuid, Option<Uuid>)> {
        let id = new_id();
        match draft.identity {
            Identity::Key(key) => self.keys.insert(key).then_some((id, key, None)),
            Identity::Window(_) if self.window.is_zero() => Some((id, id, None)),
            Identity::Window(key) => {
                let arrivals = self.windows.entry(key).or_default();
                let is_near =
                    |other: &Timestamp| arrival.duration_since(*other).unsigned_abs() < self.window;
                if arrivals.iter().any(is_near) {
                    return None;
                }
                arrivals.push(arrival);
                Some((id, id, Some(key)))
            }
        }
    }
}

fn columns(contact: Option<&Contact>) -> Option<ContactColumns<'_>> {
    contact.map(ContactColumns::from)
}

/// Between which positions new messages of an hour are.
#[derive(Debug, Clone, Copy)]
pub(super) struct HourRange {
    pub(super) first: i64,
    pub(super) last: i64,
}

/// The hours of new messages.
#[derive(Debug, Default)]
pub(super) struct HourRanges(pub(super) BTreeMap<i64, HourRange>);

impl HourRanges {
    /// Adds a message, in the order of positions.
    pub(super) fn add(&mut self, arrival: Timestamp, position: i64) {
        let first = HourRange {
            first: position,
            last: position,
        };
        self.0.entry(hour_of(arrival)).or_insert(first).last = position;
    }
}

/// Every row of a batch. Positions count from 1: first the messages, then the deliveries, then the items.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    pub(super) messages: Vec<NewMessage<'a>>,
    pub(super) deliveries: Vec<(&'a Record, Receipt)>,
    pub(super) items: Vec<NewItem<'a>>,
    pub(super) counts: CountChanges,
    pub(super) hours: HourRanges,
    /// What to answer for each record, in the order of the records.
    pub(super) committed: Vec<Committed>,
}

impl<'a> Plan<'a> {
    /// Plans a batch. The records are those that the suppression list has left over.
    pub(super) fn new(records: &'a [Record], existing: &Existing, window: Duration) -> Self {
        let mut plan = Self::default();
        let mut resolver = Resolver::new(existing, window);
        for record in records {
            let committed = match existing.receipts.get(&record.delivery.id) {
                Some(receipt) => Committed {
                    receipt: receipt.clone(),
                    messages: Vec::new(),
                },
                None => plan.add(record, &mut resolver),
            };
            plan.committed.push(committed);
        }
        plan
    }

    fn add(&mut self, record: &'a Record, resolver: &mut Resolver) -> Committed {
        let hour = hour_of(record.delivery.received_at);
        let mut outcomes = Vec::with_capacity(record.items.len());
        let mut messages = Vec::new();
        for ((index, item), number) in record.items.iter().enumerate().zip(0..) {
            let outcome = match resolver.resolve(&record.delivery, number, item) {
                Resolved::Stored(message) => {
                    messages.push((message.id, index));
                    count_message(&mut self.counts, hour, message.draft);
                    self.messages.push(message);
                    let position = i64::try_from(self.messages.len()).unwrap_or(i64::MAX);
                    self.hours.add(record.delivery.received_at, position);
                    Outcome::Stored
                }
                Resolved::Other(item) => {
                    let outcome = item.outcome;
                    self.items.push(item);
                    outcome
                }
            };
            self.counts.add(hour, Count::Item(outcome), 1);
            outcomes.push(outcome);
        }
        let receipt = Receipt::of_items(record.delivery.id, outcomes);
        self.counts.add(hour, Count::Delivery(receipt.outcome), 1);
        self.counts.add(hour, Count::Shape(record.shape), 1);
        self.deliveries.push((record, receipt.clone()));
        Committed { receipt, messages }
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    /// How many positions the rows take.
    pub(super) fn positions(&self) -> i64 {
        let rows = self.messages.len() + self.deliveries.len() + self.items.len();
        i64::try_from(rows).unwrap_or(i64::MAX)
    }

    /// When the last of the messages arrived.
    pub(super) fn last_message_at(&self) -> Option<Timestamp> {
        let messages = self.messages.iter();
        messages.map(|message| message.delivery.received_at).max()
    }

    /// When the last of the deliveries arrived.
    pub(super) fn last_delivery_at(&self) -> Option<Timestamp> {
        let deliveries = self.deliveries.iter();
        deliveries
            .map(|(record, _)| record.delivery.received_at)
            .max()
    }

    /// The messages with their positions.
    pub(super) fn numbered_messages(&self) -> impl Iterator<Item = (i64, &NewMessage<'a>)> {
        (1..).zip(&self.messages)
    }

    /// The deliveries with their positions.
    pub(super) fn numbered_deliveries(
        &self,
    ) -> impl Iterator<Item = (i64, &(&'a Record, Receipt))> {
        (1..).skip(self.messages.len()).zip(&self.deliveries)
    }

    /// The items with their positions.
    pub(super) fn numbered_items(&self) -> impl Iterator<Item = (i64, &NewItem<'a>)> {
        let before = self.messages.len() + self.deliveries.len();
        (1..).skip(before).zip(&self.items)
    }
}

/// Counts a message that is stored.
pub(super) fn count_message(counts: &mut CountChanges, hour: i64, draft: &Draft) {
    counts.add(hour, Count::Direction(draft.direction), 1);
    counts.add(hour, Count::Kind(draft.kind), 1);
}

/// What has to be looked up about a batch.
#[derive(Debug, Default)]
pub(super) struct LookUp {
    pub(super) deliveries: Vec<Uuid>,
    pub(super) keys: Vec<Uuid>,
    /// Window keys, and from when to when a message with that key must not have arrived.
    pub(super) windows: Vec<(Uuid, Timestamp, Timestamp)>,
    /// Hashes of the ids that the batch names.
    pub(super) people: Vec<Uuid>,
}

impl LookUp {
    /// `is_suppressing`: whether the suppression list has entries. Hashes are made only then.
    pub(super) fn new(records: &[Record], window: Duration, is_suppressing: bool) -> Self {
        let mut look_up = Self::default();
        for record in records {
            look_up.deliveries.push(record.delivery.id);
            for item in &record.items {
                let Item::Message(draft) = item else { continue };
                match draft.identity {
                    Identity::Key(key) => look_up.keys.push(key),
                    Identity::Window(_) if window.is_zero() => {}
                    Identity::Window(key) => {
                        let arrival = record.delivery.received_at;
                        let from = arrival.checked_sub(window).unwrap_or(Timestamp::MIN);
                        let until = arrival.checked_add(window).unwrap_or(Timestamp::MAX);
                        look_up.windows.push((key, from, until));
                    }
                }
            }
        }
        if is_suppressing {
            let people = suppression::people(records);
            look_up.people = people.map(|(person, _)| person).collect();
        }
        look_up
    }
}
