//! The benchmark behind `scripts/bench`: measures the service beside peers on the same machine in the same minutes,
//! and prints ratios. See `docs/performance.md`.
//!
//! `run` is the benchmark; the other commands are contestants that it starts as processes of their own.

#![expect(
    clippy::disallowed_methods,
    reason = "a peer makes its ids and times as a usual handler does"
)]

mod body;
mod catch_up;
mod commit;
mod database;
mod forwarding;
mod http_peers;
mod machine;
mod measure;
mod ratios;
mod report;
mod rounds;
mod sizes;
mod subject;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "The benchmark: see docs/performance.md")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures everything, and prints the table of ratios.
    Run(Plan),
    /// An HTTP server that reads and parses each request, and keeps nothing.
    Floor(http_peers::Floor),
    /// A conventional handler: one INSERT for each request, through a pool.
    Conventional(http_peers::Conventional),
    /// The service's own commit, without HTTP.
    Commit(commit::Args),
}

/// What to measure, and how long.
#[derive(Debug, Clone, Parser)]
#[command(args_override_self = true)]
struct Plan {
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    /// How many rows the small and the large database of the reading measurements hold.
    #[arg(
        long,
        value_delimiter = ',',
        num_args = 1,
        default_value = "10000,1000000"
    )]
    rows: Vec<u64>,
    /// Where the figures of every round go.
    #[arg(long)]
    json: Option<PathBuf>,
    /// A Postgres for this alone.
    #[arg(long)]
    postgres: String,
    /// The programs: the service, the load generator, pgbench, and the directory of the Fastify peer.
    #[arg(long)]
    service: PathBuf,
    #[arg(long)]
    loadgen: PathBuf,
    #[arg(long)]
    pgbench: PathBuf,
    #[arg(long)]
    fastify: Option<PathBuf>,
    /// An older build of the service, measured beside this one in the same rounds.
    #[arg(long)]
    before: Option<PathBuf>,
    /// Only the subjects whose name begins so, and no reading measurements: for development.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Where messages are forwarded to.
    #[arg(skip)]
    forward_to: String,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    // As in the service, so that peers differ in nothing but what they do.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match cli.command {
            Command::Run(plan) => rounds::run(plan).await,
            Command::Floor(floor) => floor.serve().await,
            Command::Conventional(conventional) => conventional.serve().await,
            Command::Commit(args) => commit::run(args).await,
        }
    })
}

/// Prints a line at once.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).ok();
}
