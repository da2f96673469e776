//! Whatever a database does, and in whatever order: what was acknowledged is there once, in the order of arrival.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chatrace_webhook::delivery::{Delivery, Item, Outcome, Receipt, Record};
use chatrace_webhook::ingest::{Ingest, SubmitError};
use chatrace_webhook::sighting::Sighting;
use chatrace_webhook::store::{
    Alert, Attempt, Committed, ContactFilter, ContactSummary, DeliveryDetail, DeliveryFilter,
    DeliverySummary, Feed, MessageFilter, Newest, Page, Recent, Silence, Snapshot, Spool,
    SqliteStore, Store, StoreError, Stretch,
};
use futures_util::future::join_all;
use jiff::Timestamp;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::records::{at, delivery_at};
use crate::support::wait::eventually;

/// What the database does with one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CommitFault {
    /// What it should.
    None,
    /// Nothing, and says so.
    FailsBefore,
    /// What it should, but nobody learns of it.
    FailsAfter,
    /// Another transaction came between.
    Conflicts,
}

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// Deliveries arrive at once; whether the database refuses what is in them.
    Arrive(Vec<bool>),
    /// They arrive, and the process is killed this many turns later.
    Crash(Vec<bool>, usize),
}

/// An SQLite store with injected failures. It refuses records with the text `poison`.
#[derive(Debug)]
struct FaultyStore {
    store: SqliteStore,
    faults: Mutex<VecDeque<CommitFault>>,
    /// What was committed without anybody learning of it: that may happen before its turn in the spool comes.
    unanswered: Mutex<HashSet<Uuid>>,
    /// Whether it takes in the end what takes endlessly long.
    relents: AtomicBool,
}

#[async_trait]
impl Feed for FaultyStore {
    async fn head(&self) -> Result<i64, StoreError> {
        self.store.head().await
    }

    async fn span(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        self.store.span(since, until).await
    }

    async fn messages(&self, f: &MessageFilter, page: Page) -> Result<Stretch, StoreError> {
        self.store.messages(f, page).await
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn commit(
        &self,
        records: &[Record],
        attempt: Attempt,
    ) -> Result<Vec<Committed>, StoreError> {
        let fault = self.faults.lock().unwrap().pop_front();
        match fault.unwrap_or(CommitFault::None) {
            CommitFault::FailsBefore => return Err(StoreError::Unavailable("injected".to_owned())),
            CommitFault::Conflicts => return Err(StoreError::Conflict("injected".to_owned())),
            CommitFault::None | CommitFault::FailsAfter => {}
        }
        if records.iter().any(|record| says(record, "poison")) {
            return Err(StoreError::Refused("poison".to_owned()));
        }
        let relents = self.relents.load(Ordering::Relaxed);
        if !relents && records.iter().any(|record| says(record, "endless")) {
            return Err(StoreError::Unavailable("it took too long".to_owned()));
        }
        let committed = self.store.commit(records, attempt).await?;
        if fault == Some(CommitFault::FailsAfter) {
            let ids = records.iter().map(|record| record.delivery.id);
            self.unanswered.lock().unwrap().extend(ids);
            return Err(StoreError::Unavailable("the answer was lost".to_owned()));
        }
        Ok(committed)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.store.ready().await
    }

    async fn snapshot(&self, since: Timestamp) -> Result<Snapshot, StoreError> {
        self.store.snapshot(since).await
    }

    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        page: Page,
    ) -> Result<Vec<DeliverySummary>, StoreError> {
        self.store.deliveries(filter, page).await
    }

    async fn newest(&self, limit: u32) -> Result<Newest, StoreError> {
        self.store.newest(limit).await
    }

    async fn delivery(&self, id: Uuid) -> Result<Option<DeliveryDetail>, StoreError> {
        self.store.delivery(id).await
    }

    async fn remember(&self, seen: &[Sighting]) -> Result<(), StoreError> {
        self.store.remember(seen).await
    }

    async fn recent(&self) -> Result<Recent, StoreError> {
        self.store.recent().await
    }

    async fn last_message_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.store.last_message_at().await
    }

    async fn messages_by_hour(&self, since: Timestamp) -> Result<Vec<(i64, i64)>, StoreError> {
        self.store.messages_by_hour(since).await
    }

    async fn silence(&self) -> Result<Silence, StoreError> {
        self.store.silence().await
    }

    async fn change_silence(
        &self,
        known: Silence,
        since: Option<Timestamp>,
        alert: Option<&Alert>,
    ) -> Result<bool, StoreError> {
        self.store.change_silence(known, since, alert).await
    }

    async fn alert(&self) -> Result<Option<Alert>, StoreError> {
        self.store.alert().await
    }

    async fn claim_alert(&self, alert: &Alert, again_at: Timestamp) -> Result<bool, StoreError> {
        self.store.claim_alert(alert, again_at).await
    }

    async fn forget_alert(&self, id: Uuid) -> Result<(), StoreError> {
        self.store.forget_alert(id).await
    }

    async fn contacts(
        &self,
        filter: &ContactFilter,
        page: Page,
    ) -> Result<Vec<ContactSummary>, StoreError> {
        self.store.contacts(filter, page).await
    }

    async fn fold(&self) -> Result<i64, StoreError> {
        self.store.fold().await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}

fn says(record: &Record, text: &str) -> bool {
    let is_it =
        |item: &Item| matches!(item, Item::Message(draft) if draft.text.as_deref() == Some(text));
    record.items.iter().any(is_it)
}

/// One life of a process on the same directory and database.
struct Life {
    ingest: Ingest,
    spool: Arc<Spool>,
    workers: Vec<JoinHandle<()>>,
}

impl Life {
    async fn begin(store: &Arc<FaultyStore>, directory: &TempDir) -> Self {
        let spool = Arc::new(Spool::open(directory.path()).await.unwrap());
        let (ingest, writer, drain) = Ingest::new(store.clone(), Some(spool.clone()));
        let drain = drain.unwrap().run(CancellationToken::new());
        Self {
            ingest,
            spool,
            workers: vec![tokio::spawn(writer.run()), tokio::spawn(drain)],
        }
    }

    /// Ends in the middle of whatever it does.
    async fn end(self) {
        for worker in self.workers {
            worker.abort();
            // A panic would be the end of the service.
            assert!(worker.await.is_err_and(|error| error.is_cancelled()));
        }
        // The thread of the spool's file would outlive them, as it outlives no process: what it still commits would
        // come after the next life has counted what waits.
        self.spool.find(Uuid::nil()).await.unwrap();
    }

    async fn drained(&self) {
        self.waiting(0).await;
    }

    /// Waits until at most so many deliveries are in the spool.
    async fn waiting(&self, most: u64) {
        let ask = async || self.spool.depth().deliveries;
        eventually("the spool is drained", ask, |waiting| *waiting <= most).await;
    }
}

/// What was handed in: its id, whether it is poison, and what was answered.
type Submitted = (Uuid, bool, Option<Receipt>);

fn delivery(is_poison: bool) -> Delivery {
    let id = Uuid::now_v7();
    if is_poison {
        saying(id, "poison")
    } else {
        saying(id, &id.to_string())
    }
}

fn saying(id: Uuid, text: &str) -> Delivery {
    let body = serde_json::json!({ "contact_id": "1", "text": text });
    Delivery {
        id,
        ..delivery_at(at(0), body.to_string())
    }
}

/// Hands in some at once; the order of the list is the order of arrival.
async fn submit(ingest: &Ingest, poison: &[bool]) -> Vec<Submitted> {
    let submits = poison.iter().map(|is_poison| {
        let delivery = delivery(*is_poison);
        let id = delivery.id;
        let length = delivery.body.len();
        async move {
            let receipt = match ingest.submit(delivery, length).await {
                Ok(accepted) => Some(accepted.receipt),
                Err(SubmitError::Unavailable(_) | SubmitError::Stopping) => None,
                Err(SubmitError::Busy) => panic!("there is room"),
            };
            (id, *is_poison, receipt)
        }
    });
    join_all(submits).await
}

async fn check(steps: Vec<Step>, faults: Vec<CommitFault>) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ledger.db");
    let store = Arc::new(FaultyStore {
        store: SqliteStore::open(&file, Duration::ZERO, true)
            .await
            .unwrap(),
        faults: Mutex::new(faults.into()),
        unanswered: Mutex::default(),
        relents: AtomicBool::new(false),
    });
    let mut submitted: Vec<Submitted> = Vec::new();
    let mut life = Life::begin(&store, &directory).await;
    for step in steps {
        match step {
            Step::Arrive(poison) => {
                let answered = submit(&life.ingest, &poison).await;
                assert!(
                    answered.iter().all(|(_, _, receipt)| receipt.is_some()),
                    "the spool takes everything: {answered:?}"
                );
                submitted.extend(answered);
            }
            Step::Crash(poison, turns) => {
                let ingest = life.ingest.clone();
                let submitting = tokio::spawn(async move { submit(&ingest, &poison).await });
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                life.end().await;
                submitted.extend(submitting.await.unwrap());
                life = Life::begin(&store, &directory).await;
            }
        }
    }
    life.drained().await;
    life.end().await;

    let page = Page {
        after: 0,
        until: i64::MAX,
        limit: 10_000,
    };
    let stored = store.deliveries(&DeliveryFilter::default(), page).await;
    let stored = stored.unwrap();
    let messages = store.messages(&MessageFilter::default(), page).await;
    let messages = messages.unwrap().messages;
    let mut spooled = Vec::new();
    for (id, is_poison, receipt) in &submitted {
        let there: Vec<_> = stored
            .iter()
            .filter(|one| one.receipt.delivery_id == *id)
            .collect();
        let of_it = messages.iter().filter(|one| one.delivery_id == *id).count();
        let Some(receipt) = receipt else {
            assert!(there.len() <= 1 && of_it <= 1);
            continue;
        };
        assert_eq!(there.len(), 1, "{id} {receipt:?}");
        let (outcome, messages) = if *is_poison {
            (Outcome::Quarantined, 0)
        } else {
            (Outcome::Stored, 1)
        };
        assert_eq!((there[0].receipt.outcome, of_it), (outcome, messages));
        if receipt.outcome == Outcome::Spooled {
            if !store.unanswered.lock().unwrap().contains(id) {
                spooled.push(there[0].position);
            }
        } else {
            assert_eq!(receipt.outcome, outcome);
        }
    }
    assert!(spooled.is_sorted(), "the order of arrival: {spooled:?}");
}

fn arrivals() -> impl Strategy<Value = Vec<bool>> {
    prop::collection::vec(prop::bool::weighted(0.2), 1..8)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => arrivals().prop_map(Step::Arrive),
        1 => (arrivals(), 0_usize..12).prop_map(|(poison, turns)| Step::Crash(poison, turns)),
    ]
}

/// Faults last a while: a short one is over before a batch has been tried often enough.
fn faults() -> impl Strategy<Value = Vec<CommitFault>> {
    let fault = prop_oneof![
        3 => Just(CommitFault::None),
        2 => Just(CommitFault::FailsBefore),
        2 => Just(CommitFault::FailsAfter),
        1 => Just(CommitFault::Conflicts),
    ];
    let lasting = (fault, 1_usize..7).prop_map(|(fault, times)| vec![fault; times]);
    prop::collection::vec(lasting, 0..6).prop_map(|faults| faults.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_database_does_what_was_acknowledged_is_there_once_and_in_order(
        steps in prop::collection::vec(step(), 1..8),
        faults in faults(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(steps, faults));
    }
}

#[tokio::test]
async fn a_delivery_that_the_database_never_takes_holds_up_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let store = SqliteStore::open(&path, Duration::from_secs(10), true).await;
    let store = Arc::new(FaultyStore {
        store: store.unwrap(),
        faults: Mutex::default(),
        unanswered: Mutex::default(),
        relents: AtomicBool::new(false),
    });
    let life = Life::begin(&store, &directory).await;
    let endless = saying(Uuid::now_v7(), "endless");
    let spooled = life
        .ingest
        .submit(endless.clone(), endless.body.len())
        .await
        .unwrap();
    assert_eq!(spooled.receipt.outcome, Outcome::Spooled);
    // Whoever comes then is spooled behind it, until it is passed by.
    let ask = async || {
        let answered = submit(&life.ingest, &[false]).await;
        answered[0].2.as_ref().unwrap().outcome
    };
    let stored = |outcome: &Outcome| *outcome == Outcome::Stored;
    eventually("nobody waits behind it", ask, stored).await;
    life.waiting(1).await;
    assert!(life.spool.find(endless.id).await.unwrap().is_some());
    // It is tried again later, and need not wait for the next start.
    store.relents.store(true, Ordering::Relaxed);
    life.drained().await;
    life.end().await;
    assert!(store.delivery(endless.id).await.unwrap().is_some());
}
