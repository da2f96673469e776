//! What systemd hands over and wants to be told. Where it did not start the process, nothing of this has an effect.

use std::io;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};

use crate::lifecycle::Lifecycle;

/// The port that systemd holds, so that connections wait while the service restarts.
pub(super) fn handed_over() -> io::Result<Option<TcpListener>> {
    let Some(listener) = ListenFd::from_env().take_tcp_listener(0)? else {
        return Ok(None);
    };
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener).map(Some)
}

/// Tells that the service is ready, that it lives, and that it stops.
pub(super) async fn report(lifecycle: Lifecycle) {
    tell(NotifyState::Ready);
    tokio::join!(live(), async {
        lifecycle.draining().cancelled().await;
        tell(NotifyState::Stopping);
    });
}

/// Feeds the watchdog, if there is one, until the process ends: also while it stops, which has a time limit of its own.
async fn live() {
    let mut microseconds = 0;
    if !watchdog_enabled(false, &mut microseconds) {
        return;
    }
    // Twice as often as it must be.
    let mut ticks = interval(Duration::from_micros(microseconds / 2).max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        tell(NotifyState::Watchdog);
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = notify(false, &[state]) {
        tracing::debug!(%error, "systemd cannot be told");
    }
}
