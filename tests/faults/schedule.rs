//! Whatever the database does, in whatever order: what was acknowledged is stored once, in the order of arrival.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chatrace_webhook::delivery::{Delivery, Item, Outcome, Receipt, Record};
use chatrace_webhook::ingest::{Commits, Drain, Fallback, Ingest, SubmitError};
use chatrace_webhook::store::{
    Attempt, Committed, DeliveryFilter, Ledger, MessageFilter, MessageReader as _, Order,
    PageRequest, Reader as _, Spool, SqliteStore, StoreError,
};
use futures_util::future::join_all;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::records::{at, delivery_at};
use crate::support::submit::submit;
use crate::support::wait::eventually;

/// What the database does with one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CommitFault {
    /// What it should.
    None,
    /// Nothing, and says so.
    FailsBefore,
    /// It commits, but the answer is lost.
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
impl Ledger for FaultyStore {
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

    async fn roll_up(&self) -> Result<bool, StoreError> {
        self.store.roll_up().await
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

/// A process that uses the same directory and database as those before it.
struct Process {
    ingest: Ingest,
    spool: Arc<Spool>,
    workers: Vec<JoinHandle<()>>,
}

impl Process {
    async fn begin(store: &Arc<FaultyStore>, directory: &TempDir) -> Self {
        let spool = Arc::new(Spool::open(directory.path()).await.unwrap());
        let fallback = Arc::new(Fallback::new(spool.clone()));
        let commits = Commits::default();
        let (ingest, writer) = Ingest::new(store.clone(), Some(fallback.clone()), commits.clone());
        let drain = Drain::new(store.clone(), fallback, commits, Arc::default())
            .run(CancellationToken::new());
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
        // come after the next process has counted what waits.
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
async fn submit_all(ingest: &Ingest, poison: &[bool]) -> Vec<Submitted> {
    let submits = poison.iter().map(|is_poison| {
        let delivery = delivery(*is_poison);
        let id = delivery.id;
        async move {
            let receipt = match submit(ingest, delivery).await {
                Ok(receipt) => Some(receipt),
                Err(SubmitError::Unavailable(_) | SubmitError::Full(_) | SubmitError::Stopping) => {
                    None
                }
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
    let mut process = Process::begin(&store, &directory).await;
    for step in steps {
        match step {
            Step::Arrive(poison) => {
                let answered = submit_all(&process.ingest, &poison).await;
                assert!(
                    answered.iter().all(|(_, _, receipt)| receipt.is_some()),
                    "the spool takes everything: {answered:?}"
                );
                submitted.extend(answered);
            }
            Step::Crash(poison, turns) => {
                let ingest = process.ingest.clone();
                let submitting = tokio::spawn(async move { submit_all(&ingest, &poison).await });
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                process.end().await;
                submitted.extend(submitting.await.unwrap());
                process = Process::begin(&store, &directory).await;
            }
        }
    }
    process.drained().await;
    process.end().await;

    let page = PageRequest {
        after: 0,
        until: i64::MAX,
        limit: 10_000,
        order: Order::Asc,
    };
    let stored = store
        .store
        .deliveries(&DeliveryFilter::default(), page)
        .await;
    let stored = stored.unwrap().rows;
    let messages = store.store.messages(&MessageFilter::default(), page).await;
    let messages = messages.unwrap().rows;
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
    let process = Process::begin(&store, &directory).await;
    let endless = saying(Uuid::now_v7(), "endless");
    let spooled = submit(&process.ingest, endless.clone()).await.unwrap();
    assert_eq!(spooled.outcome, Outcome::Spooled);
    // What comes next is spooled behind it, until it is skipped.
    let ask = async || {
        let answered = submit_all(&process.ingest, &[false]).await;
        answered[0].2.as_ref().unwrap().outcome
    };
    let stored = |outcome: &Outcome| *outcome == Outcome::Stored;
    eventually("it is skipped", ask, stored).await;
    process.waiting(1).await;
    assert!(process.spool.find(endless.id).await.unwrap().is_some());
    // It is tried again later, and need not wait for the next start.
    store.relents.store(true, Ordering::Relaxed);
    process.drained().await;
    process.end().await;
    assert!(store.store.delivery(endless.id).await.unwrap().is_some());
}
