//! `chatrace-webhook reprocess`: reads quarantined deliveries again with the normalizer of this version.
//!
//! A running service has the SQLite database for itself, so it does the work, asked over HTTP. If none answers, the
//! database is opened here.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::Failure;
use super::environment::{base, http_url};
use super::progress::Progress;
use super::service::Service;
use super::terminal;
use crate::config::{Config, Database};
use crate::filter::{Moment, parse_moment};
use crate::maintenance::{self, Part, ReprocessTotals};
use crate::normalize::Normalizer;
use crate::store::{IN_USE, Mode, PostgresStore, SqliteStore, Store};
use crate::time::Clock;

/// Deliveries in one step.
const PART: u32 = 200;

#[derive(Debug, Clone, clap::Args)]
pub struct ReprocessArgs {
    /// Which deliveries. Only those with an item in quarantine can change.
    #[arg(long, value_enum, default_value_t)]
    outcome: OutcomeArg,
    /// Only deliveries that arrived at this time or later: 2026-07-09T14:56:00Z, a date (its beginning in UTC), or how
    /// long ago (12h, 7d).
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    since: Option<Moment>,
    /// The service to ask [default: the one on this machine at PORT, if one answers].
    #[arg(long, value_parser = http_url)]
    url: Option<Url>,
    /// Show the result without changing anything.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum OutcomeArg {
    #[default]
    Quarantined,
}

/// What does the work.
enum Executor {
    /// A running service.
    Service(Service),
    /// This process.
    Database(Arc<dyn Store>, Arc<Normalizer>),
}

/// Reprocesses step by step, and prints the counts.
pub(super) async fn reprocess(config: Config, options: ReprocessArgs) -> Result<(), Failure> {
    let OutcomeArg::Quarantined = options.outcome;
    let executor = match Service::here(&config, options.url.as_ref()).await? {
        Some(service) => Executor::Service(service),
        None => Executor::Database(open(&config).await?, config.normalizer.clone()),
    };
    let mut part = Part {
        since: options
            .since
            .map(|since| since.resolve(Clock::system().now())),
        after: 0,
        limit: PART,
        mode: if options.dry_run {
            Mode::DryRun
        } else {
            Mode::Real
        },
    };
    let mut counts = ReprocessTotals::default();
    let total = match part.since {
        None => executor.in_quarantine().await,
        // Their number is unknown.
        Some(_) => None,
    };
    let mut progress = Progress::new(total);
    let done = loop {
        match executor.reprocess_part(part).await {
            Ok(done) => {
                counts.add(&done.counts);
                part.after = done.after;
                progress.show(counts.quarantined_before, progressed(&counts));
                if done.caught_up {
                    break Ok(());
                }
            }
            Err(error) => break Err(error),
        }
    };
    progress.end();
    if let Executor::Database(store, _) = &executor {
        store.close().await;
    }
    done?;
    terminal::write(&text(&counts, &options)).context("cannot write to standard output")?;
    Ok(())
}

impl Executor {
    /// The number of items in quarantine, if known.
    async fn in_quarantine(&self) -> Option<u64> {
        let open = match self {
            Self::Database(store, _) => {
                let snapshot = store.snapshot(Clock::system().now()).await.ok()?;
                snapshot.total.in_quarantine()
            }
            Self::Service(service) => {
                let stats: Value = service.ask(Method::GET, "/instagram/stats").await.ok()?;
                stats["gauges"]["quarantined"].as_i64()?
            }
        };
        u64::try_from(open).ok()
    }

    async fn reprocess_part(&self, part: Part) -> anyhow::Result<maintenance::Reprocessed> {
        match self {
            Self::Database(store, normalizer) => {
                Ok(maintenance::reprocess(store.as_ref(), normalizer, part).await?)
            }
            Self::Service(service) => {
                let answer: ReprocessAnswer = service.ask(Method::POST, &path(part)).await?;
                let position = answer.next_cursor.strip_prefix('d');
                Ok(maintenance::Reprocessed {
                    counts: answer.counts,
                    after: position
                        .and_then(|position| position.parse().ok())
                        .ok_or_else(|| anyhow!("the service returned an invalid cursor"))?,
                    caught_up: answer.caught_up,
                })
            }
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReprocessAnswer {
    #[serde(flatten)]
    counts: ReprocessTotals,
    next_cursor: String,
    caught_up: bool,
}

fn path(part: Part) -> String {
    let Part {
        since,
        after,
        limit,
        mode,
    } = part;
    let dry_run = mode == Mode::DryRun;
    let since = since.map_or(String::new(), |since| format!("&since={since}"));
    format!("/instagram/quarantine/reprocess?after=d{after}&limit={limit}&dryRun={dry_run}{since}")
}

/// Opens the database as the service would.
async fn open(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    let window = config.dedupe_window;
    let opened: Result<Arc<dyn Store>, _> = match &config.database {
        Database::Sqlite { path, migrate } => SqliteStore::open(path, window, *migrate)
            .await
            .map(|store| Arc::new(store) as _),
        Database::Postgres { options, migrate } => {
            let store = PostgresStore::new((**options).clone(), window);
            store.prepare(*migrate).await.map(|()| Arc::new(store) as _)
        }
    };
    opened.map_err(|error| {
        let mut sentence = error.to_string();
        if sentence.ends_with(IN_USE) {
            let advice = match base(&config.server, None) {
                Ok(base) => {
                    format!("it does not listen at {base}: set PORT, or give --url")
                }
                Err(unknown) => unknown.to_string(),
            };
            write!(sentence, ". If it is the service, {advice}").ok();
        }
        Failure::CannotRun(sentence.into())
    })
}

fn progressed(counts: &ReprocessTotals) -> String {
    let ReprocessTotals {
        deliveries,
        quarantined_before,
        stored,
        ..
    } = counts;
    format!(
        "{deliveries} deliveries with {quarantined_before} items reprocessed, {stored} new messages"
    )
}

fn text(counts: &ReprocessTotals, options: &ReprocessArgs) -> String {
    if options.json {
        return format!("{}\n", serde_json::json!(counts));
    }
    let ReprocessTotals {
        deliveries,
        quarantined_before,
        quarantined_after,
        stored,
        duplicates,
        ignored,
        refused,
    } = counts;
    let mut text = String::new();
    if options.dry_run {
        text += "Dry run: nothing was changed.\n";
    }
    let mut line = |name: &str, count: &u64| {
        // Writing to a string cannot fail.
        writeln!(text, "{name:<26} {count}").ok();
    };
    line("deliveries reprocessed", deliveries);
    line("items in quarantine before", quarantined_before);
    line("items in quarantine after", quarantined_after);
    line("new messages", stored);
    line("duplicates", duplicates);
    line("no message", ignored);
    if *refused > 0 {
        line("refused by the database", refused);
    }
    text
}
