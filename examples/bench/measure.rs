//! One measurement: a fresh database, a contestant, a load, and the check that what was acknowledged is there.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use serde_json::Value;
use tokio::process::Command;

use crate::catch_up;
use crate::database::{Rows, Server as Database};
use crate::forwarding::Handler;
use crate::machine::{Ticks, memory};
use crate::subject::{Server, TOKEN};
use crate::{Plan, body, http_peers};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Http(Server, usize),
    /// The service with somebody new in every message.
    NewPeople(usize),
    /// The service with messages that only content and arrival tell apart.
    Windows(usize),
    Pgbench,
    /// The service's commit at its own batch size.
    Commit,
}

impl Subject {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Http(Server::Service, connections) => format!("service-{connections}"),
            Self::Http(Server::Production, connections) => format!("production-{connections}"),
            Self::Http(Server::Forwarding, connections) => format!("forwarding-{connections}"),
            Self::Http(Server::ForwardingDown, connections) => {
                format!("forwarding-down-{connections}")
            }
            Self::Http(Server::Embedded, connections) => format!("embedded-{connections}"),
            Self::Http(Server::Floor, connections) => format!("floor-{connections}"),
            Self::Http(Server::Conventional, connections) => format!("conventional-{connections}"),
            Self::Http(Server::Fastify, connections) => format!("fastify-{connections}"),
            Self::NewPeople(connections) => format!("new-people-{connections}"),
            Self::Windows(connections) => format!("windows-{connections}"),
            Self::Pgbench => "pgbench-16".to_owned(),
            Self::Commit => "commit".to_owned(),
        }
    }

    /// Whether it is the service itself, so that there is an older build of it to measure.
    pub(crate) fn is_service(self) -> bool {
        match self {
            Self::Http(server, _) => server.is_service(),
            Self::NewPeople(_) | Self::Windows(_) => true,
            Self::Pgbench | Self::Commit => false,
        }
    }
}

/// What came out.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Measured {
    /// Acknowledged in a second, the time in which the rollup catches up included.
    pub(crate) rate: f64,
    /// The same without that time, where there is a rollup.
    pub(crate) load_rate: Option<f64>,
    /// Milliseconds.
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) p999: Option<f64>,
    /// Deliveries in a transaction.
    pub(crate) batch: Option<f64>,
    /// How many seconds the rollup took to reach the head after the load.
    pub(crate) catch_up: Option<f64>,
    /// Kilobytes that Postgres wrote to its log for a message, those of the rollup included.
    pub(crate) wal: Option<f64>,
    /// Forwarded in a second during the load.
    pub(crate) forwarded: Option<f64>,
    /// The contestant's largest memory, in MB.
    pub(crate) memory: Option<f64>,
    /// Percent of the processors' time.
    pub(crate) stolen: f64,
}

/// What measurements need.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) plan: Plan,
    pub(crate) database: Database,
    /// A place for files; everything in it is forgotten.
    pub(crate) directory: PathBuf,
    /// Where messages are forwarded to.
    pub(crate) handler: Handler,
    /// The service's batch size at 256 connections, for [`Subject::Commit`].
    pub(crate) batch: f64,
}

impl Bench {
    /// The same for the older build, if there is one.
    pub(crate) fn before(&self) -> Option<Self> {
        let mut plan = self.plan.clone();
        plan.service = plan.before.take()?;
        Some(Self {
            plan,
            database: self.database.clone(),
            directory: self.directory.clone(),
            handler: self.handler.clone(),
            ..*self
        })
    }

    /// Measures for this many seconds.
    pub(crate) async fn measure(&self, subject: Subject, seconds: f64) -> anyhow::Result<Measured> {
        let name = format!("bench_{}", subject.name().replace('-', "_"));
        let url = self.database.fresh(&name).await?;
        let measured = match subject {
            Subject::Http(server, connections) => {
                self.http(server, connections, &name, &url, seconds, &[])
                    .await
            }
            Subject::NewPeople(connections) => {
                let options = ["--contacts", "0"];
                self.http(Server::Service, connections, &name, &url, seconds, &options)
                    .await
            }
            Subject::Windows(connections) => {
                let options = ["--identity", "window"];
                self.http(Server::Service, connections, &name, &url, seconds, &options)
                    .await
            }
            Subject::Pgbench => self.pgbench(&name, &url, seconds).await,
            Subject::Commit => self.commit(&name, &url, seconds).await,
        };
        let measured = measured.with_context(|| subject.name())?;
        self.database.drop(&name).await?;
        Ok(measured)
    }

    async fn http(
        &self,
        server: Server,
        connections: usize,
        name: &str,
        url: &str,
        seconds: f64,
        options: &[&str],
    ) -> anyhow::Result<Measured> {
        if matches!(server, Server::Conventional | Server::Fastify) {
            self.make_peer_table(name).await?;
        }
        let directory = tempfile::tempdir_in(&self.directory)?;
        let running = server.start(&self.plan, url, directory.path()).await?;
        if server == Server::Production {
            running.erase_a_person().await?;
        }
        let wal = self.database.wal().await?;
        let ticks = Ticks::now();
        self.handler.take();
        let report = self
            .load(&running.address, connections, seconds, options)
            .await?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let forwarded = self.handler.take().len() as f64 / seconds;
        let catch_up = match server {
            one if one.is_on_postgres() => Some(catch_up::postgres(&self.database, name).await?),
            Server::Embedded => Some(catch_up::sqlite(&embedded_file(directory.path())).await?),
            _ => None,
        };
        let wal = self.database.wal().await? - wal;
        let stolen = ticks.stolen_since();
        let memory = memory(running.pid, "VmHWM");
        running.stop().await?;
        let rows = match server {
            one if one.is_on_postgres() => Some(self.database.rows(name).await?),
            Server::Conventional | Server::Fastify => Some(self.database.peer_rows(name).await?),
            Server::Embedded => Some(embedded_rows(directory.path()).await?),
            _ => None,
        };
        let batch = check(&report, rows)?;
        let is_on_postgres = server.is_on_postgres();
        let rate = report["rate"].as_f64().unwrap_or_default();
        let acknowledged = report["acknowledged"].as_f64().unwrap_or_default();
        Ok(Measured {
            rate: rate * seconds / (seconds + catch_up.unwrap_or_default()),
            load_rate: catch_up.map(|_| rate),
            p50: report["p50"].as_f64(),
            p99: report["p99"].as_f64(),
            p999: report["p999"].as_f64(),
            batch: batch.filter(|_| is_on_postgres),
            catch_up,
            wal: is_on_postgres.then_some(wal / 1000.0 / acknowledged),
            forwarded: (server == Server::Forwarding).then_some(forwarded),
            memory,
            stolen,
        })
    }

    /// Runs the load generator against the webhook at an address, and answers its report.
    pub(crate) async fn load(
        &self,
        address: &str,
        connections: usize,
        seconds: f64,
        options: &[&str],
    ) -> anyhow::Result<Value> {
        let mut command = Command::new(&self.plan.loadgen);
        command
            .args(["--address", address, "--expect", r#""outcome":"stored""#])
            .args(["--connections", &connections.to_string()])
            .args(["--seconds", &seconds.to_string()])
            .args(options);
        output(&mut command).await
    }

    async fn commit(&self, name: &str, url: &str, seconds: f64) -> anyhow::Result<Measured> {
        let batch = format!("{:.0}", self.batch.max(1.0));
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["commit", "--database", url, "--batch", &batch])
            .args(["--seconds", &seconds.to_string()]);
        let ticks = Ticks::now();
        let report = output(&mut command).await?;
        let stolen = ticks.stolen_since();
        let batch = check(&report, Some(self.database.rows(name).await?))?;
        Ok(Measured {
            rate: report["rate"].as_f64().unwrap_or_default(),
            batch,
            stolen,
            ..Measured::default()
        })
    }

    /// One row of the same size in each transaction, prepared, from 16 clients.
    async fn pgbench(&self, name: &str, url: &str, seconds: f64) -> anyhow::Result<Measured> {
        self.make_peer_table(name).await?;
        let script = self.directory.join("insert.sql");
        std::fs::write(&script, pgbench_script())?;
        let seconds = format!("{:.0}", seconds.ceil());
        let ticks = Ticks::now();
        let output = Command::new(&self.plan.pgbench)
            .args(["--no-vacuum", "--protocol", "prepared", "--client", "16"])
            .args(["--jobs", "2", "--time", &seconds, "--file"])
            .arg(&script)
            .arg(url)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        let stolen = ticks.stolen_since();
        let text = String::from_utf8_lossy(&output.stdout);
        let number = |before: &str| -> Option<f64> {
            let (_, rest) = text.split_once(before)?;
            rest.split_whitespace().next()?.parse().ok()
        };
        let told = || format!("{text}{}", String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{}", told());
        let done = number("transactions actually processed: ").with_context(told)?;
        let rows = self.database.peer_rows(name).await?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let stored = rows.messages as f64;
        ensure!(
            (stored - done).abs() < 0.5,
            "{stored} rows, but {done} transactions"
        );
        Ok(Measured {
            rate: number("tps = ").with_context(told)?,
            stolen,
            ..Measured::default()
        })
    }

    async fn make_peer_table(&self, name: &str) -> anyhow::Result<()> {
        let mut connection = self.database.connect(name).await?;
        sqlx::raw_sql(http_peers::TABLE)
            .execute(&mut connection)
            .await?;
        Ok(())
    }

    /// The service behind a fresh load, at a fixed rate, with every acknowledged message read back.
    pub(crate) async fn open_loop(
        &self,
        server: Server,
        rate: f64,
        seconds: f64,
    ) -> anyhow::Result<Value> {
        let name = "bench_open_loop";
        let url = self.database.fresh(name).await?;
        let directory = tempfile::tempdir_in(&self.directory)?;
        let running = server.start(&self.plan, &url, directory.path()).await?;
        let offered = format!("{rate:.0}");
        let options = ["--rate", &offered, "--verify", TOKEN];
        let mut report = self.load(&running.address, 256, seconds, &options).await?;
        running.stop().await?;
        ensure!(
            report["missing"] == 0,
            "{} acknowledged messages are not stored",
            report["missing"]
        );
        let batch = check(&report, Some(self.database.rows(name).await?))?;
        report["batch"] = batch.into();
        report["offered"] = rate.into();
        self.database.drop(name).await?;
        Ok(report)
    }
}

/// Runs a program that prints one line of JSON.
async fn output(command: &mut Command) -> anyhow::Result<Value> {
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {errors}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Everything was answered with 2xx, and the rows are exactly what was acknowledged. Answers the batch size.
fn check(report: &Value, rows: Option<Rows>) -> anyhow::Result<Option<f64>> {
    ensure!(
        report["refused"] == 0 && report["broken"] == 0,
        "not everything was acknowledged: {report}"
    );
    let Some(rows) = rows else { return Ok(None) };
    ensure!(
        report["acknowledged"] == rows.messages,
        "{} rows, but {} were acknowledged",
        rows.messages,
        report["acknowledged"]
    );
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let batch = rows.messages as f64 / rows.commits.max(1) as f64;
    Ok(Some(batch))
}

fn embedded_file(directory: &Path) -> PathBuf {
    directory.join("data/chatrace-webhook.db")
}

async fn embedded_rows(directory: &Path) -> anyhow::Result<Rows> {
    use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};
    let file = embedded_file(directory);
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut connection = options.connect().await?;
    let messages: i64 = sqlx::query_scalar("SELECT count(*) FROM messages")
        .fetch_one(&mut connection)
        .await?;
    Ok(Rows {
        messages,
        commits: 0,
    })
}

/// The INSERT of the conventional handler, with constants of the same size but for the id.
fn pgbench_script() -> String {
    use std::fmt::Write as _;
    let body = body::Bodies::new("pgbench", body::CONTACTS, body::Identity::Id).body(1234);
    let mut hex = String::with_capacity(body.len() * 2);
    for byte in body.bytes() {
        write!(hex, "{byte:02x}").ok();
    }
    let text = "x".repeat(150);
    format!(
        "\\set a random(1, 1000000000000)\n\\set b random(1, 1000000000000)\n\
         INSERT INTO peer_messages (id, contact_id, username, display_name, text, body) \
         VALUES (:a || '-' || :b, '1789400000001234', 'ana.ruiz.1234', 'Ana Ruiz 1234', '{text}', '\\x{hex}') \
         ON CONFLICT DO NOTHING;\n"
    )
}
