//! What handlers share.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

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
use crate::forward::{Forwarding, Orders};
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
    /// Cancelled when an API token is taken out.
    pub(super) tokens_gone: CancellationToken,
    pub(super) sender: Sender,
    pub(super) redactor: Redactor,
    pub(super) prober: Prober,
    pub(super) ended_sessions: Arc<EndedSessions>,
    pub(super) bodies: Arc<Bodies>,
    pub(super) ingest: Ingest,
    pub(super) fallback: Option<Arc<Fallback>>,
    pub(super) spool_problem: Option<String>,
    pub(super) commits: Commits,
    pub(super) store: Arc<dyn Store>,
    pub(super) lifecycle: Lifecycle,
    pub(super) process: Arc<ProcessStats>,
    pub(super) notifier: MessageNotifier,
    pub(super) readers: Arc<Readers>,
    pub(super) refusal_limit: Arc<RefusalLimit>,
    pub(super) views: Arc<ViewCache>,
    pub(super) silence: SilenceReceiver,
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
        let process = ProcessStats::new(
            redactor.clone(),
            services.rejections,
            services.clock.clone(),
        );
        let bodies = Bodies::new(config.server.max_body_bytes, config.server.limits.body);
        Self(Arc::new(SharedState {
            sender: Sender::new(&config),
            process: Arc::new(process),
            redactor,
            bodies: Arc::new(bodies),
            notifier: MessageNotifier::new(0),
            readers: Arc::new(Readers::new(config.server.limits.readers)),
            refusal_limit: Arc::default(),
            views: Arc::default(),
            prober: Prober::new(&config, &api_tokens, services.clock.clone()),
            ended_sessions: Arc::default(),
            tokens_gone: CancellationToken::new(),
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

    /// The state for requests that begin from now on, with another configuration. What was counted, and the limits that
    /// are in use, stay the same. If a token is taken out, streams end, and come back with one that is valid.
    #[must_use]
    pub fn reconfigured(&self, config: Config, api_tokens: Vec<SecretString>) -> Self {
        let old = &*self.0;
        let redactor = Redactor::new(config.secrets().into_iter().chain(&api_tokens));
        old.process.replace_redactor(redactor.clone());
        let secret = |token: &SecretString| token.expose_secret().to_owned();
        let kept: HashSet<_> = api_tokens.iter().map(secret).collect();
        let is_gone = |token: &SecretString| !kept.contains(token.expose_secret());
        let tokens_gone = if old.api_tokens.iter().any(is_gone) {
            old.tokens_gone.cancel();
            CancellationToken::new()
        } else {
            old.tokens_gone.clone()
        };
        Self(Arc::new(SharedState {
            sender: Sender::new(&config),
            redactor,
            prober: Prober::new(&config, &api_tokens, old.clock.clone()),
            tokens_gone,
            config,
            api_tokens,
            clock: old.clock.clone(),
            ended_sessions: old.ended_sessions.clone(),
            bodies: old.bodies.clone(),
            ingest: old.ingest.clone(),
            fallback: old.fallback.clone(),
            spool_problem: old.spool_problem.clone(),
            commits: old.commits.clone(),
            store: old.store.clone(),
            lifecycle: old.lifecycle.clone(),
            process: old.process.clone(),
            notifier: old.notifier.clone(),
            readers: old.readers.clone(),
            views: old.views.clone(),
            refusal_limit: old.refusal_limit.clone(),
            silence: old.silence.clone(),
            orders: old.orders.clone(),
        }))
    }

    /// What forwards to the destinations of another configuration.
    ///
    /// # Errors
    /// As [`Forwarding::new`].
    pub fn forwarding(&self, config: &Config) -> anyhow::Result<Forwarding> {
        let commits = self.commits.subscribe();
        Forwarding::new(config, &self.store, &commits, &self.orders, &self.clock)
    }
}
