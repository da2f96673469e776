//! What the clients remember, and how it is compared with what the database has.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection, SqliteConnection};
use uuid::Uuid;

use crate::support::wait::eventually;

/// One body that a client sent, perhaps more than once.
#[derive(Debug, Default, Clone)]
struct Sent {
    has_id: bool,
    attempts: usize,
    /// The deliveries that were acknowledged.
    acknowledged: Vec<Uuid>,
}

/// Everything that the clients remember. Texts are unique.
#[derive(Debug, Default)]
pub(crate) struct SentLog(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    sent: HashMap<String, Sent>,
    tally: Tally,
    /// Since when the database is away, until the first answer that says so.
    away_since: Option<Instant>,
}

/// What the clients saw, in numbers.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    pub(crate) acknowledged: usize,
    pub(crate) spooled: usize,
    pub(crate) refused: usize,
    pub(crate) broken: usize,
    pub(crate) worst_latency: Duration,
    pub(crate) longest_to_spool: Duration,
}

impl SentLog {
    /// Waits until so many messages are acknowledged.
    pub(crate) async fn acknowledges(&self, least: usize) {
        let ask = async || self.tally();
        eventually("they are acknowledged", ask, |tally| {
            tally.acknowledged >= least
        })
        .await;
    }

    /// Waits until so many messages are acknowledged from the spool.
    pub(crate) async fn spools(&self, least: usize) {
        let ask = async || self.tally();
        eventually("they are spooled", ask, |tally| tally.spooled >= least).await;
    }

    /// A body goes out.
    pub(crate) fn send(&self, text: &str, has_id: bool) {
        let mut inside = self.lock();
        let sent = inside.sent.entry(text.to_owned()).or_default();
        sent.has_id = has_id;
        sent.attempts += 1;
    }

    /// It was answered with 200.
    pub(crate) fn acknowledge(&self, text: &str, delivery: Uuid, outcome: &str, took: Duration) {
        let mut inside = self.lock();
        let sent = inside.sent.get_mut(text).unwrap();
        sent.acknowledged.push(delivery);
        let spooled = outcome == "spooled";
        let to_spool = if spooled {
            inside.away_since.take()
        } else {
            None
        };
        let tally = &mut inside.tally;
        tally.acknowledged += 1;
        tally.spooled += usize::from(spooled);
        tally.worst_latency = tally.worst_latency.max(took);
        if let Some(since) = to_spool {
            tally.longest_to_spool = tally.longest_to_spool.max(since.elapsed());
        }
    }

    /// It was answered with 503.
    pub(crate) fn refuse(&self, took: Duration) {
        let tally = &mut self.lock().tally;
        tally.refused += 1;
        tally.worst_latency = tally.worst_latency.max(took);
    }

    /// There was no answer.
    pub(crate) fn break_off(&self) {
        self.lock().tally.broken += 1;
    }

    /// Whether the database is away from now on, for the time until the first answer that says so.
    pub(crate) fn set_away(&self, away: bool) {
        self.lock().away_since = away.then(Instant::now);
    }

    pub(crate) fn tally(&self) -> Tally {
        self.lock().tally.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    /// Compares with the database: everything that was acknowledged is there, once, and the counters count the rows.
    pub(crate) fn compare(&self, rows: &Rows) -> Verdict {
        let inside = self.lock();
        let mut verdict = Verdict {
            stored: rows.messages.len(),
            ..Verdict::default()
        };
        let mut of_text: HashMap<&str, usize> = HashMap::new();
        let mut of_delivery: HashMap<Uuid, Vec<&str>> = HashMap::new();
        for (delivery, text, _, _) in &rows.messages {
            *of_text.entry(text).or_default() += 1;
            of_delivery.entry(*delivery).or_default().push(text);
        }
        let outcomes: HashMap<Uuid, &str> = rows
            .deliveries
            .iter()
            .map(|(id, outcome)| (*id, outcome.as_str()))
            .collect();
        for (text, sent) in &inside.sent {
            let there = of_text.get(text.as_str()).copied().unwrap_or_default();
            // A message with an id is one, however often it comes; without, every delivery is one of its own.
            if there > if sent.has_id { 1 } else { sent.attempts } {
                verdict.doubled.push(format!(
                    "`{text}` is there {there} times, sent {}",
                    sent.attempts
                ));
            }
            if there > 0 && sent.acknowledged.is_empty() {
                verdict.unacknowledged += 1;
            }
            for delivery in &sent.acknowledged {
                let messages = of_delivery.get(delivery).map_or(&[][..], Vec::as_slice);
                let kept = match outcomes.get(delivery) {
                    Some(&"stored") => messages.len() == 1 && messages[0] == text,
                    Some(&"duplicate") => sent.has_id && messages.is_empty() && there == 1,
                    _ => false,
                };
                if messages.len() > 1 {
                    verdict.doubled.push(format!("{delivery}: {messages:?}"));
                } else if !kept {
                    let outcome = outcomes.get(delivery);
                    verdict.lost.push(format!(
                        "{delivery} with `{text}` is {outcome:?} with {messages:?}"
                    ));
                }
            }
        }
        rows.check_counters(&mut verdict.miscounted);
        verdict
    }
}

/// What the comparison found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) stored: usize,
    /// Messages that are there although no client was told so: its answer was lost, which is no fault.
    pub(crate) unacknowledged: usize,
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    pub(crate) miscounted: Vec<String>,
}

impl Verdict {
    #[track_caller]
    pub(crate) fn assert_flawless(&self) {
        for (what, list) in [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("miscounted", &self.miscounted),
        ] {
            let first: Vec<_> = list.iter().take(5).collect();
            assert!(list.is_empty(), "{what}: {}, as {first:#?}", list.len());
        }
    }
}

/// What the database has.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Id and outcome.
    deliveries: Vec<(Uuid, String)>,
    /// Delivery, text, direction and kind, in the order of positions.
    messages: Vec<(Uuid, String, String, String)>,
    /// Outcomes of items that became no message, and how many.
    items: Vec<(String, i64)>,
    contacts: i64,
    /// Name, label and value of all time.
    counters: Vec<(String, String, i64)>,
    /// The same, added up from the hours.
    hours: Vec<(String, String, i64)>,
}

const DELIVERIES: &str = "SELECT id, outcome FROM deliveries ORDER BY position";
const MESSAGES: &str =
    "SELECT delivery_id, coalesce(body, ''), direction, kind FROM messages ORDER BY position";
const ITEMS: &str = "SELECT outcome, count(*) FROM items GROUP BY outcome";
const CONTACTS: &str = "SELECT count(*) FROM contacts";
const COUNTERS: &str =
    "SELECT name, label, value FROM counters WHERE hour = 0 ORDER BY name, label";
const HOURS: &str = "SELECT name, label, CAST(sum(value) AS bigint) FROM counters WHERE hour <> 0 \
     GROUP BY name, label ORDER BY name, label";

macro_rules! read {
    ($connection:expr) => {{
        let mut connection = $connection.await.unwrap();
        let rows = Rows {
            deliveries: all(sqlx::query_as(DELIVERIES).fetch_all(&mut connection).await),
            messages: all(sqlx::query_as(MESSAGES).fetch_all(&mut connection).await),
            items: all(sqlx::query_as(ITEMS).fetch_all(&mut connection).await),
            contacts: sqlx::query_scalar(CONTACTS)
                .fetch_one(&mut connection)
                .await
                .unwrap(),
            counters: all(sqlx::query_as(COUNTERS).fetch_all(&mut connection).await),
            hours: all(sqlx::query_as(HOURS).fetch_all(&mut connection).await),
        };
        connection.close().await.unwrap();
        rows
    }};
}

fn all<T>(rows: Result<Vec<T>, sqlx::Error>) -> Vec<T> {
    rows.unwrap()
}

impl Rows {
    pub(crate) async fn in_postgres(url: &str) -> Self {
        read!(PgConnection::connect(url))
    }

    pub(crate) async fn in_sqlite(file: &std::path::Path) -> Self {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        read!(SqliteConnection::connect_with(&options))
    }

    /// How many messages there are.
    pub(crate) fn messages(&self) -> usize {
        self.messages.len()
    }

    fn check_counters(&self, miscounted: &mut Vec<String>) {
        let mut wanted: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        let mut count = |name, label, by| *wanted.entry((name, label)).or_default() += by;
        for (_, outcome) in &self.deliveries {
            count("delivery", outcome.as_str(), 1);
        }
        for (_, _, direction, kind) in &self.messages {
            count("direction", direction.as_str(), 1);
            count("kind", kind.as_str(), 1);
            count("item", "stored", 1);
        }
        for (outcome, number) in &self.items {
            count("item", outcome.as_str(), *number);
        }
        count("contact", "instagram", self.contacts);
        let shapes = |counters: &[(String, String, i64)]| -> i64 {
            let of_shapes = counters.iter().filter(|(name, _, _)| name == "shape");
            of_shapes.map(|(_, _, value)| value).sum()
        };
        if usize::try_from(shapes(&self.counters)) != Ok(self.deliveries.len()) {
            miscounted.push("the shapes are not as many as the deliveries".to_owned());
        }
        let counted: BTreeMap<_, _> = self
            .counters
            .iter()
            .filter(|(name, _, _)| name != "shape")
            .map(|(name, label, value)| ((name.as_str(), label.as_str()), *value))
            .collect();
        wanted.retain(|_, number| *number > 0);
        if wanted != counted {
            miscounted.push(format!("there are {wanted:?}, counted are {counted:?}"));
        }
        if self.hours != self.counters {
            miscounted.push(format!(
                "the hours say {:?}, all time says {:?}",
                self.hours, self.counters
            ));
        }
    }
}
