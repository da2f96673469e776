//! Bringing a database's schema up to date.

use chatrace_webhook::store::{PostgresStore, PrepareError, SqliteStore};
use rstest::rstest;
use sqlx::Connection as _;

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
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let applied: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations WHERE success")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let files = std::fs::read_dir("migrations/postgres").unwrap().count();
    assert_eq!(usize::try_from(applied), Ok(files));
}
