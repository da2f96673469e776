//! At SIGHUP the configuration is read again, and what can be replaced while the service runs is replaced. No
//! connection is closed for it, and no request is refused. A mistake changes nothing.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::{EnvSource, Failure};
use super::data_dir::DataDir;
use super::{api_tokens, banner};
use crate::config::variables::{is_read, is_reloaded};
use crate::config::{Config, ConfigErrors, Variables};
use crate::forward::Forwarding;
use crate::http::{self, AppState, LiveRouter};
use crate::normalize::Normalizer;
use crate::telemetry;

/// Where the configuration is read again, and when.
pub(super) struct ReloadSource {
    source: EnvSource,
    /// What is in force. What takes effect at the next start only is here as it was at this one.
    variables: Variables,
    hangups: Signal,
}

impl ReloadSource {
    /// Listens to SIGHUP, which no longer ends the process.
    pub(super) fn new(source: EnvSource, variables: Variables) -> std::io::Result<Self> {
        Ok(Self {
            source,
            variables,
            hangups: signal(SignalKind::hangup())?,
        })
    }
}

/// What is replaced.
pub(super) struct Reloader {
    pub(super) source: ReloadSource,
    pub(super) data_dir: Option<Arc<DataDir>>,
    pub(super) state: AppState,
    pub(super) router: LiveRouter,
    pub(super) normalizer: Arc<ArcSwap<Normalizer>>,
    pub(super) forwarding: mpsc::Sender<Forwarding>,
}

impl Reloader {
    /// Waits for signals.
    pub(super) async fn run(mut self) {
        while self.source.hangups.recv().await.is_some() {
            if let Err(failure) = self.reload().await {
                failed(&failure);
            }
        }
    }

    async fn reload(&mut self) -> Result<(), Failure> {
        let read = self.source.source.read()?;
        // All of it: a mistake that would only show at the next start is told now.
        Config::read(&read)?;
        let mut in_force = self.source.variables.clone();
        let changed = in_force.changed(&read).into_iter();
        let changed = changed.filter(|name| is_read(name));
        let (replaced, waiting): (BTreeSet<_>, BTreeSet<_>) =
            changed.partition(|name| is_reloaded(name));
        for name in &replaced {
            in_force.take(name, &read);
        }
        let config = Config::read(&in_force)?;
        let (api_tokens, _) = api_tokens(&config, self.data_dir.as_deref())?;
        if !replaced.is_empty() {
            let forwarding = self.state.forwarding(&config)?;
            forwarding.declare().await;
            // Fails only when the service stops.
            self.forwarding.send(forwarding).await.ok();
        }
        // Also if no variable has changed: templates may be in files.
        telemetry::set_filter(&config.telemetry);
        self.normalizer.store(config.normalizer.clone());
        banner::warn(&config);
        self.state = self.state.reconfigured(config, api_tokens);
        self.router.replace(http::router(self.state.clone()));
        self.source.variables = in_force;
        tracing::info!(
            replaced = names(&replaced),
            "the configuration was read again"
        );
        if !waiting.is_empty() {
            tracing::warn!(
                variables = names(&waiting),
                "these have changed, and take effect at the next start only"
            );
        }
        Ok(())
    }
}

fn failed(failure: &Failure) {
    if let Failure::Misconfigured(errors) = failure {
        for error in &errors.0 {
            let (variable, problem) = (&error.variable, &error.problem);
            tracing::error!(variable, %problem, "{}", ConfigErrors::IN_A_LOG);
        }
        tracing::error!("the configuration stays as it was");
    } else {
        tracing::error!("{failure}; the configuration stays as it was");
    }
}

fn names(variables: &BTreeSet<String>) -> String {
    variables
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Forwards until the service stops, always to the destinations that were configured last.
pub(super) async fn keep_forwarding(
    mut forwarding: Forwarding,
    mut replaced: mpsc::Receiver<Forwarding>,
    soft: CancellationToken,
) {
    loop {
        let stop = soft.child_token();
        let mut running = pin!(forwarding.run(stop.clone()));
        let next = tokio::select! {
            () = &mut running => return,
            next = replaced.recv() => next,
        };
        let Some(next) = next else {
            return running.await;
        };
        stop.cancel();
        running.await;
        forwarding = next;
    }
}
