//! The tables behind the store's back, in either database.

use std::sync::Arc;

use chatrace_webhook::store::Store;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::support::Backend;
use crate::support::ledger::Ledger;

pub(super) struct Database {
    connection: Connection,
    pub(super) ledger: Ledger,
}

enum Connection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Database {
    pub(super) async fn new(backend: Backend) -> (Self, Arc<dyn Store>) {
        let ledger = Ledger::new(backend).await;
        let store = ledger.store().await;
        let connection = if let Some(url) = &ledger.url {
            Connection::Postgres(PgConnection::connect(url).await.unwrap())
        } else {
            let file = ledger.directory().join("chatrace-webhook.db");
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
            Connection::Sqlite(SqliteConnection::connect_with(&options).await.unwrap())
        };
        let database = Self { connection, ledger };
        (database, store)
    }

    /// The texts that a statement answers. In it, `{list}` makes a list in JSON, and `{counts}` one of the column
    /// `counts`.
    async fn texts(&mut self, statement: &str) -> Vec<String> {
        let (list, counts) = match &self.connection {
            Connection::Postgres(_) => ("json_build_array", "array_to_json(counts)"),
            Connection::Sqlite(_) => ("json_array", "counts"),
        };
        let statement = statement.replace("{list}", list);
        let statement = AssertSqlSafe(statement.replace("{counts}", counts));
        let texts = match &mut self.connection {
            Connection::Postgres(connection) => {
                sqlx::query_scalar(statement).fetch_all(connection).await
            }
            Connection::Sqlite(connection) => {
                sqlx::query_scalar(statement).fetch_all(connection).await
            }
        };
        texts.unwrap()
    }

    async fn number(&mut self, statement: &str) -> i64 {
        self.texts(statement).await[0].parse().unwrap()
    }

    /// The sum of the lists of counts that a statement answers.
    async fn counts(&mut self, statement: &str) -> Vec<i64> {
        let mut sum = Vec::new();
        for text in self.texts(statement).await {
            let counts: Vec<i64> = serde_json::from_str(&text).unwrap();
            super::add(&mut sum, &counts, 1);
        }
        sum
    }

    /// Every row of the projection.
    pub(super) async fn projection(&mut self) -> Vec<String> {
        let contacts = "SELECT CAST({list}(position, channel, id, username, username_at, display_name, \
               display_name_at, first_seen, last_message_at, messages, expired, last_position) AS text) \
             FROM contacts ORDER BY id, channel";
        let aliases = "SELECT CAST({list}(channel, alias, contact_id) AS text) FROM contact_aliases \
             ORDER BY alias, channel, contact_id";
        let mut rows = self.texts(contacts).await;
        rows.extend(self.texts(aliases).await);
        rows
    }

    /// How many contacts have another number of messages than the ledger says.
    pub(super) async fn miscounted_contacts(&mut self) -> i64 {
        self.number(
            "SELECT CAST(count(*) AS text) FROM contacts WHERE messages <> expired + (SELECT count(*) FROM messages \
               WHERE messages.contact_id = contacts.id AND messages.channel = contacts.channel)",
        )
        .await
    }

    /// How many contacts have another last message than the ledger says.
    pub(super) async fn misplaced_contacts(&mut self) -> i64 {
        self.number(
            "SELECT CAST(count(*) AS text) FROM contacts WHERE last_position <> coalesce(( \
               SELECT max(messages.position) FROM messages \
               WHERE messages.contact_id = contacts.id AND messages.channel = contacts.channel), position)",
        )
        .await
    }

    /// Items that are in quarantine, as their deliveries count them.
    pub(super) async fn quarantined(&mut self) -> i64 {
        let items = "SELECT CAST(count(*) AS text) FROM items WHERE items.outcome = 'quarantined'";
        let items = self.number(items).await;
        let sum = "SELECT CAST(coalesce(sum(quarantined), 0) AS text) FROM deliveries";
        assert_eq!(self.number(sum).await, items);
        items
    }

    /// How many contacts there ever were, by channel.
    pub(super) async fn contacts_ever(&mut self) -> Vec<i64> {
        self.counts(
            "SELECT CAST({counts} AS text) FROM (SELECT contacts AS counts FROM rollup) AS ever",
        )
        .await
    }

    /// The counts of all time.
    pub(super) async fn total(&mut self) -> Vec<i64> {
        self.counts("SELECT CAST({counts} AS text) FROM head").await
    }

    /// The counts of all hours together.
    pub(super) async fn hours(&mut self) -> Vec<i64> {
        self.counts("SELECT CAST({counts} AS text) FROM hours")
            .await
    }

    /// Deletes the projection, so that the next rollup begins at the first position.
    pub(super) async fn forget_projection(&self) {
        const FORGET: &str =
            "DELETE FROM contacts; DELETE FROM contact_aliases; UPDATE rollup SET position = 0";
        self.ledger.execute(FORGET.to_owned()).await;
    }
}
