//! Connections: how many, how slow they may be, and how they end.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::http::{HeaderValue, header};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;
use tower::Layer as _;
use tower_http::normalize_path::{NormalizePath, NormalizePathLayer};

use super::bounded_reads::{BoundedReads, LongHeads};
use super::connections::{Connection, Connections};
use super::webhook_path;
use crate::config::Limits;
use crate::lifecycle::Lifecycle;

/// How many connections may wait in the system's backlog; usually the system allows as many. Many senders fill the
/// default of 128 within a moment, and further connections are then refused.
const BACKLOG: u32 = 4096;
/// The longest head, in bytes. hyper's default is 400 KiB.
const LONGEST_HEAD: usize = 64 * 1024;
/// Marks a request whose path ends with a slash: the router does not see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndsWithSlash;

/// How long a new connection may take to send the head of its first request.
const FIRST_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long after the soft stop a connection may take to send its first request.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Listens on an address.
///
/// # Errors
/// When that is not possible: the address is taken, or not this machine's.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of a former process that are not quite over do not block the port for the next one.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The first bytes of TLS: a handshake record of any version.
const TLS_HANDSHAKE: [u8; 2] = [0x16, 0x03];

type Routes = TowerToHyperService<NormalizePath<Router>>;

/// The routes that requests meet, and with them the state of the handlers. They can be replaced while connections are
/// open: a request goes on with those that it began with. Cheap to clone.
#[derive(Clone)]
pub struct LiveRouter(Arc<ArcSwap<Routes>>);

impl From<Router> for LiveRouter {
    fn from(router: Router) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(routes(router))))
    }
}

impl LiveRouter {
    /// Has requests meet another router from now on.
    pub fn replace(&self, router: Router) {
        self.0.store(Arc::new(routes(router)));
    }
}

fn routes(router: Router) -> Routes {
    // Outside the router, because a path is matched before a router's own layers run.
    TowerToHyperService::new(NormalizePathLayer::trim_trailing_slash().layer(router))
}

/// Serves until the soft stop, then finishes open requests until the hard stop. `on_tls` is called for each connection
/// that speaks TLS to this port, which does not.
pub async fn serve(
    listener: TcpListener,
    router: impl Into<LiveRouter>,
    limits: Limits,
    on_tls: impl Fn() + Clone + Send + 'static,
    lifecycle: &Lifecycle,
) {
    let LiveRouter(router) = router.into();
    let open = TaskTracker::new();
    let connections = Connections::new(limits.connections);
    let long_heads = LongHeads::default();
    let begin = |(stream, place): AcceptedConnection| {
        limit_unread(&stream, limits.unread);
        let noting = {
            let (place, router) = (place.clone(), router.clone());
            let draining = lifecycle.draining().clone();
            service_fn(move |mut request: Request<Incoming>| {
                let in_request = place.begin();
                request.extensions_mut().insert(place.clone());
                if let Some(uri) = webhook_path::corrected(request.uri()) {
                    *request.uri_mut() = uri;
                }
                if request.uri().path().len() > 1 && request.uri().path().ends_with('/') {
                    request.extensions_mut().insert(EndsWithSlash);
                }
                let (answering, draining) = (router.load().call(request), draining.clone());
                async move {
                    let mut answer = answering.await?;
                    if draining.is_cancelled() {
                        // Else a proxy would keep the connection until it is cut, with a request in it.
                        let close = HeaderValue::from_static("close");
                        answer.headers_mut().insert(header::CONNECTION, close);
                    }
                    Ok::<_, Infallible>(answer.map(|body| in_request.answer(body)))
                }
            })
        };
        let stream = BoundedReads::new(stream, place.clone(), &long_heads);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(LONGEST_HEAD)
            // A client that sent everything and closed its side has still delivered it.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), noting);
        let (lifecycle, on_tls) = (lifecycle.clone(), on_tls.clone());
        open.spawn(async move {
            let mut connection = connection;
            let ended = tokio::select! {
                ended = &mut connection => ended,
                is_cut = has_to_end(&lifecycle, &place) => {
                    Pin::new(&mut connection).graceful_shutdown();
                    if is_cut {
                        Ok(())
                    } else {
                        tokio::select! {
                            ended = &mut connection => ended,
                            () = lifecycle.hard().cancelled() => Ok(()),
                        }
                    }
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection failed");
                // The bytes that could not be parsed are still in the buffer.
                if error.is_parse() && connection.into_parts().read_buf.starts_with(&TLS_HANDSHAKE)
                {
                    on_tls();
                }
            }
        });
    };
    loop {
        tokio::select! {
            () = lifecycle.soft().cancelled() => break,
            accepted = accept(&listener, &connections) => accepted.into_iter().for_each(&begin),
        }
    }
    // A connection that waits in the backlog may have sent a request: only later ones are refused.
    while let Ok(Some(accepted)) = timeout(Duration::ZERO, accept(&listener, &connections)).await {
        begin(accepted);
    }
    drop(listener);
    open.close();
    tokio::select! {
        () = open.wait() => {}
        () = lifecycle.hard().cancelled() => {}
    }
}

/// Resolves when a connection has to end: its place is needed, no request came in time, or the service stops. `true` if
/// it ends at once: who only has a refused body read waits for the answer, unless others need the place.
async fn has_to_end(lifecycle: &Lifecycle, connection: &Connection) -> bool {
    tokio::select! {
        () = connection.has_to_end() => connection.is_expendable(),
        () = stays_silent(connection) => true,
        () = no_more_requests(lifecycle, connection) => connection.is_silent(),
    }
}

/// Resolves when a connection has sent no request in time. Who only holds connections keeps others out; between two
/// requests a sender may take longer.
async fn stays_silent(connection: &Connection) {
    sleep(FIRST_HEAD_TIMEOUT).await;
    if !connection.is_silent() {
        pending::<()>().await;
    }
}

/// Resolves when a connection may take no further request. A connection without a request so far has a moment left,
/// since its request may have arrived already; but no longer, since browsers and load balancers open connections in
/// advance, and these would keep the process from ending.
async fn no_more_requests(lifecycle: &Lifecycle, connection: &Connection) {
    lifecycle.soft().cancelled().await;
    let until = Instant::now() + FIRST_REQUEST_TIMEOUT;
    while connection.is_silent() && Instant::now() < until {
        sleep(FIRST_REQUEST_TIMEOUT / 20).await;
    }
}

/// Lets the system end a connection whose client does not read its answer: hyper has no time limit on writing, and such
/// a client would keep the connection from others.
#[cfg(target_os = "linux")]
fn limit_unread(stream: &TcpStream, limit: Duration) {
    let limit = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
    rustix::net::sockopt::set_tcp_user_timeout(stream, limit).ok();
}

#[cfg(not(target_os = "linux"))]
fn limit_unread(_: &TcpStream, _: Duration) {}

type AcceptedConnection = (TcpStream, Arc<Connection>);

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Connections>,
) -> Option<AcceptedConnection> {
    connections.room().await;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are small and complete: nothing follows to wait for.
            stream.set_nodelay(true).ok();
            Some((stream, connections.open(peer.ip())))
        }
        Err(error) => {
            // Mostly out of file descriptors: give connections time to end.
            tracing::warn!(%error, "a connection could not be accepted");
            sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn only_a_connection_without_a_request_is_silent_for_too_long() {
        let connections = Connections::new(8);
        let connection = connections.open([127, 0, 0, 1].into());
        assert!(timeout(HOUR, stays_silent(&connection)).await.is_ok());
        let request = connection.begin();
        connection.refuse();
        let is_over = timeout(HOUR, stays_silent(&connection)).await;
        assert!(is_over.is_err(), "its answer is still to come");
        drop(request);
        let is_over = timeout(HOUR, stays_silent(&connection)).await;
        assert!(is_over.is_err(), "it is kept alive");
    }
}
