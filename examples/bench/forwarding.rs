//! Forwarding: the handler that messages are forwarded to, and how soon they come there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use chatrace_webhook::config::Limits;
use chatrace_webhook::http::serve;
use chatrace_webhook::lifecycle::Lifecycle;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use crate::measure::Bench;
use crate::ratios::{Row, absolute, row};
use crate::say;
use crate::subject::{Running, Server};

/// How many messages arrive in a second, where it is about how soon they are forwarded.
const CALM: f64 = 200.0;

/// A handler that answers at once, and notes how long each message took. It runs in the process of the benchmark, which
/// has nothing else to do meanwhile.
#[derive(Debug, Clone)]
pub(crate) struct Handler {
    pub(crate) url: String,
    /// From arrival at the service until here, in milliseconds.
    took: Arc<Mutex<Vec<f64>>>,
}

impl Handler {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let took = Arc::<Mutex<Vec<f64>>>::default();
        let router = Router::new().fallback(take).with_state(took.clone());
        tokio::spawn(async move {
            let lifecycle = Lifecycle::new();
            serve(listener, router, Limits::default(), || {}, &lifecycle).await;
        });
        Ok(Self { url, took })
    }

    /// What came since this was last called.
    pub(crate) fn take(&self) -> Vec<f64> {
        std::mem::take(&mut self.took.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self) -> usize {
        let took = self.took.lock().unwrap_or_else(PoisonError::into_inner);
        took.len()
    }
}

async fn take(State(took): State<Arc<Mutex<Vec<f64>>>>, body: Bytes) -> StatusCode {
    let event: Value = serde_json::from_slice(&body).unwrap_or_default();
    let arrived = event["data"]["receivedAt"].as_str().unwrap_or_default();
    let Ok(arrived) = arrived.parse::<Timestamp>() else {
        return StatusCode::BAD_REQUEST;
    };
    let age = Timestamp::now().duration_since(arrived).as_secs_f64();
    let mut took = took.lock().unwrap_or_else(PoisonError::into_inner);
    took.push(age * 1000.0);
    StatusCode::NO_CONTENT
}

/// Measures what is not a matter of the rounds: the tail at half load, and how soon a message is forwarded.
pub(crate) async fn measure(bench: &Bench, rate: f64, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let seconds = bench.plan.seconds.max(4.0);
    let mut tails = Vec::new();
    for round in 0..bench.plan.rounds {
        let mut pair = [Server::Forwarding, Server::Service];
        if round % 2 == 1 {
            pair.reverse();
        }
        let mut tail = [0.0; 2];
        for server in pair {
            let report = bench.open_loop(server, rate, seconds).await?;
            tail[usize::from(server == Server::Service)] =
                report["p99"].as_f64().context("no p99")?;
        }
        let [with, without] = tail;
        say(&format!(
            "round {}, p99 at {rate:.0}/s: {with:.1} ms with a destination, {without:.1} ms without",
            round + 1
        ));
        tails.push((with, without));
    }
    let what = "p99 at half the highest rate with a destination ÷ without";
    rows.extend(row("R14", what, tails, (1.3, 1.1)));
    for (from, is_other, limits) in [
        ("the same replica", false, [(10.0, 5.0), (50.0, 20.0)]),
        ("another replica", true, [(250.0, 150.0), (500.0, 300.0)]),
    ] {
        let mut took = latency(bench, is_other, seconds).await?;
        took.sort_by(f64::total_cmp);
        for ((percent, name), limits) in [(50, "p50"), (99, "p99")].into_iter().zip(limits) {
            let figure = took[(took.len() - 1) * percent / 100];
            let what = format!("arrival at {from} until the handler at 200/s, {name}");
            rows.extend(absolute(&what, "ms", [figure], limits));
        }
    }
    Ok(())
}

/// From the arrival of each message until the handler, at a calm rate: at the replica that forwards, or at another one.
async fn latency(bench: &Bench, is_other: bool, seconds: f64) -> anyhow::Result<Vec<f64>> {
    let name = "bench_forwarding";
    let url = bench.database.fresh(name).await?;
    let directories = [(); 2].map(|()| tempfile::tempdir_in(&bench.directory));
    let [one, other] = directories;
    let (one, other) = (one?, other?);
    let forwards = Server::Forwarding
        .start(&bench.plan, &url, one.path())
        .await?;
    // It has the lease now.
    bench.handler.take();
    calm(bench, &forwards, "first", 0.1).await?;
    wait_for(&bench.handler, 1).await?;
    let others = if is_other {
        Some(
            Server::Forwarding
                .start(&bench.plan, &url, other.path())
                .await?,
        )
    } else {
        None
    };
    sleep(Duration::from_millis(500)).await;
    bench.handler.take();
    let sent = calm(
        bench,
        others.as_ref().unwrap_or(&forwards),
        "second",
        seconds,
    )
    .await?;
    wait_for(&bench.handler, sent).await?;
    let took = bench.handler.take();
    if let Some(others) = others {
        others.stop().await?;
    }
    forwards.stop().await?;
    bench.database.drop(name).await?;
    Ok(took)
}

/// Sends some, and answers how many were acknowledged.
async fn calm(bench: &Bench, to: &Running, run: &str, seconds: f64) -> anyhow::Result<usize> {
    let rate = CALM.to_string();
    let options = ["--rate", &rate, "--run", run, "--warmup", "0"];
    let report = bench.load(&to.address, 8, seconds, &options).await?;
    let sent = report["acknowledged"]
        .as_u64()
        .context("nothing was sent")?;
    ensure!(sent > 0, "nothing was sent");
    Ok(usize::try_from(sent)?)
}

async fn wait_for(handler: &Handler, count: usize) -> anyhow::Result<()> {
    let waiting = async {
        while handler.count() < count {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = timeout(Duration::from_secs(30), waiting).await;
    waited.with_context(|| format!("{} of {count} were forwarded", handler.count()))
}
