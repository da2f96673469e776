//! What handlers share.

use std::ops::Deref;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::watch;

use super::body::Bodies;
use super::ended_sessions::EndedSessions;
use super::notifier::MessageNotifier;
use super::process_stats::ProcessStats;
use super::readers::Readers;
use super::refusal_limit::RefusalLimit;
use super::rejections::Rejections;
use super::sender::Sender;
use super::view_cache::ViewCache;
use crate::config::Config;
use crate::forward::Orders;
use crate::ingest::{Commits, Fallback, Ingest};
use crate::lifecycle::Lifecycle;
use crate::probe::Prober;
use crate::redact::Redactor;
use crate::silence::Assessment;
use crate::store::Store;
use crate::time::Clock;

/// What handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState(Arc<SharedState>);

/// The inside of [`AppState`].
#[derive(Debug)]
pub struct SharedState {
    pub(super) clock: Clock,
    pub(super) config: Config,
    pub(super) api_tokens: Vec<SecretString>,
    pub(super) ended_sessions: EndedSessions,
    pub(super) sender: Sender,
    pub(super) redactor: Redactor,
    pub(super) bodies: Bodies,
    pub(super) ingest: Ingest,
    pub(super) fallback: Option<Arc<Fallback>>,
    pub(super) spool_problem: Option<String>,
    pub(super) commits: Commits,
    pub(super) store: Arc<dyn Store>,
    pub(super) lifecycle: Lifecycle,
    pub(super) process: ProcessStats,
    pub(super) notifier: MessageNotifier,
    pub(super) readers: Readers,
    pub(super) views: ViewCache,
    pub(super) refusal_limit: RefusalLimit,
    pub(super) silence: SilenceReceiver,
    pub(super) prober: Prober,
    pub(super) orders: Orders,
}

/// The last judgment about silence. `None` before the first one, and where nobody watches.
pub type SilenceReceiver = watch::Receiver<Option<Assessment>>;

impl Deref for AppState {
    type Target = SharedState;

    fn deref(&self) -> &SharedState {
        &self.0
    }
}

/// The parts of the service that handlers use.
#[derive(Debug)]
pub struct Services {
    /// Gives the time.
    pub clock: Clock,
    /// Takes deliveries.
    pub ingest: Ingest,
    /// Where deliveries go while the database is away, if there is a spool.
    pub fallback: Option<Arc<Fallback>>,
    /// Why there is no spool, though there should be one.
    pub spool_problem: Option<String>,
    /// Announces new messages.
    pub commits: Commits,
    /// Takes rejected requests.
    pub rejections: Rejections,
    /// What is judged about silence.
    pub silence: SilenceReceiver,
    /// Tells forwarding what an operator has changed.
    pub orders: Orders,
    /// The database.
    pub store: Arc<dyn Store>,
    /// The stages of the shutdown.
    pub lifecycle: Lifecycle,
}

impl AppState {
    /// State for the handlers. `api_tokens` are those of the configuration, or the generated one.
    pub fn new(config: Config, api_tokens: Vec<SecretString>, services: Services) -> Self {
        let redactor = Redactor::new(config.secrets().into_iter().chain(&api_tokens));
        Self(Arc::new(SharedState {
            sender: Sender::new(&config),
            process: ProcessStats::new(
                redactor.clone(),
                services.rejections,
                services.clock.clone(),
            ),
            redactor,
            bodies: Bodies::new(config.server.max_body_bytes, config.server.limits.body),
            notifier: MessageNotifier::new(0),
            readers: Readers::new(config.server.limits.readers),
            views: ViewCache::default(),
            refusal_limit: RefusalLimit::default(),
            prober: Prober::new(&config, &api_tokens, services.clock.clone()),
            ended_sessions: EndedSessions::default(),
            clock: services.clock,
            config,
            api_tokens,
            ingest: services.ingest,
            fallback: services.fallback,
            spool_problem: services.spool_problem,
            commits: services.commits,
            silence: services.silence,
            store: services.store,
            lifecycle: services.lifecycle,
            orders: services.orders,
        }))
    }
}
