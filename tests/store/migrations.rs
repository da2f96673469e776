//! Bringing a database's schema up to date.

use std::path::Path;

use chatrace_webhook::store::{
    ContactFilter, ContactOrder, Order, PageRequest, PostgresStore, PrepareError, Reader,
    SqliteStore,
};
use rstest::rstest;
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::support::records::WINDOW;
use crate::support::{Backend, postgres};

#[rstest]
#[tokio::test]
async fn missing_migrations_are_not_run_where_that_is_forbidden(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let error = match backend {
        Backend::Postgres => {
            let store =
                PostgresStore::new(postgres::fresh_database().await.parse().unwrap(), WINDOW);
            let error = store.prepare(false).await.unwrap_err();
            store.prepare(true).await.unwrap();
            store.prepare(false).await.unwrap();
            error
        }
        Backend::Sqlite => {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("test.db");
            let error = SqliteStore::open(&file, WINDOW, false).await.unwrap_err();
            SqliteStore::open(&file, WINDOW, true).await.unwrap();
            SqliteStore::open(&file, WINDOW, false).await.unwrap();
            error
        }
    };
    assert!(
        matches!(&error, PrepareError::Unusable(problem) if problem.contains("MIGRATE")),
        "{error}"
    );
}

#[tokio::test]
async fn replicas_that_start_together_migrate_once() {
    let url = postgres::fresh_database().await;
    let prepare = || async {
        let store = PostgresStore::new(url.parse().unwrap(), WINDOW);
        store.prepare(true).await
    };
    let (one, two, three, four) = tokio::join!(prepare(), prepare(), prepare(), prepare());
    for result in [one, two, three, four] {
        result.unwrap();
    }
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let applied: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations WHERE success")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let files = std::fs::read_dir("migrations/postgres").unwrap().count();
    assert_eq!(usize::try_from(applied), Ok(files));
}

/// The schema before a version.
async fn schema_before(version: i64, directory: &str) -> Migrator {
    let mut migrations = Migrator::new(Path::new(directory)).await.unwrap();
    migrations
        .migrations
        .to_mut()
        .retain(|migration| migration.version < version);
    migrations
}

/// Three contacts, of whom one has no message, and a message that is not rolled up yet.
fn contacts(id: &str, time: &str, recovered: &str) -> String {
    let message = |position: u32, contact: u32, number: u32| {
        let id = id.replace('?', &format!("{number:02}"));
        format!(
            "INSERT INTO messages (position, id, dedupe_key, delivery_id, item, channel, direction, kind, contact_id, \
               body, sent_at, sent_at_source, received_at, shape, recovered) \
             VALUES ({position}, {id}, {id}, {id}, 0, 'instagram', 'inbound', 'text', '{contact}', 'n{number}', \
               {time}, 'arrival', {time}, 'flat', {recovered});"
        )
    };
    let contact = |position: u32, id: u32, messages: u32| {
        format!(
            "INSERT INTO contacts (position, channel, id, first_seen, messages) \
             VALUES ({position}, 'instagram', '{id}', {time}, {messages});"
        )
    };
    [
        message(1, 1, 1),
        message(2, 2, 2),
        message(4, 1, 3),
        message(5, 2, 4),
        contact(1, 1, 2),
        contact(2, 2, 1),
        contact(3, 3, 0),
        "UPDATE head SET position = 5; UPDATE rollup SET position = 4, counted = 4;".to_owned(),
    ]
    .concat()
}

/// The contacts by their last message, with that.
async fn inbox(store: &dyn Reader) -> Vec<(String, Option<String>)> {
    let filter = ContactFilter {
        order: ContactOrder::Last,
        ..ContactFilter::default()
    };
    let request = PageRequest {
        after: 0,
        until: i64::MAX,
        limit: 10,
        order: Order::Desc,
    };
    let contacts = store.contacts(&filter, request).await.unwrap().rows;
    let contacts = contacts.into_iter();
    contacts
        .map(|contact| (contact.id, contact.last_message.and_then(|last| last.text)))
        .collect()
}

/// From each schema that there was, with data in it.
#[rstest]
#[tokio::test]
async fn contacts_of_an_earlier_schema_get_their_last_messages(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
    #[values(3, 4)] version: i64,
) {
    let text = |text: &str| Some(text.to_owned());
    let expected = [("2", text("n4")), ("1", text("n3")), ("3", None)];
    let expected = expected.map(|(id, last)| (id.to_owned(), last)).to_vec();
    match backend {
        Backend::Postgres => {
            let url = postgres::fresh_database().await;
            let mut connection = PgConnection::connect(&url).await.unwrap();
            // It has one file more.
            let before = schema_before(version + 1, "migrations/postgres").await;
            before.run(&mut connection).await.unwrap();
            let id = "'00000000-0000-0000-0000-0000000000?'";
            postgres::execute(&url, contacts(id, "now()", "false")).await;
            let store = PostgresStore::new(url.parse().unwrap(), WINDOW);
            store.prepare(true).await.unwrap();
            assert_eq!(inbox(&store).await, expected);
        }
        Backend::Sqlite => {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("test.db");
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
            let mut connection = SqliteConnection::connect_with(&options.create_if_missing(true))
                .await
                .unwrap();
            let before = schema_before(version, "migrations/sqlite").await;
            before.run(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            let id = "unhex('000000000000000000000000000000?')";
            crate::support::sqlite_execute(&file, contacts(id, "1783609200000", "0")).await;
            let store = SqliteStore::open(&file, WINDOW, true).await.unwrap();
            assert_eq!(inbox(&store).await, expected);
        }
    }
}
