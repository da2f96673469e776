//! Connections: how many, how slow they may be, and how they end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tower::Layer as _;
use tower_http::normalize_path::NormalizePathLayer;

use crate::lifecycle::Lifecycle;

/// How long the head of a request may take; also how long an idle connection is kept.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How many connections at once. More wait in the system's backlog.
const CONNECTIONS: usize = 8192;

/// Serves until the soft stop, then finishes what is open, or until the hard stop.
pub async fn serve(listener: TcpListener, router: Router, lifecycle: &Lifecycle) {
    // Outside the router, because a path is matched before a router's own layers run.
    let service = TowerToHyperService::new(NormalizePathLayer::trim_trailing_slash().layer(router));
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = lifecycle.soft().cancelled() => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, room)) = accepted else {
            continue;
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            // A client that sent everything and hung up has still delivered it.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service.clone());
        let connection = graceful.watch(connection);
        let hard = lifecycle.hard().clone();
        tokio::spawn(async move {
            tokio::select! {
                result = connection => if let Err(error) = result {
                    tracing::debug!(%error, "a connection ended badly");
                },
                () = hard.cancelled() => {}
            }
            drop(room);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = lifecycle.hard().cancelled() => {}
    }
}

type Accepted = (tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<Accepted> {
    let permit = room.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Answers are small and complete: there is nothing to wait for.
            stream.set_nodelay(true).ok();
            Some((stream, permit))
        }
        Err(error) => {
            // Out of file descriptors, mostly: give connections time to end.
            tracing::warn!(%error, "a connection could not be accepted");
            sleep(Duration::from_millis(100)).await;
            None
        }
    }
}
