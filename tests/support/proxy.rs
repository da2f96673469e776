//! A TCP proxy in front of Postgres that does to the network what networks do.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to bytes on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// They arrive.
    Up,
    /// Connections are closed, and new ones too.
    Cut,
    /// Connections stay open, and nothing arrives: a hanging server, or a firewall that forgot.
    Frozen,
    /// The next COMMIT on a connection that has inserted messages reaches the server, but its answer does not come
    /// back: the connection is cut. Then `Cut`.
    LosesNextCommit,
    /// The next connection on which somebody says this hangs for ever. Then `Up`.
    HangsAt(&'static str),
}

/// A proxy that runs until it is dropped.
pub(crate) struct Proxy {
    network: Arc<watch::Sender<Network>>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// A proxy in front of the server of a database URL, and the URL that leads through it.
    pub(crate) async fn before(url: &str) -> (Self, String) {
        let mut url = url::Url::parse(url).unwrap();
        let far = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port()))
            .unwrap();
        let network = Arc::new(watch::Sender::new(Network::Up));
        let task = tokio::spawn(accept(listener, far, network.clone()));
        (Self { network, task }, url.into())
    }

    pub(crate) fn set(&self, network: Network) {
        self.network.send_replace(network);
    }

    /// Waits until the network is this: `LosesNextCommit` turns into `Cut` when it happened.
    pub(crate) async fn becomes(&self, network: Network) {
        self.network
            .subscribe()
            .wait_for(|now| *now == network)
            .await
            .unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, far: String, network: Arc<watch::Sender<Network>>) {
    while let Ok((near, _)) = listener.accept().await {
        if *network.borrow() == Network::Cut {
            continue;
        }
        let Ok(far) = TcpStream::connect(&far).await else {
            continue;
        };
        near.set_nodelay(true).ok();
        far.set_nodelay(true).ok();
        let (near_read, near_write) = near.into_split();
        let (far_read, far_write) = far.into_split();
        let (network, mut cut) = (network.clone(), network.subscribe());
        tokio::spawn(async move {
            tokio::select! {
                () = forward(near_read, far_write, &network, true) => {}
                () = forward(far_read, near_write, &network, false) => {}
                _ = cut.wait_for(|now| *now == Network::Cut) => {}
            }
        });
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    network: &watch::Sender<Network>,
    to_server: bool,
) {
    let mut now = network.subscribe();
    let mut buffer = vec![0; 64 * 1024];
    let mut commits = Commits::default();
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if now.wait_for(|now| *now != Network::Frozen).await.is_err() {
            return;
        }
        let bytes = &buffer[..length];
        let says = |text: &str| {
            to_server
                && bytes
                    .windows(text.len())
                    .any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
        };
        let is_commit = to_server && commits.see(bytes);
        let state = *now.borrow();
        let is_lost = state == Network::LosesNextCommit && is_commit;
        if let Network::HangsAt(text) = state
            && says(text)
        {
            network.send_replace(Network::Up);
            std::future::pending::<()>().await;
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
        if is_lost {
            // The server has the COMMIT in its socket and carries it out even when the connection ends.
            network.send_replace(Network::Cut);
            return;
        }
    }
}

/// What tells a commit of messages on a connection:
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
#[derive(Default)]
struct Commits {
    /// It has prepared the statement that is a whole commit.
    knows_statement: bool,
    /// It has prepared the statement that is a part of one.
    knows_part: bool,
    in_transaction: bool,
}

impl Commits {
    /// Whether the server commits messages when it has read this.
    fn see(&mut self, bytes: &[u8]) -> bool {
        const EXECUTE: &[u8] = b"E\0\0\0\x09\0\0\0\0\0";
        const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
        let says = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        self.knows_statement |= says(b"SELECT commit_batch(");
        self.knows_part |= says(b"new_message[]");
        self.in_transaction |= says(b"BEGIN ");
        let commits = says(COMMIT);
        if commits || says(b"ROLLBACK\0") {
            self.in_transaction = false;
        }
        let is_statement = self.knows_statement && !self.in_transaction && says(EXECUTE);
        is_statement || commits && self.knows_part
    }
}
