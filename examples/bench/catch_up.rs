//! Waits until the rollup has reached the head: before that, a run is not over.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::{Instant, sleep};

use crate::database::Server;

/// How often this looks.
const PAUSE: Duration = Duration::from_millis(5);
/// A rollup that takes longer hangs.
const LIMIT: Duration = Duration::from_mins(1);

/// Waits for the rollup of the service on Postgres, and answers how many seconds it took.
pub(crate) async fn postgres(server: &Server, database: &str) -> anyhow::Result<f64> {
    let mut connection = server.connect(database).await?;
    let is_old = "SELECT to_regclass('rollup') IS NULL";
    let is_old = sqlx::query_scalar(is_old)
        .fetch_one(&mut connection)
        .await?;
    wait(async || {
        sqlx::query_scalar(question(is_old))
            .fetch_one(&mut connection)
            .await
    })
    .await
}

/// The same for its embedded database.
pub(crate) async fn sqlite(file: &Path) -> anyhow::Result<f64> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut connection = options.connect().await?;
    let is_old = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'rollup')";
    let is_old = sqlx::query_scalar(is_old)
        .fetch_one(&mut connection)
        .await?;
    let took = wait(async || {
        sqlx::query_scalar(question(is_old))
            .fetch_one(&mut connection)
            .await
    })
    .await?;
    // Before the service ends: the last one to close the file tidies up.
    connection.close().await?;
    Ok(took)
}

async fn wait(mut is_there: impl AsyncFnMut() -> sqlx::Result<bool>) -> anyhow::Result<f64> {
    let began = Instant::now();
    while !is_there().await? {
        ensure!(
            began.elapsed() < LIMIT,
            "the rollup does not reach the head"
        );
        sleep(PAUSE).await;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// Whether the rollup has reached the head. In builds from before the rollup, contacts were counted behind a watermark
/// of another name.
fn question(is_old: bool) -> &'static str {
    if is_old {
        "SELECT position >= (SELECT coalesce(max(position), 0) FROM messages) FROM folded"
    } else {
        "SELECT rollup.position >= head.position FROM rollup, head"
    }
}
