//! `chatrace-webhook serve`: builds all parts of the service and runs them until they stop.

mod banner;
pub(super) mod data_dir;
pub(super) mod orphaned_spool;
mod reload;
mod supervisor;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use arc_swap::ArcSwap;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::{EnvSource, Failure, env_file};
use crate::alerts::AlertWatch;
use crate::config::{Config, Database, Limits, Variables};
use crate::forward::{Forwarding, Orders};
use crate::http::{self, AppState, LiveRouter, Rejections, Services, SilenceReceiver};
use crate::i18n::Text;
use crate::ingest::{Commits, Drain, Fallback, Ingest};
use crate::lifecycle::{self, Lifecycle};
use crate::maintenance::{Retention, keep_rolling_up};
use crate::rejection::{RejectReason, RejectedRequest};
use crate::silence::Watch;
use crate::store::{OpenFiles, PostgresStore, PrepareError, Spool, SqliteStore, Store};
use crate::telemetry::{self, traces};
use crate::time::Clock;
use data_dir::{DataDir, GeneratedToken};
use reload::{ReloadSource, Reloader, keep_forwarding};

/// The pause before an unreachable database is tried again.
const RECONNECT: Duration = Duration::from_secs(2);
/// How long the start waits for a slow database, which may hang or be migrated by another replica. Then the service
/// starts with its spool.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// How many may read the metrics at once at an address of their own.
const METRICS_CONNECTIONS: usize = 64;

/// Starts, and runs until a signal stops it.
pub(super) async fn serve(variables: Variables, source: EnvSource) -> Result<(), Failure> {
    let config = Config::read(&variables)?;
    let _log = telemetry::init(&config.telemetry).context("cannot start logging")?;
    let traces = traces::init(config.telemetry.otlp_endpoint.as_ref())?;
    env_file::warn_of_readers();
    // Each connection needs a descriptor, and the usual soft limit of 1024 is too low.
    rlimit::increase_nofile_limit(u64::MAX).ok();
    let lifecycle = Lifecycle::new();
    lifecycle::listen_to_signals(&lifecycle, config.server.shutdown_delay)
        .context("cannot listen for signals")?;
    let address = config.server.address();
    let listener = match supervisor::handed_over().context("systemd's socket cannot be used")? {
        Some(listener) => listener,
        None => http::listen(address)
            .map_err(|error| Failure::CannotRun(cannot_listen(address, &error)))?,
    };
    let reload = ReloadSource::new(source, variables).context("cannot listen for signals")?;
    let clock = Clock::system();
    let ended = run_reloading(config, listener, lifecycle, clock, Some(reload)).await;
    traces.flush().await;
    ended
}

/// Why the service cannot listen on an address, and what to do.
pub(super) fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> Text {
    let id = match error.kind() {
        std::io::ErrorKind::AddrInUse => "listen-in-use",
        std::io::ErrorKind::PermissionDenied => "listen-forbidden",
        std::io::ErrorKind::AddrNotAvailable => "listen-no-address",
        _ => "listen-impossible",
    };
    Text::new(id)
        .with("address", address.to_string())
        .with("cause", error.to_string())
}

/// Runs the service on a listener until the lifecycle ends.
///
/// # Errors
/// [`Failure::CannotRun`] when the data directory or the database is unusable, or a spool would be orphaned;
/// [`Failure::Failed`] when a worker died.
pub async fn run(
    config: Config,
    listener: TcpListener,
    lifecycle: Lifecycle,
    clock: Clock,
) -> Result<(), Failure> {
    run_reloading(config, listener, lifecycle, clock, None).await
}

/// The same; at signals, the configuration is read again.
async fn run_reloading(
    config: Config,
    listener: TcpListener,
    lifecycle: Lifecycle,
    clock: Clock,
    reload: Option<ReloadSource>,
) -> Result<(), Failure> {
    let address = listener
        .local_addr()
        .context("the listener has no address")?;
    let _enforcing = AbortOnDropHandle::new(tokio::spawn(lifecycle.clone().enforce_timeout()));
    let data_dir = if config.database.is_embedded() || config.spool {
        let data_dir = DataDir::open(&config.data_dir).map_err(Failure::CannotRun)?;
        Some(Arc::new(data_dir))
    } else {
        None
    };
    let orphaned = orphaned_spool::find_orphaned(&config).await;
    orphaned.map_err(orphaned_spool::refusal)?;
    let (api_tokens, generated) = api_tokens(&config, data_dir.as_deref())?;
    let store = open_store(&config, &lifecycle).await?;

    let (spool, spool_problem) = open_spool(&config, store.as_ref()).await?;
    let files = watch_files(&config, spool.as_deref(), &lifecycle);
    let fallback = spool.clone().map(|spool| Arc::new(Fallback::new(spool)));
    let commits = Commits::default();
    let (ingest, writer) = Ingest::new(store.clone(), fallback.clone(), commits.clone());
    lifecycle.spawn_worker("writer", {
        let soft = lifecycle.soft().clone();
        async move {
            writer.run().await;
            // The queue closes with the last handler, which may be shortly before the soft stop is noticed.
            soft.cancelled().await;
        }
    });
    let normalizer = Arc::new(ArcSwap::new(config.normalizer.clone()));
    if let Some(fallback) = fallback.clone() {
        let drain = Drain::new(store.clone(), fallback, commits.clone(), normalizer.clone());
        lifecycle.spawn_worker("drain", drain.run(lifecycle.soft().clone()));
    }
    let orders = Orders::default();
    let forwarding = Forwarding::new(&config, &store, &commits.subscribe(), &orders, &clock);
    let forwarding = forwarding.map_err(|error| Failure::CannotRun(format!("{error:#}").into()))?;
    forwarding.declare().await;
    let (replace_forwarding, replaced) = mpsc::channel(1);
    let forwarding = keep_forwarding(forwarding, replaced, lifecycle.soft().clone());
    lifecycle.spawn_worker("forwarding", forwarding);
    let retention = Retention::new(store.clone(), config.retention_days);
    spawn_until_soft_stop(&lifecycle, "retention", retention.run(clock.clone()));
    telemetry::metrics();
    spawn_until_soft_stop(&lifecycle, "metrics", telemetry::compact_metrics());
    let rollup = keep_rolling_up(store.clone(), commits.subscribe());
    spawn_until_soft_stop(&lifecycle, "rollup", rollup);
    banner::print(&config, address, generated.as_ref());
    let (limits, metrics_address) = (config.server.limits, config.server.metrics_address);
    let (rejections, rejection_writer) = Rejections::new(store.clone());
    lifecycle.spawn_worker("rejections", rejection_writer.run(lifecycle.soft().clone()));
    let silence = watch_silence(&config, &store, &clock, &lifecycle);
    let services = Services {
        clock: clock.clone(),
        ingest,
        fallback,
        spool_problem,
        commits,
        rejections: rejections.clone(),
        silence,
        orders,
        store: store.clone(),
        lifecycle: lifecycle.clone(),
    };
    let alerts = AlertWatch::new(&config, store.clone(), &clock);
    let alerts = alerts.map_err(|error| Failure::CannotRun(format!("{error:#}").into()))?;
    let state = AppState::new(config, api_tokens, services);
    spawn_until_soft_stop(&lifecycle, "notifier", http::notify_readers(&state));
    if let Some(alerts) = alerts {
        let alerts = alerts.run(http::checks_to_watch(&state));
        spawn_until_soft_stop(&lifecycle, "alerts", alerts);
    }
    serve_metrics(&state, metrics_address, &lifecycle)?;
    let router = LiveRouter::from(http::router(state.clone()));
    if let Some(source) = reload {
        let reloader = Reloader {
            source,
            data_dir: data_dir.clone(),
            state,
            router: router.clone(),
            normalizer,
            forwarding: replace_forwarding,
        };
        spawn_until_soft_stop(&lifecycle, "reload", reloader.run());
    } else {
        drop(state);
    }
    let on_tls = move || {
        rejections.note(RejectedRequest::once(RejectReason::Tls, clock.now(), None));
    };
    let _reporting = AbortOnDropHandle::new(tokio::spawn(supervisor::report(lifecycle.clone())));
    http::serve(listener, router, limits, on_tls, &lifecycle).await;

    let ended = end(&lifecycle, store.as_ref(), spool.as_deref(), files).await;
    // Its lock is held until everything is closed.
    drop(data_dir);
    ended
}

/// Waits for the workers, closes what is open, and says whether something is lost.
async fn end(
    lifecycle: &Lifecycle,
    store: &dyn Store,
    spool: Option<&Spool>,
    files: Option<OpenFiles>,
) -> Result<(), Failure> {
    let clean = lifecycle.workers_ended().await;
    // Before they are closed, which takes some of them away.
    let holds_any = spool.is_none_or(|spool| spool.depth().deliveries > 0);
    let gone = files
        .filter(|_| holds_any)
        .and_then(|files| files.check().err());
    store.close().await;
    if let Some(spool) = spool {
        spool.close().await;
    }
    match lifecycle.failed_worker() {
        Some(worker) => Err(anyhow!("the worker `{worker}` stopped unexpectedly").into()),
        None if let Some(problem) = gone => Err(anyhow!(
            "stopped, and what was stored in files that are gone is lost: {problem}"
        )
        .into()),
        None if clean => {
            tracing::info!("stopped: everything that was acknowledged is stored");
            Ok(())
        }
        None => Err(anyhow!(
            "stopped before all work was finished; acknowledged deliveries are stored"
        )
        .into()),
    }
}

/// Opens the spool, if there is to be one. A replica goes on without one that cannot be used while Postgres is there:
/// what waits in it is old, and what comes is more important. Then this says why.
async fn open_spool(
    config: &Config,
    store: &dyn Store,
) -> Result<(Option<Arc<Spool>>, Option<String>), Failure> {
    if !config.spool || config.database.is_embedded() {
        return Ok((None, None));
    }
    match Spool::open(&config.data_dir).await {
        Ok(spool) => Ok((Some(Arc::new(spool)), None)),
        Err(error) if store.ready().await.is_ok() => {
            let problem = error.to_string();
            tracing::error!(
                "{problem}; the service goes on without a spool, since the database is there"
            );
            Ok((None, Some(problem)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Notes which files are open, and watches them.
fn watch_files(config: &Config, spool: Option<&Spool>, lifecycle: &Lifecycle) -> Option<OpenFiles> {
    let files = match &config.database {
        Database::Sqlite { path, .. } => OpenFiles::of(path),
        Database::Postgres { .. } => {
            spool?;
            OpenFiles::of(&Spool::file(&config.data_dir))
        }
    };
    spawn_until_soft_stop(lifecycle, "files", files.clone().watch());
    Some(files)
}

/// Starts the watch for silence, if `SILENCE_AFTER` is set.
fn watch_silence(
    config: &Config,
    store: &Arc<dyn Store>,
    clock: &Clock,
    lifecycle: &Lifecycle,
) -> SilenceReceiver {
    let Some(after) = config.silence_after else {
        return watch::channel(None).1;
    };
    let (watch, assessments) = Watch::new(store.clone(), after);
    spawn_until_soft_stop(lifecycle, "silence", watch.run(clock.clone()));
    assessments
}

/// Serves the metrics at an address of their own, if there is one.
fn serve_metrics(
    state: &AppState,
    address: Option<SocketAddr>,
    lifecycle: &Lifecycle,
) -> Result<(), Failure> {
    let Some(address) = address else {
        return Ok(());
    };
    let listener = http::listen(address).map_err(|error| {
        Failure::CannotRun(
            Text::new("listen-metrics")
                .with("address", address.to_string())
                .with("cause", error.to_string()),
        )
    })?;
    let address = listener
        .local_addr()
        .context("the listener has no address")?;
    tracing::info!(%address, "serving the metrics");
    let (router, serving) = (http::metrics_router(state.clone()), lifecycle.clone());
    let limits = Limits {
        connections: METRICS_CONNECTIONS,
        ..Limits::default()
    };
    lifecycle.spawn_worker("metrics address", async move {
        http::serve(listener, router, limits, || {}, &serving).await;
    });
    Ok(())
}

/// Runs a worker that has nothing to finish when the service stops.
fn spawn_until_soft_stop(
    lifecycle: &Lifecycle,
    name: &'static str,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let soft = lifecycle.soft().clone();
    lifecycle.spawn_worker(name, async move {
        tokio::select! {
            () = work => {}
            () = soft.cancelled() => {}
        }
    });
}

/// The API tokens, and the generated one if none is configured.
fn api_tokens(
    config: &Config,
    data_dir: Option<&DataDir>,
) -> Result<(Vec<SecretString>, Option<GeneratedToken>), Failure> {
    match data_dir {
        Some(data_dir) if config.auth.api_tokens.is_empty() => {
            let generated = data_dir.api_token().map_err(Failure::CannotRun)?;
            Ok((vec![generated.token.clone()], Some(generated)))
        }
        _ => Ok((config.auth.api_tokens.clone(), None)),
    }
}

/// Opens the database. An unreachable Postgres is tried again in the background.
async fn open_store(config: &Config, lifecycle: &Lifecycle) -> Result<Arc<dyn Store>, Failure> {
    let (options, migrate) = match &config.database {
        Database::Sqlite { path, migrate } => {
            let store = SqliteStore::open(path, config.dedupe_window, *migrate).await;
            return Ok(Arc::new(store?));
        }
        Database::Postgres { options, migrate } => ((**options).clone(), *migrate),
    };
    let store = Arc::new(PostgresStore::new(options, config.dedupe_window));
    let mut preparing = prepare(store.clone(), migrate, Duration::ZERO);
    let preparing = match timeout(START_TIMEOUT, &mut preparing).await {
        Ok(Ok(())) => return Ok(store),
        Ok(Err(PrepareError::Unusable(problem))) => return Err(Failure::CannotRun(problem.into())),
        Ok(Err(PrepareError::Unreachable(problem))) => {
            tracing::warn!("{problem}; trying again every {} s", RECONNECT.as_secs());
            prepare(store.clone(), migrate, RECONNECT)
        }
        Err(_) => {
            tracing::warn!("the database is not ready yet; waiting for it in the background");
            preparing
        }
    };
    let connecting = connect_later(store.clone(), migrate, preparing);
    spawn_until_soft_stop(lifecycle, "connection", async {
        connecting.await;
        std::future::pending::<()>().await;
    });
    Ok(store)
}

type Preparing = Pin<Box<dyn Future<Output = Result<(), PrepareError>> + Send>>;

/// Prepares the database after a pause.
fn prepare(store: Arc<PostgresStore>, migrate: bool, pause: Duration) -> Preparing {
    Box::pin(async move {
        sleep(pause).await;
        store.prepare(migrate).await
    })
}

/// Tries again until the database can be used.
async fn connect_later(store: Arc<PostgresStore>, migrate: bool, mut preparing: Preparing) {
    loop {
        match preparing.await {
            Ok(()) => {
                tracing::info!("the database is connected");
                return;
            }
            Err(PrepareError::Unreachable(problem)) => tracing::warn!("{problem}; trying again"),
            // Stopping would not help: the mistake may be fixed on the database's side.
            Err(PrepareError::Unusable(problem)) => tracing::error!("{problem}; trying again"),
        }
        preparing = prepare(store.clone(), migrate, RECONNECT);
    }
}
