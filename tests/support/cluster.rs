//! A Postgres of a test's own, with default durability: to be killed, stopped, paused, and started again on the same
//! port. It ends with the test.

use std::fs::{File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::process::PATIENCE;

/// How often is looked whether something has happened that nobody tells.
const LOOK: Duration = Duration::from_millis(10);

/// How Postgres ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// `kill -9` of the postmaster: the others find out by themselves.
    Killed,
    /// Everything at once and without a checkpoint, as on `pg_ctl stop -m immediate`.
    Immediate,
}

/// Who is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paused {
    /// Nobody gets in any more; who is in works on.
    Postmaster,
    /// Those who serve connections, with whatever locks they hold.
    Backends,
}

/// A running server with a directory of its own.
pub(crate) struct Cluster {
    directory: TempDir,
    port: u16,
    child: Option<Child>,
    postmaster: String,
    paused: Vec<String>,
}

impl Cluster {
    /// Makes a cluster and starts it.
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Run by root, Postgres has another user.
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o1777)).unwrap();
        let log = File::create(directory.path().join("initdb.log")).unwrap();
        let made = as_owner("initdb")
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
            .args(["--locale=C", "--no-sync", "--pgdata"])
            .arg(data(&directory))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .status();
        assert!(made.await.unwrap().success(), "initdb failed");
        let mut cluster = Self {
            port: free_port(),
            directory,
            child: None,
            postmaster: String::new(),
            paused: Vec::new(),
        };
        cluster.begin().await;
        cluster
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Copies everything into another one, as `pg_dump` and psql do.
    pub(crate) async fn dump_into(&self, other: &Self) {
        let file = self.directory.path().join("dump.sql");
        let dump = Command::new(client("pg_dump"))
            .args(["-d", &self.url(), "-f"])
            .arg(&file)
            .status();
        assert!(dump.await.unwrap().success(), "pg_dump failed");
        let restore = Command::new(client("psql"))
            .args(["-q", "-v", "ON_ERROR_STOP=1", "-d", &other.url(), "-f"])
            .arg(&file)
            .stdout(Stdio::null())
            .status();
        assert!(restore.await.unwrap().success(), "psql failed");
    }

    /// Starts it, and waits until it takes connections.
    pub(crate) async fn begin(&mut self) {
        let beginning = async {
            // What a killed postmaster left behind keeps the next one out for a moment.
            while !self.try_begin().await {
                sleep(LOOK).await;
            }
        };
        if timeout(PATIENCE, beginning).await.is_err() {
            let log = std::fs::read_to_string(self.directory.path().join("log"));
            panic!("Postgres does not start: {}", log.unwrap_or_default());
        }
    }

    async fn try_begin(&mut self) -> bool {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.directory.path().join("log"))
            .unwrap();
        let mut child = as_owner("postgres")
            .arg("-D")
            .arg(data(&self.directory))
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        loop {
            if let Ok(connection) = PgConnection::connect(&self.url()).await {
                connection.close().await.ok();
                break;
            }
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            sleep(LOOK).await;
        }
        self.postmaster = child.id().unwrap().to_string();
        self.child = Some(child);
        true
    }

    /// Ends it, and waits until the postmaster is gone.
    pub(crate) async fn end(&mut self, end: End) {
        let mut child = self.child.take().unwrap();
        signal(
            match end {
                End::Killed => "-KILL",
                End::Immediate => "-QUIT",
            },
            [&self.postmaster],
        );
        timeout(PATIENCE, child.wait())
            .await
            .expect("Postgres does not end")
            .unwrap();
    }

    /// Stops some of its processes where they are, whatever they hold.
    pub(crate) fn pause(&mut self, who: Paused) {
        self.paused = match who {
            Paused::Postmaster => vec![self.postmaster.clone()],
            Paused::Backends => self.backends(),
        };
        signal("-STOP", &self.paused);
    }

    /// Lets them go on.
    pub(crate) fn resume(&mut self) {
        signal("-CONT", &std::mem::take(&mut self.paused));
    }

    /// The processes that serve connections over TCP.
    fn backends(&self) -> Vec<String> {
        let processes = std::process::Command::new("ps")
            .args(["-A", "-o", "pid=", "-o", "ppid=", "-o", "args="])
            .output()
            .unwrap();
        String::from_utf8_lossy(&processes.stdout)
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let (id, parent) = (words.next()?, words.next()?);
                let serves = words.any(|word| word.starts_with("127.0.0.1("));
                (parent == self.postmaster && serves).then(|| id.to_owned())
            })
            .collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.resume();
        let Some(mut child) = self.child.take() else {
            return;
        };
        signal("-QUIT", [&self.postmaster]);
        // The directory is removed next: nobody may write there any more.
        for _ in 0..1000 {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK);
        }
        signal("-KILL", [&self.postmaster]);
    }
}

fn data(directory: &TempDir) -> PathBuf {
    directory.path().join("data")
}

/// One of the server programs, run by somebody whom it does not refuse: not by root.
fn as_owner(program: &str) -> Command {
    let mut command = Command::new(bin().join(program));
    command.current_dir("/");
    if id(&["-u"]) == Some(0) {
        let owner = ["postgres", "nobody"]
            .into_iter()
            .find(|name| id(&["-u", name]).is_some())
            .unwrap();
        command.uid(id(&["-u", owner]).unwrap());
        command.gid(id(&["-g", owner]).unwrap());
    }
    command
}

fn bin() -> PathBuf {
    let bin = std::env::var("TEST_POSTGRES_BIN").expect(
        "these tests need the server programs of Postgres: run scripts/test, or set TEST_POSTGRES_BIN to their directory",
    );
    PathBuf::from(bin)
}

/// A client program: beside the server programs, where links to those lead, or wherever else.
fn client(name: &str) -> PathBuf {
    let real = std::fs::canonicalize(bin().join("initdb")).unwrap();
    let mut places = [bin().join(name), real.with_file_name(name)].into_iter();
    places
        .find(|program| program.exists())
        .unwrap_or_else(|| PathBuf::from(name))
}

fn id(arguments: &[&str]) -> Option<u32> {
    let mut id = std::process::Command::new("id");
    let output = id.args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

/// Sends a signal to processes. Some may be gone already.
fn signal<'a>(signal: &str, processes: impl IntoIterator<Item = &'a String>) {
    for process in processes {
        std::process::Command::new("kill")
            .args([signal, process])
            .stderr(Stdio::null())
            .status()
            .unwrap();
    }
}

/// A port below the range from which the system picks those of outgoing connections.
fn free_port() -> u16 {
    loop {
        let random = uuid::Uuid::now_v7().as_u64_pair().1;
        let port = 20_000 + u16::try_from(random % 12_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
