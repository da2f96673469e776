//! The crash ledger: many clients remember what was acknowledged, everything that can break is broken, and in the end
//! all of it is there, once.
//!
//! `scripts/test` runs it for some seconds, `scripts/ledger` for as long as one likes.

pub(crate) mod clients;
mod failing_destination;
mod forwarding;
pub(crate) mod injector;
pub(crate) mod reader;
pub(crate) mod sent_log;
pub(crate) mod server;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clients::Clients;
use injector::{Fault, Injector, Random};
use reader::Reader;
use sent_log::{Rows, SentLog, Verdict};
use server::Server;

use crate::support::cluster::{Cluster, End};
use crate::support::proxy::Proxy;

/// How long and how hard: from the environment of `scripts/ledger`, or something short.
struct Extent {
    time: Duration,
    clients: usize,
    /// What a client thinks before its next message.
    pause: Duration,
    /// How long a fault lasts, in milliseconds.
    lasts: std::ops::Range<u64>,
    seed: u64,
}

impl Extent {
    fn read() -> Self {
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = number("LEDGER_SEED").unwrap_or(now.as_secs());
        say("seed", seed);
        match number("LEDGER_SECONDS") {
            Some(seconds) => Self {
                time: Duration::from_secs(seconds),
                clients: 64,
                pause: Duration::ZERO,
                lasts: 100..6000,
                seed,
            },
            None => Self {
                time: Duration::from_secs(14),
                clients: 16,
                pause: Duration::from_millis(5),
                lasts: 50..300,
                seed,
            },
        }
    }
}

#[expect(clippy::print_stdout, reason = "the report of scripts/ledger")]
fn say(what: &str, value: impl Display) {
    println!("{what:<44} {value}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_what_was_acknowledged_is_in_postgres_once() {
    let cluster = Cluster::start().await;
    let url = cluster.url();
    let (proxy, through) = Proxy::before(&url).await;
    let server = Server::start(Some(&through), &[]).await;
    let injector = ledger(server, Some((cluster, proxy)), &Fault::ALL).await;
    let rows = Rows::in_postgres(&url).await;
    settle(&injector.0, injector.1, &rows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_what_was_acknowledged_is_in_the_embedded_database_once() {
    let server = Server::start(None, &[]).await;
    let injector = ledger(server, None, &Fault::WITHOUT_POSTGRES).await;
    let rows = Rows::in_sqlite(&injector.0.server.database_file()).await;
    settle(&injector.0, injector.1, &rows);
}

/// Runs clients and faults, then waits until all is well again and stops the server. Answers how many messages a
/// reader saw.
async fn ledger(
    server: Server,
    postgres: Option<(Cluster, Proxy)>,
    faults: &[Fault],
) -> (Injector, usize) {
    let extent = Extent::read();
    let log = Arc::new(SentLog::default());
    let base = server.base();
    let clients = Clients::start("client ", extent.clients, extent.pause, &base, &log);
    let reader = Reader::follow(base);
    let mut injector = Injector {
        server,
        postgres,
        log,
        random: Random(extent.seed),
        lasts: extent.lasts,
        done: BTreeMap::new(),
        longest_drain: Duration::ZERO,
        complaints: Vec::new(),
    };
    let mut faults = faults.to_vec();
    // Needs prlimit.
    faults.retain(|fault| cfg!(target_os = "linux") || *fault != Fault::FillDisk);
    injector.run(&faults, extent.time).await;
    clients.finish().await;
    let drained = injector.server.drained().await;
    injector.longest_drain = injector.longest_drain.max(drained);
    let seen = reader.finish().await;
    injector.end_server("-TERM").await;
    (injector, seen)
}

/// Says what came of it, and fails if anything was lost or doubled.
fn settle(injector: &Injector, seen: usize, rows: &Rows) {
    let verdict = injector.log.compare(rows);
    let done = |faults: &[Fault]| {
        let done = faults.iter().filter_map(|fault| injector.done.get(fault));
        done.sum::<usize>()
    };
    say("kills of the server", done(&[Fault::KillServer]));
    say(
        "orderly restarts of the server",
        done(&[Fault::RestartServer]),
    );
    let postgres = [Fault::KillPostgres, Fault::StopPostgres];
    say("kills and immediate stops of Postgres", done(&postgres));
    let paused = [Fault::PausePostmaster, Fault::PauseBackends];
    say("pauses of Postgres", done(&paused));
    let cuts = [Fault::CutNetwork, Fault::LoseCommits];
    say("network cuts", done(&cuts));
    say(
        "  of them losing answers to COMMIT",
        injector::LOST_COMMITS * done(&[Fault::LoseCommits]),
    );
    say("network freezes", done(&[Fault::FreezeNetwork]));
    say("full disks", done(&[Fault::FillDisk]));
    report(&injector.log, &verdict);
    say(
        "longest time until drained",
        seconds(injector.longest_drain),
    );
    verdict.assert_flawless();
    let tally = injector.log.tally();
    assert!(tally.acknowledged > 0, "nothing was acknowledged");
    assert!(
        tally.spooled > 0 || injector.postgres.is_none(),
        "nothing was spooled"
    );
    assert_eq!(seen, rows.messages(), "a reader behind a cursor sees all");
    assert!(injector.complaints.is_empty(), "{:#?}", injector.complaints);
}

fn report(log: &SentLog, verdict: &Verdict) {
    let tally = log.tally();
    say("acknowledged deliveries", tally.acknowledged);
    say("  of them spooled", tally.spooled);
    say("refused with 503", tally.refused);
    say("without an answer", tally.broken);
    say("stored messages", verdict.stored);
    say("  of them never acknowledged", verdict.unacknowledged);
    say("lost", verdict.lost.len());
    say("doubled", verdict.doubled.len());
    say(
        "longest time to the first `spooled` answer",
        seconds(tally.longest_to_spool),
    );
    say("worst latency", seconds(tally.worst_latency));
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// One outage, measured.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_postgres_is_felt_for_a_moment_only() {
    let mut cluster = Cluster::start().await;
    let url = cluster.url();
    let mut server = Server::start(Some(&url), &[]).await;
    let log = Arc::new(SentLog::default());
    let clients = Clients::start("client ", 64, Duration::ZERO, &server.base(), &log);
    log.acknowledges(500).await;
    log.set_away(true);
    cluster.end(End::Killed).await;
    log.spools(500).await;
    cluster.begin().await;
    let drained = server.drained().await;
    let stored = log.tally();
    log.acknowledges(stored.acknowledged + 500).await;
    clients.finish().await;
    server.drained().await;
    assert!(server.end("-TERM").await.0.success());
    let verdict = log.compare(&Rows::in_postgres(&url).await);
    report(&log, &verdict);
    say(
        "time until drained, once Postgres is back",
        seconds(drained),
    );
    verdict.assert_flawless();
    let tally = log.tally();
    assert_eq!((tally.refused, tally.broken), (0, 0));
    assert!(tally.longest_to_spool < Duration::from_secs(10));
    assert!(tally.worst_latency < Duration::from_secs(15));
    assert!(drained < Duration::from_secs(30));
}
