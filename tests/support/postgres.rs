//! Databases on the private Postgres that `scripts/test` starts.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

/// The URL of the cluster's own database.
pub(crate) fn server_url() -> String {
    std::env::var("TEST_DATABASE_URL")
        .expect("these tests need a Postgres: run scripts/test, or set TEST_DATABASE_URL to the URL of a superuser")
}

/// Where the programs are that belong to this server: beside the real initdb, to which there may be only a link.
pub(crate) fn programs() -> std::path::PathBuf {
    let directory = std::path::PathBuf::from(std::env::var_os("TEST_POSTGRES_BIN").unwrap());
    let initdb = directory.join("initdb").canonicalize().unwrap();
    initdb.parent().unwrap().to_owned()
}

/// The URL of a new, empty database.
pub(crate) async fn fresh_database() -> String {
    let name = format!("test_{}", Uuid::now_v7().simple());
    execute(&server_url(), format!("CREATE DATABASE {name}")).await;
    with_database(&name)
}

/// The URL of a database on the private server.
pub(crate) fn with_database(name: &str) -> String {
    let mut url = url::Url::parse(&server_url()).unwrap();
    url.set_path(name);
    url.into()
}

/// Runs a statement made by a test.
pub(crate) async fn execute(url: &str, statement: String) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// Ends every connection to a database and refuses new ones, as an outage would.
pub(crate) async fn close(url: &str) {
    let name = url.rsplit('/').next().unwrap();
    execute(
        &server_url(),
        format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
    )
    .await;
    let kick =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    execute(&server_url(), kick).await;
}

/// Ends the outage.
pub(crate) async fn open(url: &str) {
    let name = url.rsplit('/').next().unwrap();
    execute(
        &server_url(),
        format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"),
    )
    .await;
}
