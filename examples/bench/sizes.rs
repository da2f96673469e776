//! What depends on size and not on load: reading from large tables, memory, the program, its start.

use std::time::{Duration, Instant};

use anyhow::ensure;
use sqlx::AssertSqlSafe;

use crate::measure::Bench;
use crate::ratios::{Row, absolute, median, row};
use crate::say;
use crate::subject::{Running, Server, TOKEN};

/// How often each page is asked for, in turns.
const READS: usize = 200;
/// In so many groups, each of which gives one ratio.
const GROUPS: usize = 5;

pub(crate) async fn measure(
    bench: &Bench,
    rows: &mut Vec<Row>,
    notes: &mut Vec<String>,
) -> anyhow::Result<()> {
    footprint(bench, rows).await?;
    reading(bench, rows, notes).await
}

/// Statistics of a small and of a large database, and pages at both ends of the large one.
async fn reading(
    bench: &Bench,
    rows: &mut Vec<Row>,
    notes: &mut Vec<String>,
) -> anyhow::Result<()> {
    let [few, many] = [bench.plan.rows[0], bench.plan.rows[1]];
    let directories = [
        tempfile::tempdir_in(&bench.directory)?,
        tempfile::tempdir_in(&bench.directory)?,
    ];
    let small = filled(bench, "bench_small", few, directories[0].path()).await?;
    let large = filled(bench, "bench_large", many, directories[1].path()).await?;
    let client = chatrace_webhook::http_client::builder().build()?;
    let stats = "/instagram/stats";
    let start = "/instagram/messages?limit=100";
    // Each message has two positions: its own, and that of its delivery.
    let end = format!("/instagram/messages?limit=100&after=m{}", 2 * many - 200);

    let mut stats_pairs = Vec::new();
    let mut page_pairs = Vec::new();
    let mut medians = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..GROUPS {
        let mut took = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..READS / GROUPS {
            took[0].push(get(&client, &large, stats, many).await?);
            took[1].push(get(&client, &small, stats, few).await?);
            took[2].push(get(&client, &large, &end, 0).await?);
            took[3].push(get(&client, &large, start, 0).await?);
        }
        let group = took.map(|took| median(took).unwrap_or_default());
        stats_pairs.push((group[0], group[1]));
        page_pairs.push((group[2], group[3]));
        for (all, one) in medians.iter_mut().zip(group) {
            all.push(one);
        }
    }
    let what = format!("statistics at {many} rows ÷ at {few}");
    rows.extend(row("R8", &what, stats_pairs, (1.5, 1.1)));
    let what = format!("100 messages at the far end of {many} ÷ at the start");
    rows.extend(row("R9", &what, page_pairs, (1.5, 1.1)));
    let [at_many, at_few, far, near] = medians.map(|all| median(all).unwrap_or_default());
    notes.push(format!(
        "Statistics: {at_few:.2} ms at {few} rows, {at_many:.2} ms at {many}. A page of 100: {near:.2} ms at the \
         start, {far:.2} ms at the end."
    ));
    small.stop().await?;
    large.stop().await?;
    bench.database.drop("bench_small").await?;
    bench.database.drop("bench_large").await
}

/// The service on a database with so many messages.
async fn filled(
    bench: &Bench,
    name: &str,
    count: u64,
    directory: &std::path::Path,
) -> anyhow::Result<Running> {
    let url = bench.database.fresh(name).await?;
    let running = Server::Service.start(&bench.plan, &url, directory).await?;
    let began = Instant::now();
    let mut connection = bench.database.connect(name).await?;
    let statements = include_str!("fill.sql").replace(":count", &count.to_string());
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(&mut connection)
        .await?;
    // Not possible in the same implicit transaction.
    for statement in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
        sqlx::raw_sql(statement).execute(&mut connection).await?;
    }
    say(&format!(
        "filled {count} messages in {:.0} s",
        began.elapsed().as_secs_f64()
    ));
    Ok(running)
}

/// Gets a path, and answers how many milliseconds it took. Statistics must know of `count` messages.
async fn get(
    client: &reqwest::Client,
    running: &Running,
    path: &str,
    count: u64,
) -> anyhow::Result<f64> {
    let url = format!("http://{}{path}", running.address);
    let began = Instant::now();
    let answer = client.get(url).bearer_auth(TOKEN).send().await?;
    let answer = answer.error_for_status()?.bytes().await?;
    let took = began.elapsed().as_secs_f64() * 1000.0;
    let answer: serde_json::Value = serde_json::from_slice(&answer)?;
    if count > 0 {
        ensure!(answer["totalMessages"] == count, "wrong total: {answer}");
    } else {
        let messages = answer["messages"].as_array().map_or(0, Vec::len);
        ensure!(messages == 100, "{messages} messages in the page");
    }
    Ok(took)
}

/// After how much time without requests the service is idle: what it freed at its start is then given back.
const REST: Duration = Duration::from_secs(5);

/// Memory, the program's size, and how long the embedded service takes to be ready.
pub(crate) async fn footprint(bench: &Bench, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let mut idle = Vec::new();
    let mut loaded = Vec::new();
    let mut starts = Vec::new();
    for _ in 0..3 {
        let url = bench.database.fresh("bench_memory").await?;
        let directory = tempfile::tempdir_in(&bench.directory)?;
        let running = Server::Service
            .start(&bench.plan, &url, directory.path())
            .await?;
        tokio::time::sleep(REST).await;
        idle.extend(crate::machine::memory(running.pid, "VmRSS"));
        bench.load(&running.address, 1024, 3.0, &[]).await?;
        loaded.extend(crate::machine::memory(running.pid, "VmHWM"));
        running.stop().await?;
    }
    bench.database.drop("bench_memory").await?;
    for _ in 0..7 {
        let directory = tempfile::tempdir_in(&bench.directory)?;
        let running = Server::Embedded
            .start(&bench.plan, "", directory.path())
            .await?;
        starts.push(running.took.as_secs_f64() * 1000.0);
        running.stop().await?;
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let size = std::fs::metadata(&bench.plan.service)?.len() as f64 / 1_048_576.0;
    rows.extend(absolute("memory, idle", "MB", idle, (15.0, 8.0)));
    rows.extend(absolute(
        "largest memory with 1024 busy connections",
        "MB",
        loaded,
        (64.0, 40.0),
    ));
    rows.extend(absolute("the program", "MB", [size], (20.0, 12.0)));
    rows.extend(absolute(
        "start to ready, embedded, a new file",
        "ms",
        starts,
        (200.0, 50.0),
    ));
    Ok(())
}
