//! A database for each measurement, and what it holds afterwards.

use anyhow::{Context as _, ensure};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

/// The server that is measured.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    options: PgConnectOptions,
    url: String,
}

/// What the service left in its database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) messages: i64,
    /// How many transactions wrote them.
    pub(crate) commits: i64,
}

impl Server {
    /// Connects, and refuses a server that would be fast by being unsafe.
    pub(crate) async fn new(url: &str) -> anyhow::Result<Self> {
        let server = Self {
            options: url.parse()?,
            url: url.to_owned(),
        };
        let mut admin = server.connect("postgres").await?;
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            let value: String = sqlx::query_scalar("SELECT current_setting($1)")
                .bind(setting)
                .fetch_one(&mut admin)
                .await?;
            ensure!(value == "on", "{setting} is {value}: it must be on");
        }
        Ok(server)
    }

    pub(crate) async fn version(&self) -> anyhow::Result<String> {
        let mut admin = self.connect("postgres").await?;
        Ok(
            sqlx::query_scalar("SELECT current_setting('server_version')")
                .fetch_one(&mut admin)
                .await?,
        )
    }

    pub(crate) async fn connect(&self, database: &str) -> anyhow::Result<PgConnection> {
        Ok(self.options.clone().database(database).connect().await?)
    }

    /// Makes an empty database, and lets the server write out what earlier measurements left.
    pub(crate) async fn fresh(&self, name: &str) -> anyhow::Result<String> {
        let mut admin = self.connect("postgres").await?;
        for statement in [
            format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            format!("CREATE DATABASE {name}"),
            "CHECKPOINT".to_owned(),
        ] {
            sqlx::raw_sql(AssertSqlSafe(statement))
                .execute(&mut admin)
                .await?;
        }
        let (server, _) = self
            .url
            .rsplit_once('/')
            .context("the URL names a database")?;
        Ok(format!("{server}/{name}"))
    }

    pub(crate) async fn drop(&self, name: &str) -> anyhow::Result<()> {
        let mut admin = self.connect("postgres").await?;
        let statement = format!("DROP DATABASE {name} WITH (FORCE)");
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut admin)
            .await?;
        Ok(())
    }

    /// How many bytes the server has written to its log.
    pub(crate) async fn wal(&self) -> anyhow::Result<f64> {
        let mut admin = self.connect("postgres").await?;
        let written = "SELECT (pg_current_wal_lsn() - '0/0')::float8";
        Ok(sqlx::query_scalar(written).fetch_one(&mut admin).await?)
    }

    /// What the service kept.
    pub(crate) async fn rows(&self, name: &str) -> anyhow::Result<Rows> {
        let mut connection = self.connect(name).await?;
        let (messages, deliveries, commits): (i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM messages), count(*), count(DISTINCT xmin::text) FROM deliveries",
        )
        .fetch_one(&mut connection)
        .await?;
        ensure!(
            messages == deliveries,
            "{messages} messages, but {deliveries} deliveries"
        );
        connection.close().await?;
        Ok(Rows { messages, commits })
    }

    /// What a peer kept.
    pub(crate) async fn peer_rows(&self, name: &str) -> anyhow::Result<Rows> {
        let mut connection = self.connect(name).await?;
        let messages: i64 = sqlx::query_scalar("SELECT count(*) FROM peer_messages")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        Ok(Rows {
            messages,
            commits: messages,
        })
    }
}
