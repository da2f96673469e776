//! A database that outlives the services on it, and what stands in it.

use std::sync::Arc;
use std::time::Duration;

use chatrace_webhook::store::{PostgresStore, SqliteStore, Store};
use chatrace_webhook::time::Clock;
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

use super::{App, Backend, postgres};

/// A database, empty at first.
pub(crate) struct Ledger {
    directory: Arc<TempDir>,
    pub(crate) url: Option<String>,
}

/// Every text in which a person could show, of either dialect.
macro_rules! texts {
    ($body:literal) => {
        concat!(
            "SELECT contact_id || coalesce(sender_id, '') || coalesce(recipient_id, '') || coalesce(username, '') \
               || coalesce(display_name, '') || coalesce(aliases, '') || coalesce(body, '') FROM messages \
             UNION ALL SELECT headers || ",
            $body,
            " FROM deliveries \
             UNION ALL SELECT coalesce(contact_id, '') || coalesce(username, '') || coalesce(display_name, '') \
               || coalesce(aliases, '') || coalesce(reason, '') FROM items \
             UNION ALL SELECT 'contact ' || id || coalesce(username, '') || coalesce(display_name, '') FROM contacts \
             UNION ALL SELECT alias || contact_id FROM contact_aliases"
        )
    };
}

impl Ledger {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self {
            directory: Arc::new(tempfile::tempdir().unwrap()),
            url: match backend {
                Backend::Postgres => Some(postgres::fresh_database().await),
                Backend::Sqlite => None,
            },
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("chatrace-webhook.db")
    }

    /// The store itself, without a service on it.
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        let window = Duration::from_secs(10);
        if let Some(url) = &self.url {
            let store = PostgresStore::new(url.parse().unwrap(), window);
            store.prepare(true).await.unwrap();
            return Arc::new(store);
        }
        Arc::new(SqliteStore::open(&self.file(), window, true).await.unwrap())
    }

    pub(crate) async fn app(&self) -> App {
        self.app_with(&[]).await
    }

    pub(crate) async fn app_with(&self, variables: &[(&str, &str)]) -> App {
        App::on(self.directory.clone(), self.url.as_deref(), variables).await
    }

    /// A service with this clock.
    pub(crate) async fn app_at(&self, clock: Clock) -> App {
        App::at(self.directory.clone(), self.url.as_deref(), clock).await
    }

    /// A service with this clock and some variables set.
    pub(crate) async fn app_with_at(&self, variables: &[(&str, &str)], clock: Clock) -> App {
        App::on_at(
            self.directory.clone(),
            self.url.as_deref(),
            variables,
            clock,
        )
        .await
    }

    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Runs statements made by a test.
    pub(crate) async fn execute(&self, statements: String) {
        if let Some(url) = &self.url {
            return postgres::execute(url, statements).await;
        }
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.file());
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let executed = sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection);
        executed.await.unwrap();
        connection.close().await.unwrap();
    }

    /// Every erasure as if it had been then.
    pub(crate) async fn date_erasures(&self, at: Timestamp) {
        let at = match self.url {
            Some(_) => format!("'{at}'"),
            None => at.as_millisecond().to_string(),
        };
        self.execute(format!("UPDATE erasures SET erased_at = {at}"))
            .await;
    }

    /// Everything in which a person could show, in one text.
    pub(crate) async fn texts(&self) -> String {
        let rows: Vec<String> = if let Some(url) = &self.url {
            let mut connection = PgConnection::connect(url).await.unwrap();
            sqlx::query_scalar(texts!("convert_from(body, 'UTF8')"))
                .fetch_all(&mut connection)
                .await
                .unwrap()
        } else {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.file());
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::query_scalar(texts!("CAST(body AS TEXT)"))
                .fetch_all(&mut connection)
                .await
                .unwrap()
        };
        rows.join("\n")
    }
}
