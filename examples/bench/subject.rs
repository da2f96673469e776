//! Who is measured: how each is started, and ended.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::Plan;

/// The API token of every service that is measured.
pub(crate) const TOKEN: &str = "benchmark";

/// A contestant over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// The service on Postgres.
    Service,
    /// The same with `RETENTION_DAYS` and a person who was erased.
    Production,
    /// The same with a destination that accepts everything.
    Forwarding,
    /// The same with a destination that is down.
    ForwardingDown,
    /// The service on its embedded database.
    Embedded,
    Floor,
    Conventional,
    Fastify,
}

/// A process that answers requests. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) address: String,
    pub(crate) pid: u32,
    /// From its start until it said that it is ready.
    pub(crate) took: Duration,
}

impl Server {
    /// Whether it is the service, and no peer.
    pub(crate) fn is_service(self) -> bool {
        self.is_on_postgres() || self == Self::Embedded
    }

    /// Whether it is the service on Postgres.
    pub(crate) fn is_on_postgres(self) -> bool {
        matches!(
            self,
            Self::Service | Self::Production | Self::Forwarding | Self::ForwardingDown
        )
    }

    /// Starts it at the default configuration. What it logs goes to a file in `directory`.
    pub(crate) async fn start(
        self,
        plan: &Plan,
        database: &str,
        directory: &Path,
    ) -> anyhow::Result<Running> {
        let port = free_port()?;
        let address = format!("127.0.0.1:{port}");
        let port = port.to_string();
        let mut command = match self {
            Self::Service
            | Self::Production
            | Self::Forwarding
            | Self::ForwardingDown
            | Self::Embedded => {
                let mut command = Command::new(&plan.service);
                command
                    .env("HOST", "127.0.0.1")
                    .env("PORT", &port)
                    .env("DATA_DIR", directory.join("data"))
                    .env("API_TOKEN", TOKEN);
                if self != Self::Embedded {
                    command.env("DATABASE_URL", database);
                }
                if self == Self::Production {
                    command.env("RETENTION_DAYS", "30");
                }
                match self {
                    Self::Forwarding => command.env("FORWARD_URL", &plan.forward_to),
                    // Nobody listens there.
                    Self::ForwardingDown => command.env("FORWARD_URL", "http://127.0.0.1:1/"),
                    _ => &mut command,
                };
                command
            }
            Self::Floor => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["floor", "--port", &port]);
                command
            }
            Self::Conventional => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["conventional", "--port", &port, "--database", database]);
                command
            }
            Self::Fastify => {
                let peer = plan.fastify.as_ref().context("no Fastify")?;
                let mut command = Command::new("node");
                command
                    .arg(peer.join("server.js"))
                    .env("PORT", &port)
                    .env("DATABASE_URL", database)
                    .env("NODE_ENV", "production");
                command
            }
        };
        let log = std::fs::File::create(directory.join("log"))?;
        let began = Instant::now();
        let child = command
            // No `.env` of whoever runs this.
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{self:?} cannot be started"))?;
        let pid = child.id().context("it ended at once")?;
        let mut running = Running {
            child,
            address,
            pid,
            took: Duration::ZERO,
        };
        let ready = running.ready(self);
        if timeout(Duration::from_secs(20), ready).await.is_err() {
            let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
            bail!("{self:?} is not ready: {log}");
        }
        running.took = began.elapsed();
        Ok(running)
    }
}

impl Running {
    async fn ready(&self, server: Server) {
        let client = chatrace_webhook::http_client::builder()
            .build()
            .expect("a client");
        let url = format!("http://{}/readyz", self.address);
        loop {
            match client.get(&url).send().await {
                Ok(answer) if answer.status().is_success() => return,
                // A peer has no such path, but it answers.
                Ok(_) if !server.is_service() => return,
                _ => sleep(Duration::from_millis(1)).await,
            }
        }
    }

    /// Erases a person whom nobody knows: from then on each commit looks into the suppression list.
    pub(crate) async fn erase_a_person(&self) -> anyhow::Result<()> {
        let client = chatrace_webhook::http_client::builder().build()?;
        let url = format!("http://{}/instagram/contacts/erased", self.address);
        let request = client.delete(url).bearer_auth(TOKEN);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// Ends it as an operator would, and waits.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let told = Command::new("kill")
            .args(["-TERM", &self.pid.to_string()])
            .status()
            .await?;
        if told.success()
            && timeout(Duration::from_secs(20), self.child.wait())
                .await
                .is_ok()
        {
            return Ok(());
        }
        self.child.kill().await?;
        Ok(())
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
