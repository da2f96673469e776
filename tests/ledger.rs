//! The crash ledger: many clients remember what was acknowledged, everything that can break is broken, and in the end
//! all of it is there, once.
//!
//! `scripts/test` runs it for some seconds, `scripts/ledger` for as long as one likes.

pub(crate) mod book;
pub(crate) mod chaos;
pub(crate) mod crowd;
pub(crate) mod reader;
pub(crate) mod server;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use book::{Book, Rows, Verdict};
use chaos::{Chaos, Dice, Fault};
use crowd::Crowd;
use reader::Reader;
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
    let chaos = ledger(server, Some((cluster, proxy)), &Fault::ALL).await;
    let rows = Rows::in_postgres(&url).await;
    settle(&chaos.0, chaos.1, &rows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_what_was_acknowledged_is_in_the_embedded_database_once() {
    let server = Server::start(None, &[]).await;
    let chaos = ledger(server, None, &Fault::WITHOUT_POSTGRES).await;
    let rows = Rows::in_sqlite(&chaos.0.server.database_file()).await;
    settle(&chaos.0, chaos.1, &rows);
}

/// Runs clients and faults, then waits until all is well again and stops the server. Answers how many messages a
/// reader saw.
async fn ledger(
    server: Server,
    postgres: Option<(Cluster, Proxy)>,
    faults: &[Fault],
) -> (Chaos, usize) {
    let extent = Extent::read();
    let book = Arc::new(Book::default());
    let base = server.base();
    let crowd = Crowd::gather("client ", extent.clients, extent.pause, &base, &book);
    let reader = Reader::follow(base);
    let mut chaos = Chaos {
        server,
        postgres,
        book,
        dice: Dice(extent.seed),
        lasts: extent.lasts,
        done: BTreeMap::new(),
        longest_drain: Duration::ZERO,
        complaints: Vec::new(),
    };
    let mut faults = faults.to_vec();
    // Needs prlimit.
    faults.retain(|fault| cfg!(target_os = "linux") || *fault != Fault::FillDisk);
    chaos.rage(&faults, extent.time).await;
    crowd.disperse().await;
    let drained = chaos.server.drained().await;
    chaos.longest_drain = chaos.longest_drain.max(drained);
    let seen = reader.finish().await;
    chaos.end_server("-TERM").await;
    (chaos, seen)
}

/// Says what came of it, and fails if anything was lost or doubled.
fn settle(chaos: &Chaos, seen: usize, rows: &Rows) {
    let verdict = chaos.book.compare(rows);
    let done = |faults: &[Fault]| {
        let done = faults.iter().filter_map(|fault| chaos.done.get(fault));
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
        chaos::LOST_COMMITS * done(&[Fault::LoseCommits]),
    );
    say("network freezes", done(&[Fault::FreezeNetwork]));
    say("full disks", done(&[Fault::FillDisk]));
    report(&chaos.book, &verdict);
    say("longest time until drained", seconds(chaos.longest_drain));
    verdict.assert_flawless();
    let tally = chaos.book.tally();
    assert!(tally.acknowledged > 0, "nothing was acknowledged");
    assert!(
        tally.spooled > 0 || chaos.postgres.is_none(),
        "nothing was spooled"
    );
    assert_eq!(seen, rows.messages(), "a reader behind a cursor sees all");
    assert!(chaos.complaints.is_empty(), "{:#?}", chaos.complaints);
}

fn report(book: &Book, verdict: &Verdict) {
    let tally = book.tally();
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
    let book = Arc::new(Book::default());
    let crowd = Crowd::gather("client ", 64, Duration::ZERO, &server.base(), &book);
    book.acknowledges(500).await;
    book.set_away(true);
    cluster.end(End::Killed).await;
    book.spools(500).await;
    cluster.begin().await;
    let drained = server.drained().await;
    let stored = book.tally();
    book.acknowledges(stored.acknowledged + 500).await;
    crowd.disperse().await;
    server.drained().await;
    assert!(server.end("-TERM").await.0.success());
    let verdict = book.compare(&Rows::in_postgres(&url).await);
    report(&book, &verdict);
    say(
        "time until drained, once Postgres is back",
        seconds(drained),
    );
    verdict.assert_flawless();
    let tally = book.tally();
    assert_eq!((tally.refused, tally.broken), (0, 0));
    assert!(tally.longest_to_spool < Duration::from_secs(10));
    assert!(tally.worst_latency < Duration::from_secs(15));
    assert!(drained < Duration::from_secs(30));
}
