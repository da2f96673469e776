//! The ledger of what is forwarded: while the service, its replicas and Postgres are killed, a destination fails in
//! every way. In the end it has every stored message, and had none under two ids.

use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::clients::Clients;
use super::failing_destination::FailingDestination;
use super::injector::Random;
use super::sent_log::{Rows, SentLog};
use super::server::Server;
use super::{Extent, report, say, seconds};
use crate::support::cluster::{Cluster, End};
use crate::support::destination::SECRET;
use crate::support::wait::eventually_within;

/// How many clients write to each replica, and how long each thinks before it writes the next message.
const CLIENTS: usize = 8;
const PAUSE: Duration = Duration::from_millis(20);
/// Far longer than it takes until everything is forwarded: a message that was refused twice waits five minutes.
const FORWARD_PATIENCE: Duration = Duration::from_mins(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_a_destination_gets_what_postgres_has() {
    let cluster = Cluster::start().await;
    check(Some(cluster), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_a_destination_gets_what_two_replicas_store() {
    let cluster = Cluster::start().await;
    check(Some(cluster), 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_a_destination_gets_what_the_embedded_database_has() {
    check(None, 1).await;
}

/// The id and the text of every message.
type Stored = Vec<(Uuid, Option<String>)>;

const STORED: &str = "SELECT id, body FROM messages";

async fn check(cluster: Option<Cluster>, replicas: usize) {
    let extent = Extent::read();
    let url = cluster.as_ref().map(Cluster::url);
    let destination = FailingDestination::start().await;
    let variables = [
        ("FORWARD_URL", &*destination.url),
        ("FORWARD_SECRET", SECRET),
        ("FORWARD_START", "beginning"),
        ("FORWARD_TIMEOUT", "1s"),
    ];
    let mut breaking = Breaking {
        servers: Vec::new(),
        cluster,
        random: Random(extent.seed),
        lasts: extent.lasts.clone(),
        kills: 0,
        restarts: 0,
        kills_of_postgres: 0,
    };
    let log = Arc::new(SentLog::default());
    let mut clients = Vec::new();
    for number in 0..replicas {
        let server = Server::start(url.as_deref(), &variables).await;
        let name = format!("client of {number} ");
        clients.push(Clients::start(&name, CLIENTS, PAUSE, &server.base(), &log));
        breaking.servers.push(server);
    }
    let mut moods = Random(extent.seed + 1);
    tokio::join!(
        breaking.run(extent.time),
        destination.fail(&mut moods, extent.lasts, extent.time)
    );
    for clients in clients {
        clients.finish().await;
    }
    let began = Instant::now();
    for server in &breaking.servers {
        server.drained().await;
    }
    let ask = async || breaking.servers[0].get("/instagram/destinations").await;
    eventually_within(FORWARD_PATIENCE, "everything is forwarded", ask, |answer| {
        let answer = answer.as_ref().unwrap_or(&serde_json::Value::Null);
        let one = &answer["destinations"][0];
        one["backlog"]["count"] == 0 && one["retries"]["waiting"] == 0 && one["state"] == "up"
    })
    .await;
    let took = began.elapsed();
    for server in &mut breaking.servers {
        assert!(server.end("-TERM").await.0.success());
    }
    let (stored, rows): (Stored, Rows) = if let Some(url) = &url {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let stored = sqlx::query_as(STORED).fetch_all(&mut connection).await;
        (stored.unwrap(), Rows::in_postgres(url).await)
    } else {
        let file = breaking.servers[0].database_file();
        let options = SqliteConnectOptions::new().filename(&file);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let stored = sqlx::query_as(STORED).fetch_all(&mut connection).await;
        connection.close().await.unwrap();
        (stored.unwrap(), Rows::in_sqlite(&file).await)
    };
    breaking.report();
    report(&log, &log.compare(&rows));
    say("time until everything was forwarded", seconds(took));
    compare(&destination, &stored);
    log.compare(&rows).assert_flawless();
}

/// Says what the destination got, and fails if it is not what was stored.
fn compare(destination: &FailingDestination, stored: &Stored) {
    let seen = destination.seen();
    for (mood, number) in &seen.failed {
        let what = format!("attempts at a destination that {mood:?}").to_lowercase();
        say(&what, number);
    }
    let repeats: usize = seen.accepted.values().map(|(_, times)| times - 1).sum();
    let mut lost = Vec::new();
    let mut wrong = seen.complaints.clone();
    for (id, text) in stored {
        match seen.accepted.get(&id.to_string()) {
            None => lost.push(id),
            Some((got, _)) if Some(got) != text.as_ref() => {
                wrong.push(format!("{id} is {text:?} and came as `{got}`"));
            }
            Some(_) => {}
        }
    }
    say("messages at the destination", seen.accepted.len());
    say("  of them repeated under the same id", repeats);
    say("stored and not forwarded", lost.len());
    let strangers = seen.accepted.len() + lost.len() - stored.len();
    say("under an id that is not stored", strangers);
    assert!(lost.is_empty(), "{} are lost: {lost:?}", lost.len());
    assert!(strangers == 0 && wrong.is_empty(), "{strangers} {wrong:#?}");
    // It does not count who comes while it refuses connections.
    let is_all = seen.failed.len() >= 5;
    assert!(!stored.is_empty() && is_all, "{:?}", seen.failed);
}

/// What is killed meanwhile.
struct Breaking {
    servers: Vec<Server>,
    cluster: Option<Cluster>,
    random: Random,
    /// How long it is away, in milliseconds.
    lasts: std::ops::Range<u64>,
    kills: usize,
    restarts: usize,
    kills_of_postgres: usize,
}

impl Breaking {
    async fn run(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while self.kills == 0 || Instant::now() < until {
            sleep(self.random.millis(300..2_000)).await;
            let lasts = self.random.millis(self.lasts.clone());
            match (self.random.below(4), &mut self.cluster) {
                (0, Some(cluster)) => {
                    self.kills_of_postgres += 1;
                    cluster.end(End::Killed).await;
                    sleep(lasts).await;
                    cluster.begin().await;
                }
                (number, _) => {
                    let count = self.servers.len();
                    let server = &mut self.servers[self.random.below(count)];
                    if number == 1 {
                        self.restarts += 1;
                        assert!(server.end("-TERM").await.0.success());
                    } else {
                        self.kills += 1;
                        server.end("-KILL").await;
                    }
                    sleep(lasts).await;
                    server.begin().await;
                }
            }
        }
    }

    fn report(&self) {
        say("kills of the server", self.kills);
        say("orderly restarts of the server", self.restarts);
        say("kills of Postgres", self.kills_of_postgres);
    }
}
