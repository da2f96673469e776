//! What becomes of each item: the behaviour that both backends share.
//!
//! A [`Plan`] lists the messages that a batch would like to insert. The backend asks it which windows to look up,
//! inserts the candidates, and tells it which of them were new; [`Plan::settle`] then says what else to write and what
//! to answer. Nothing in here touches a database.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::Committed;
use super::known::Known;
use super::query::{CounterName, hour_of};
use crate::delivery::{Delivery, Item, Outcome, Reason, Receipt, Record};
use crate::message::{Contact, Draft, Identity};

/// A message that a batch would like to insert.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) id: Uuid,
    pub(super) dedupe_key: Uuid,
    pub(super) window_key: Option<Uuid>,
    pub(super) delivery: &'a Delivery,
    pub(super) item: i32,
    pub(super) draft: &'a Draft,
}

impl Candidate<'_> {
    /// The attachments as they are kept: a JSON list, or nothing.
    pub(super) fn attachments_json(&self) -> Option<String> {
        let attachments = &self.draft.attachments;
        (!attachments.is_empty()).then(|| serde_json::json!(attachments).to_string())
    }
}

/// A batch on its way into the database.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) records: Vec<&'a Record>,
    pub(super) candidates: Vec<Candidate<'a>>,
}

/// One row of `items`.
#[derive(Debug)]
pub(super) struct ItemRow<'a> {
    pub(super) delivery_id: Uuid,
    pub(super) item: i32,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<&'a Reason>,
    /// Channel and id of the person it was about.
    pub(super) contact: Option<(&'a str, &'a str)>,
}

/// What to write beside the messages, and what to answer.
#[derive(Debug)]
pub(super) struct Settled<'a> {
    pub(super) committed: Vec<(&'a Record, Committed)>,
    pub(super) items: Vec<ItemRow<'a>>,
    pub(super) counters: Counters<'a>,
    pub(super) hours: Hours,
}

impl<'a> Settled<'a> {
    /// Counts those of the contacts that are new.
    pub(super) fn count_contacts(
        &mut self,
        contacts: &'a [(Contact, Timestamp)],
        is_new: impl Fn(&Contact) -> bool,
    ) {
        for (contact, since) in contacts {
            if is_new(contact) {
                let channel = contact.channel.as_str();
                self.counters
                    .add(hour_of(*since), CounterName::Contact, channel);
            }
        }
    }

    /// What to answer, in the order of the records.
    pub(super) fn into_committed(self) -> Vec<Committed> {
        self.committed
            .into_iter()
            .map(|(_, committed)| committed)
            .collect()
    }
}

/// What is known of the new messages of an hour of arrival.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// The lowest of their positions.
    pub(super) first: i64,
    /// The highest of their positions.
    pub(super) last: i64,
    /// When the newest of them arrived.
    pub(super) newest: Timestamp,
}

/// The new messages by hour of arrival.
#[derive(Debug, Default)]
pub(super) struct Hours(pub(super) BTreeMap<i64, Span>);

impl Hours {
    pub(super) fn add(&mut self, arrival: Timestamp, position: i64) {
        let span = self.0.entry(hour_of(arrival)).or_insert(Span {
            first: position,
            last: position,
            newest: arrival,
        });
        span.first = position.min(span.first);
        span.last = position.max(span.last);
        span.newest = arrival.max(span.newest);
    }
}

/// Increments by hour (0: all time), name and label.
#[derive(Debug, Default)]
pub(super) struct Counters<'a>(pub(super) BTreeMap<(i64, CounterName, &'a str), i64>);

impl<'a> Counters<'a> {
    pub(super) fn add(&mut self, hour: i64, name: CounterName, label: &'a str) {
        self.add_many(hour, name, label, 1);
    }

    pub(super) fn add_many(&mut self, hour: i64, name: CounterName, label: &'a str, count: i64) {
        if count == 0 {
            return;
        }
        *self.0.entry((hour, name, label)).or_default() += count;
        *self.0.entry((0, name, label)).or_default() += count;
    }
}

impl<'a> Plan<'a> {
    /// Lists what `records` would like to insert. With a window of zero nothing is compared by arrival.
    pub(super) fn new(records: impl IntoIterator<Item = &'a Record>, window: Duration) -> Self {
        let records: Vec<_> = records.into_iter().collect();
        let mut candidates = Vec::with_capacity(records.len());
        for record in &records {
            for (item, number) in record.items.iter().zip(0..) {
                let Item::Message(draft) = item else { continue };
                let id = Uuid::now_v7();
                let (dedupe_key, window_key) = match draft.identity {
                    Identity::Key(key) => (key, None),
                    Identity::Window(_) if window.is_zero() => (id, None),
                    Identity::Window(key) => (id, Some(key)),
                };
                candidates.push(Candidate {
                    id,
                    dedupe_key,
                    window_key,
                    delivery: &record.delivery,
                    item: number,
                    draft,
                });
            }
        }
        Self {
            records,
            candidates,
        }
    }

    /// The windows to look up before inserting, and the stretch of arrivals that matters. `None`: no look-up needed.
    pub(super) fn windows(&self, window: Duration) -> Option<(Vec<Uuid>, Timestamp, Timestamp)> {
        let windowed = || {
            self.candidates
                .iter()
                .filter(|candidate| candidate.window_key.is_some())
        };
        let arrivals = || windowed().map(|candidate| candidate.delivery.received_at);
        let (first, last) = (arrivals().min()?, arrivals().max()?);
        let keys: HashSet<_> = windowed()
            .filter_map(|candidate| candidate.window_key)
            .collect();
        let from = first.checked_sub(window).unwrap_or(Timestamp::MIN);
        let until = last.checked_add(window).unwrap_or(Timestamp::MAX);
        Some((keys.into_iter().collect(), from, until))
    }

    /// Drops the candidates whose delivery arrived within the window of an equal message that is `stored`, or of an
    /// earlier one of this batch. The distance is exclusive: at exactly the window's length it is a new message.
    pub(super) fn collapse(
        &mut self,
        stored: impl IntoIterator<Item = (Uuid, Timestamp)>,
        window: Duration,
    ) {
        let mut arrivals: HashMap<Uuid, Vec<Timestamp>> = HashMap::new();
        for (key, arrival) in stored {
            arrivals.entry(key).or_default().push(arrival);
        }
        self.candidates.retain(|candidate| {
            let Some(key) = candidate.window_key else {
                return true;
            };
            let arrival = candidate.delivery.received_at;
            let kept = arrivals.entry(key).or_default();
            let near = |other: &Timestamp| arrival.duration_since(*other).unsigned_abs() < window;
            if kept.iter().any(near) {
                return false;
            }
            kept.push(arrival);
            true
        });
    }

    /// The contacts that are not surely in the database yet, each once, in the order of first sight, with the newest names
    /// and every alias.
    pub(super) fn contacts(&self, known: &Known) -> Vec<(Contact, Timestamp)> {
        let mut contacts: Vec<(Contact, Timestamp)> = Vec::new();
        let mut places: HashMap<(String, String), usize> = HashMap::new();
        for record in &self.records {
            for item in &record.items {
                let contact = match item {
                    Item::Message(draft) if !known.contains(&**draft) => draft.contact(),
                    Item::Ignored {
                        contact: Some(contact),
                        ..
                    } if !known.contains(&**contact) => (**contact).clone(),
                    _ => continue,
                };
                match places.entry((contact.channel.as_str().to_owned(), contact.id.clone())) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(contacts.len());
                        contacts.push((contact, record.delivery.received_at));
                    }
                    Entry::Occupied(place) => contacts[*place.get()].0.merge(contact),
                }
            }
        }
        contacts
    }

    /// What becomes of every item, given the positions of those candidates that are new, by their number.
    pub(super) fn settle(&self, position: impl Fn(usize) -> Option<i64>) -> Settled<'a> {
        let mut settled = Settled {
            committed: Vec::with_capacity(self.records.len()),
            items: Vec::new(),
            counters: Counters::default(),
            hours: Hours::default(),
        };
        // The candidates stand in the order of the records and their items.
        let candidates = self.candidates.iter().enumerate();
        let new = candidates.filter_map(|(number, one)| Some((position(number)?, one)));
        for (position, candidate) in new.clone() {
            settled.hours.add(candidate.delivery.received_at, position);
        }
        let mut new = new.peekable();
        for &record in &self.records {
            let take = |item| {
                let (_, candidate) = new.next_if(|(_, candidate)| {
                    candidate.item == item && candidate.delivery.id == record.delivery.id
                })?;
                Some(candidate.id)
            };
            settle_record(record, take, &mut settled);
        }
        settled
    }
}

/// Settles the items of a record; `new` answers the id under which an item is a new message.
fn settle_record<'a>(
    record: &'a Record,
    mut new: impl FnMut(i32) -> Option<Uuid>,
    settled: &mut Settled<'a>,
) {
    let delivery_id = record.delivery.id;
    let hour = hour_of(record.delivery.received_at);
    let mut outcomes = Vec::with_capacity(record.items.len());
    let mut messages = Vec::new();
    for ((index, item), number) in record.items.iter().enumerate().zip(0..) {
        let (outcome, reason, contact) = match item {
            Item::Message(draft) => match new(number) {
                Some(id) => {
                    messages.push((id, index));
                    settled
                        .counters
                        .add(hour, CounterName::Kind, draft.kind.as_str());
                    settled
                        .counters
                        .add(hour, CounterName::Direction, draft.direction.as_str());
                    (Outcome::Stored, None, None)
                }
                None => (
                    Outcome::Duplicate,
                    None,
                    Some((draft.channel.as_str(), draft.contact_id.as_str())),
                ),
            },
            Item::Ignored { reason, contact } => {
                (Outcome::Ignored, Some(reason), named(contact.as_deref()))
            }
            Item::Quarantined { reason, contact } => (
                Outcome::Quarantined,
                Some(reason),
                named(contact.as_deref()),
            ),
            Item::Duplicate { contact } => (Outcome::Duplicate, None, named(contact.as_deref())),
        };
        if outcome != Outcome::Stored {
            settled.items.push(ItemRow {
                delivery_id,
                item: number,
                outcome,
                reason,
                contact,
            });
        }
        settled
            .counters
            .add(hour, CounterName::Item, outcome.as_str());
        outcomes.push(outcome);
    }
    let receipt = Receipt::of_items(delivery_id, outcomes);
    settled
        .counters
        .add(hour, CounterName::Delivery, receipt.outcome.as_str());
    settled
        .counters
        .add(hour, CounterName::Shape, record.shape.as_str());
    settled
        .committed
        .push((record, Committed { receipt, messages }));
}

/// Channel and id of a contact.
pub(super) fn named(contact: Option<&Contact>) -> Option<(&str, &str)> {
    contact.map(|contact| (contact.channel.as_str(), contact.id.as_str()))
}
