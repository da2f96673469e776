//! Passes on what is stored: each destination is a reader of the ledger with a cursor of its own.
//!
//! One process at a time forwards to a destination: the one with its lease. It sends messages in the order of their
//! positions, those of one person after each other, and those of different people at once. An event that is not
//! accepted stops this. A probe then finds out whether the event is refused, because others are accepted, or the
//! destination is down. A refused event is kept in a row and tried again later. A destination that is down costs no
//! rows: the cursor waits. See `docs/architecture/forwarding.md`.

mod attempt;
mod event;
mod leading;
mod lease;
mod sample;
mod schedule;
mod source;
mod status;
mod window;
mod worker;

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Destination};
use crate::redact::Redactor;
use crate::store::Store;
use crate::time::Clock;
use leading::Worker;
use source::Source;

pub(crate) use attempt::{AttemptClient, RESULTS};
pub(crate) use event::Event;
pub(crate) use sample::send_one;
pub(crate) use schedule::next_alert;

pub use sample::{SampleAttempt, send_sample};
pub use status::{DestinationHealth, DestinationStatus, statuses};

/// Wakes the workers after an operator has changed something.
#[derive(Debug, Clone, Default)]
pub struct Orders(watch::Sender<u64>);

impl Orders {
    /// Something was changed.
    pub fn announce(&self) {
        self.0.send_modify(|count| *count += 1);
    }
}

/// Forwards to every destination.
#[derive(Debug)]
pub struct Forwarding {
    workers: Vec<Worker>,
}

impl Forwarding {
    /// # Errors
    /// When this machine has no CA certificates, and a destination needs them.
    pub fn new(
        config: &Config,
        store: &Arc<dyn Store>,
        commits: &watch::Receiver<u64>,
        orders: &Orders,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let redactor = Redactor::new(config.secrets());
        let worker = |destination: &Destination| {
            let destination = Arc::new(destination.clone());
            let client = AttemptClient::new(destination.clone(), redactor.clone(), clock.clone())?;
            Ok(Worker {
                source: Source {
                    store: store.clone(),
                    destination,
                },
                client: Arc::new(client),
                clock: clock.clone(),
                commits: commits.clone(),
                is_shared: !config.database.is_embedded(),
                orders: orders.0.subscribe(),
            })
        };
        let workers: anyhow::Result<_> = config.destinations.iter().map(worker).collect();
        Ok(Self { workers: workers? })
    }

    /// Declares the destinations, so that those seen for the first time begin before anything else arrives. What fails
    /// is done later.
    pub async fn declare(&self) {
        for worker in &self.workers {
            if let Err(error) = worker.source.declare().await {
                let destination = &worker.source.destination.name;
                tracing::debug!(%error, destination, "the destination is declared later");
            }
        }
    }

    /// Forwards until the service stops.
    pub async fn run(self, soft: CancellationToken) {
        let workers = self.workers.into_iter();
        join_all(workers.map(|worker| worker.run(&soft))).await;
        soft.cancelled().await;
    }
}
