//! The ways of a batch into the database: at once where everything is new, step by step where it is tried again. What
//! is in the database afterwards is the same.

use chatrace_webhook::delivery::{Item, Reason, ReasonCode, Record};
use chatrace_webhook::message::{Contact, Direction, Draft, Identity};
use chatrace_webhook::store::{Attempt, PostgresStore, SqliteStore, Store};
use rstest::rstest;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::records::{WINDOW, at, draft, record};
use crate::support::{Backend, postgres};

const HOUR: i64 = 3_600_000;
const FILE: &str = "test.db";

/// A store, and where its database is.
struct Opened {
    store: Box<dyn Store>,
    place: Place,
}

enum Place {
    Postgres(String),
    Sqlite(TempDir),
}

impl Opened {
    async fn new(backend: Backend) -> Self {
        let place = match backend {
            Backend::Postgres => Place::Postgres(postgres::fresh_database().await),
            Backend::Sqlite => Place::Sqlite(tempfile::tempdir().unwrap()),
        };
        Self::at(place).await
    }

    async fn at(place: Place) -> Self {
        let store: Box<dyn Store> = match &place {
            Place::Postgres(url) => {
                let store = PostgresStore::new(url.parse().unwrap(), WINDOW);
                store.prepare(true).await.unwrap();
                Box::new(store)
            }
            Place::Sqlite(directory) => {
                let file = directory.path().join(FILE);
                Box::new(SqliteStore::open(&file, WINDOW, true).await.unwrap())
            }
        };
        Self { store, place }
    }

    /// As after a restart: the store remembers nothing.
    async fn again(self) -> Self {
        self.store.close().await;
        drop(self.store);
        Self::at(self.place).await
    }

    /// Every row of the tables that a commit writes, but for the ids that are drawn.
    async fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for (table, columns) in [
            (
                "messages",
                "position window_key delivery_id item channel direction contact_id username display_name body \
                 attachments sent_at received_at recovered",
            ),
            (
                "deliveries",
                "position id received_at headers body shape outcome stored duplicates ignored quarantined",
            ),
            (
                "items",
                "delivery_id item outcome code reason channel contact_id",
            ),
            (
                "contacts",
                "position channel id username display_name first_seen",
            ),
            ("contact_aliases", "channel alias contact_id"),
            ("counters", "hour name label value"),
            ("hours", "hour first last newest"),
        ] {
            rows.extend(self.table(table, columns).await);
        }
        rows
    }

    async fn table(&self, table: &str, columns: &str) -> Vec<String> {
        let columns: Vec<_> = columns.split_whitespace().collect();
        match &self.place {
            Place::Postgres(url) => {
                let text = format!("concat_ws('|', '{table}', {})", columns.join(", "));
                let query = format!("SELECT {text} AS row FROM {table} ORDER BY row");
                let mut connection = PgConnection::connect(url).await.unwrap();
                let query = sqlx::query_scalar(sqlx::AssertSqlSafe(query));
                query.fetch_all(&mut connection).await.unwrap()
            }
            Place::Sqlite(directory) => {
                let columns = columns.join("), quote(");
                let text = format!("concat_ws('|', '{table}', quote({columns}))");
                let query = format!("SELECT {text} AS row FROM {table} ORDER BY row");
                let url = format!("sqlite://{}", directory.path().join(FILE).display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                let query = sqlx::query_scalar(sqlx::AssertSqlSafe(query));
                query.fetch_all(&mut connection).await.unwrap()
            }
        }
    }
}

fn person(id: &str, name: Option<&str>, aliases: &[&str]) -> Contact {
    Contact {
        channel: draft(Identity::Key(Uuid::nil())).channel,
        id: id.to_owned(),
        username: None,
        display_name: name.map(str::to_owned),
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
    }
}

fn message(identity: Identity, person: Contact) -> Draft {
    Draft {
        contact_id: person.id,
        display_name: person.display_name,
        aliases: person.aliases,
        ..draft(identity)
    }
}

/// New people and new names, an hour that ends, something ignored and something in quarantine.
fn batches() -> Vec<Vec<Record>> {
    let key = |number| Identity::Key(Uuid::from_u128(number));
    let window = |number| Identity::Window(Uuid::from_u128(number));
    let mut ignored = record(at(20), []);
    ignored.items.push(Item::Ignored {
        reason: Reason::new(ReasonCode::ContactOnly, "an \"echo\"\n"),
        contact: Some(Box::new(person("i", Some("Ignored"), &["j"]))),
    });
    let mut mixed = record(at(30), [message(key(4), person("4", None, &[]))]);
    mixed.items.push(Item::Quarantined {
        reason: Reason::new(ReasonCode::NoContent, "nothing to read"),
        contact: None,
    });
    let many = |numbers: std::ops::Range<u128>| -> Vec<_> {
        let one = |number: u128| {
            let id = (number % 7).to_string();
            record(at(40), [message(key(number), person(&id, None, &[]))])
        };
        numbers.map(one).collect()
    };
    let outbound = Draft {
        direction: Direction::Outbound,
        ..message(key(7), person("1", Some("Ana Ruiz"), &[]))
    };
    vec![
        vec![
            record(
                at(0),
                [
                    message(key(1), person("1", Some("Ana"), &["a", "b"])),
                    message(window(2), person("2", Some("Bo \"B\" O'Neil"), &[])),
                ],
            ),
            record(at(HOUR), [message(key(3), person("1", None, &["c"]))]),
            ignored,
            mixed,
        ],
        many(100..300),
        many(300..335),
        many(335..700),
        vec![
            record(at(HOUR + 50), [outbound]),
            record(at(60), [message(window(5), person("5", None, &[]))]),
        ],
        vec![record(at(70), [])],
    ]
}

#[rstest]
#[tokio::test]
async fn a_batch_leaves_the_same_whichever_way_it_goes(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let mut at_once = Opened::new(backend).await;
    let mut by_steps = Opened::new(backend).await;
    for (number, batch) in batches().iter().enumerate() {
        let first = at_once.store.commit(batch, Attempt::First).await.unwrap();
        let again = by_steps.store.commit(batch, Attempt::Again).await.unwrap();
        for (first, again) in first.iter().zip(&again) {
            assert_eq!(first.receipt, again.receipt);
        }
        if number % 2 == 0 {
            at_once = at_once.again().await;
            by_steps = by_steps.again().await;
        }
    }
    let (left, right) = (at_once.rows().await, by_steps.rows().await);
    assert!(left.len() > 600, "{left:?}");
    assert_eq!(lacking(&right, &left), lacking(&left, &right));
}

/// Those of the rows that are not among `others`.
fn lacking<'a>(rows: &'a [String], others: &[String]) -> Vec<&'a String> {
    rows.iter().filter(|row| !others.contains(row)).collect()
}
