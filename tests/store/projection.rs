//! Contacts are a projection: whatever happened to the ledger, in whatever order, a rebuild finds the same as was kept.

mod database;
mod steps;

use std::collections::HashMap;

use chatrace_webhook::delivery::{Item, Receipt, Record};
use chatrace_webhook::store::{Attempt, Erasure, Mode, NotErased, PersonId, Store};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

use crate::support::Backend;
use crate::support::records::record;

use database::Database;
use steps::{Arrival, Step, item, steps};

/// A ledger, and what a test remembers of it.
struct Run {
    database: Database,
    store: std::sync::Arc<dyn Store>,
    clock: Timestamp,
    /// How each delivery was read first.
    items: HashMap<Uuid, Vec<Item>>,
    /// The last batch, and its receipts as long as nothing changed them.
    last: Vec<Record>,
    receipts: Option<Vec<Receipt>>,
    erasure: Option<Erasure>,
    /// What the hours counted that retention has deleted.
    swept: Vec<i64>,
    has_expired: bool,
    contacts_ever: Vec<i64>,
}

impl Run {
    async fn new(backend: Backend) -> Self {
        let (database, store) = Database::new(backend).await;
        Self {
            database,
            store,
            // Near the real time: a commit asks that whether anything was erased lately.
            clock: minutes(Timestamp::now(), -12 * 60),
            items: HashMap::new(),
            last: Vec::new(),
            receipts: None,
            erasure: None,
            swept: Vec::new(),
            has_expired: false,
            contacts_ever: Vec::new(),
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Commit(arrivals) => {
                self.last = self.records(arrivals);
                self.commit(Attempt::First).await;
            }
            Step::Retry(arrivals) => {
                let answered = self.receipts.take();
                let new = self.records(arrivals);
                self.last.extend(new);
                self.commit(Attempt::Spooled).await;
                if let (Some(before), Some(after)) = (answered, &self.receipts) {
                    assert_eq!(before, after[..before.len()]);
                }
            }
            Step::RollUp => {
                self.store.roll_up().await.unwrap();
            }
            Step::Reprocess(readings) => self.reprocess(&readings).await,
            Step::BeginErasure(channel, id) => {
                self.finish_erasure().await;
                let person = PersonId { channel, id };
                let begin = async |confirmed| {
                    let begun = self.store.begin_erasure(&person, confirmed);
                    begun.await.unwrap()
                };
                let erasure = match begin(None).await {
                    Err(NotErased::Unconfirmed(contacts)) => begin(Some(contacts.len())).await,
                    erasure => erasure,
                };
                self.erasure = erasure.ok();
                self.database.ledger.date_erasures(self.clock).await;
            }
            Step::Erase => {
                self.erase().await;
            }
            Step::Expire(age) => self.expire(age).await,
            Step::Rebuild => self.rebuild().await,
        }
        let ever = self.database.contacts_ever().await;
        let before = std::mem::replace(&mut self.contacts_ever, ever);
        let after = &self.contacts_ever;
        assert!(
            before.len() <= after.len() && before.iter().zip(after).all(|(a, b)| a <= b),
            "the number of contacts that ever were went from {before:?} to {after:?}"
        );
    }

    fn records(&mut self, arrivals: Vec<Arrival>) -> Vec<Record> {
        self.clock = seconds(self.clock, 7);
        let records = arrivals.into_iter().map(|arrival| {
            let mut record = record(seconds(self.clock, -arrival.late), []);
            record.items = arrival.items.iter().map(item).collect();
            record
        });
        let records: Vec<_> = records.collect();
        for record in &records {
            self.items.insert(record.delivery.id, record.items.clone());
        }
        records
    }

    async fn commit(&mut self, attempt: Attempt) {
        let committed = self.store.commit(&self.last, attempt).await.unwrap();
        self.receipts = Some(committed.into_iter().map(|one| one.receipt).collect());
    }

    /// Reads the quarantined items of each delivery anew.
    async fn reprocess(&mut self, readings: &[steps::ItemPlan]) {
        self.receipts = None;
        let mut readings = readings.iter().cycle();
        let quarantined = self.store.quarantined(None, 0, 100).await.unwrap();
        let records = quarantined.into_iter().map(|one| {
            let mut items = self.items[&one.delivery.id].clone();
            for read in &mut items {
                if matches!(read, Item::Quarantined { .. }) {
                    *read = item(readings.next().unwrap());
                }
            }
            let mut record = record(one.delivery.received_at, []);
            record.delivery = one.delivery;
            record.items = items;
            record
        });
        let records: Vec<_> = records.collect();
        self.store.reprocess(&records, Mode::DryRun).await.unwrap();
        self.store.reprocess(&records, Mode::Real).await.unwrap();
    }

    /// One step of the erasure that has begun, if there is one. Answers whether more is to come.
    async fn erase(&mut self) -> bool {
        self.receipts = None;
        let Some(erasure) = &self.erasure else {
            return false;
        };
        if self.store.erase(erasure).await.unwrap().done {
            self.erasure = None;
        }
        self.erasure.is_some()
    }

    async fn finish_erasure(&mut self) {
        while self.erase().await {}
    }

    /// Deletes what is older than so many minutes.
    async fn expire(&mut self, age: i64) {
        self.receipts = None;
        self.has_expired = true;
        // Nearer to each other, one run takes the other for another replica's.
        self.clock = minutes(self.clock, 6);
        let until = minutes(self.clock, -age);
        let mut after = 0;
        loop {
            let part = self.store.expire(until, self.clock, after).await.unwrap();
            assert!(!part.busy);
            after = part.after;
            if part.done {
                break;
            }
        }
        let before = self.database.hours().await;
        while !self.store.sweep(Some(until), self.clock).await.unwrap() {}
        let after = self.database.hours().await;
        add(&mut self.swept, &before, 1);
        add(&mut self.swept, &after, -1);
    }

    async fn roll_up(&self) {
        while !self.store.roll_up().await.unwrap() {}
    }

    /// What was kept is what a rebuild finds.
    async fn rebuild(&mut self) {
        self.finish_erasure().await;
        self.roll_up().await;
        let kept = self.database.projection().await;
        let ever = self.database.contacts_ever().await;
        self.store.rebuild_projection().await.unwrap();
        assert_eq!(self.database.projection().await, kept, "the rebuilt one");
        assert_eq!(self.database.contacts_ever().await, ever);
    }

    async fn check(mut self) {
        self.rebuild().await;
        assert_eq!(self.database.miscounted_contacts().await, 0);
        assert_eq!(self.database.misplaced_contacts().await, 0);
        let total = self.database.total().await;
        let mut sum = self.swept.clone();
        add(&mut sum, &self.database.hours().await, 1);
        assert_eq!(trimmed(total), trimmed(sum), "all time, and the hours");
        let snapshot = self.store.snapshot(Timestamp::MIN).await.unwrap();
        let quarantined = self.database.quarantined().await;
        assert_eq!(snapshot.total.in_quarantine(), quarantined);
        if !self.has_expired {
            let kept = self.database.projection().await;
            let ever = self.database.contacts_ever().await;
            self.database.forget_projection().await;
            self.roll_up().await;
            assert_eq!(self.database.projection().await, kept, "one from nothing");
            assert_eq!(self.database.contacts_ever().await, ever);
        }
        self.store.close().await;
    }
}

fn minutes(time: Timestamp, minutes: i64) -> Timestamp {
    seconds(time, 60 * minutes)
}

/// In whole seconds: stores keep milliseconds.
fn seconds(time: Timestamp, seconds: i64) -> Timestamp {
    let time = Timestamp::from_second(time.as_second()).unwrap();
    time.checked_add(SignedDuration::from_secs(seconds))
        .unwrap()
}

fn add(sum: &mut Vec<i64>, counts: &[i64], sign: i64) {
    if sum.len() < counts.len() {
        sum.resize(counts.len(), 0);
    }
    for (sum, count) in sum.iter_mut().zip(counts) {
        *sum += sign * count;
    }
}

/// What is behind the end of a list of counts is 0.
fn trimmed(mut counts: Vec<i64>) -> Vec<i64> {
    while counts.last() == Some(&0) {
        counts.pop();
    }
    counts
}

fn check(backend: Backend, steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut run = Run::new(backend).await;
        for step in steps {
            run.step(step).await;
        }
        run.check().await;
    });
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn in_sqlite_a_rebuilt_projection_is_the_one_that_was_kept(steps in steps()) {
        check(Backend::Sqlite, steps);
    }
}

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn in_postgres_a_rebuilt_projection_is_the_one_that_was_kept(steps in steps()) {
        check(Backend::Postgres, steps);
    }
}
