//! Connections: how many, how slow they may be, and how they end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;
use tower::Layer as _;
use tower_http::normalize_path::NormalizePathLayer;

use crate::config::Limits;
use crate::lifecycle::Lifecycle;

/// How many connections may wait in the system's backlog; usually it allows as many. The default of 128 is full within
/// a moment of many senders, and whoever then finds no room is cut off.
const BACKLOG: u32 = 4096;
/// How much of a request is read ahead for each connection, in bytes: the longest head, and the longest piece of a body, which
/// may have many. By itself hyper takes 400 KiB, which thousands of connections can each be made to keep by a head that does
/// not end.
const READ_AHEAD: usize = 64 * 1024;
/// Marks a request whose path ends with a slash, which the router does not see.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndsWithSlash;

/// How long after the soft stop a connection may take to begin with its first request.
const LAST_CALL: Duration = Duration::from_secs(1);

/// Listens on an address.
///
/// # Errors
/// When that is not possible: the address is taken, or not this machine's.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of a former process that are not quite over do not keep the next one from its port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// How TLS begins: a handshake record of any version.
const TLS_HANDSHAKE: [u8; 2] = [0x16, 0x03];

/// Serves until the soft stop, then finishes what is open, or until the hard stop. `on_tls` is called
/// for each connection that speaks TLS to this port, which has none.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    on_tls: impl Fn() + Clone + Send + 'static,
    lifecycle: &Lifecycle,
) {
    // Outside the router, because a path is matched before a router's own layers run.
    let service = TowerToHyperService::new(NormalizePathLayer::trim_trailing_slash().layer(router));
    let open = TaskTracker::new();
    let room = Arc::new(Semaphore::new(limits.connections));
    let begin = |(stream, room): Accepted| {
        limit_unread(&stream, limits.unread);
        let asked = Arc::new(AtomicBool::new(false));
        let noting = {
            let (asked, service) = (asked.clone(), service.clone());
            service_fn(move |mut request: Request<Incoming>| {
                asked.store(true, Ordering::Relaxed);
                if request.uri().path().len() > 1 && request.uri().path().ends_with('/') {
                    request.extensions_mut().insert(EndsWithSlash);
                }
                service.call(request)
            })
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(READ_AHEAD)
            // A client that sent everything and hung up has still delivered it.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), noting);
        let (lifecycle, on_tls) = (lifecycle.clone(), on_tls.clone());
        open.spawn(async move {
            let mut connection = connection;
            let ended = tokio::select! {
                ended = &mut connection => ended,
                () = last_call(&lifecycle, &asked) => {
                    Pin::new(&mut connection).graceful_shutdown();
                    if asked.load(Ordering::Relaxed) {
                        tokio::select! {
                            ended = &mut connection => ended,
                            () = lifecycle.hard().cancelled() => Ok(()),
                        }
                    } else {
                        Ok(())
                    }
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended badly");
                // What could not be read is still there.
                if error.is_parse() && connection.into_parts().read_buf.starts_with(&TLS_HANDSHAKE)
                {
                    on_tls();
                }
            }
            drop(room);
        });
    };
    loop {
        tokio::select! {
            () = lifecycle.soft().cancelled() => break,
            accepted = accept(&listener, &room) => accepted.into_iter().for_each(&begin),
        }
    }
    // Who is connected already may have sent a request: only those who come later are refused.
    while let Ok(Some(accepted)) = timeout(Duration::ZERO, accept(&listener, &room)).await {
        begin(accepted);
    }
    drop(listener);
    open.close();
    tokio::select! {
        () = open.wait() => {}
        () = lifecycle.hard().cancelled() => {}
    }
}

/// Resolves when a connection may take no further request. One on which nothing was asked yet has a moment to do so:
/// its request may have arrived already. But not longer, for browsers and load balancers open some beforehand, which
/// would keep the process from ending.
async fn last_call(lifecycle: &Lifecycle, asked: &AtomicBool) {
    lifecycle.soft().cancelled().await;
    let until = Instant::now() + LAST_CALL;
    while !asked.load(Ordering::Relaxed) && Instant::now() < until {
        sleep(LAST_CALL / 20).await;
    }
}

/// Has the system end a connection whose client takes nothing of its answer: no time limit of hyper's runs while it
/// writes, and such a client would keep the connection from others.
#[cfg(target_os = "linux")]
fn limit_unread(stream: &TcpStream, limit: Duration) {
    let limit = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
    rustix::net::sockopt::set_tcp_user_timeout(stream, limit).ok();
}

#[cfg(not(target_os = "linux"))]
fn limit_unread(_: &TcpStream, _: Duration) {}

type Accepted = (TcpStream, tokio::sync::OwnedSemaphorePermit);

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
