//! `chatrace-webhook reprocess`: reads quarantine again with today's normalizer.
//!
//! With SQLite a running service has the database for itself, so it is asked to do the work over HTTP. Where none
//! answers, the database is opened here.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;

use super::Failure;
use super::service::Service;
use crate::config::{Config, Database};
use crate::ingest::{self, Counts, Part};
use crate::store::{Mode, PostgresStore, SqliteStore, Upkeep, parse_moment};

/// How many deliveries between two signs of life.
const PART: u32 = 200;

/// What to read again, and how to say what came of it.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Reprocess {
    /// Which deliveries: those with an item in quarantine are the only ones that can change.
    #[arg(long, value_enum, default_value_t)]
    outcome: Outcome,
    /// Only what arrived at this time or later, such as 2026-07-09T00:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    since: Option<Timestamp>,
    /// Only say what would come of it.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Outcome {
    #[default]
    Quarantined,
}

/// Where the work is done.
enum Place {
    /// In the service that runs on this machine.
    Service(Service),
    /// Here.
    Database(Arc<dyn Upkeep>),
}

/// Reads everything again that was asked for, and prints the counts.
pub(super) async fn reprocess(config: Config, options: Reprocess) -> Result<(), Failure> {
    let Outcome::Quarantined = options.outcome;
    let place = match Service::here(&config).await? {
        Some(service) => Place::Service(service),
        None => Place::Database(open(&config).await?),
    };
    let mut part = Part {
        since: options.since,
        after: 0,
        limit: PART,
        mode: if options.dry_run {
            Mode::DryRun
        } else {
            Mode::Real
        },
    };
    let mut counts = Counts::default();
    let done = loop {
        match place.read_again(part).await {
            Ok(done) => {
                counts.add(&done.counts);
                part.after = done.after;
                show_progress(&counts);
                if done.caught_up {
                    break Ok(());
                }
            }
            Err(error) => break Err(error),
        }
    };
    end_progress();
    if let Place::Database(store) = &place {
        store.close().await;
    }
    done?;
    print(&counts, options).context("standard output cannot be written")?;
    Ok(())
}

impl Place {
    async fn read_again(&self, part: Part) -> anyhow::Result<ingest::Reprocessed> {
        match self {
            Self::Database(store) => Ok(ingest::reprocess(store.as_ref(), part).await?),
            Self::Service(service) => {
                let answer: Answer = service.ask(Method::POST, &path(part)).await?;
                let position = answer.next_cursor.strip_prefix('d');
                Ok(ingest::Reprocessed {
                    counts: answer.counts,
                    after: position
                        .and_then(|position| position.parse().ok())
                        .ok_or_else(|| anyhow!("the service answers with a strange cursor"))?,
                    caught_up: answer.caught_up,
                })
            }
        }
    }
}

/// The answer of the service.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(flatten)]
    counts: Counts,
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
async fn open(config: &Config) -> Result<Arc<dyn Upkeep>, Failure> {
    let window = config.dedupe_window;
    let opened: Result<Arc<dyn Upkeep>, _> = match &config.database {
        Database::Sqlite { path, migrate } => SqliteStore::open(path, window, *migrate)
            .await
            .map(|store| Arc::new(store) as _),
        Database::Postgres { options, migrate } => {
            let store = PostgresStore::new((**options).clone(), window);
            store.prepare(*migrate).await.map(|()| Arc::new(store) as _)
        }
    };
    opened.map_err(|error| Failure::CannotRun(error.to_string()))
}

/// One line on a terminal, written over and over.
fn show_progress(counts: &Counts) {
    let mut output = std::io::stderr();
    if output.is_terminal() {
        let Counts {
            deliveries, stored, ..
        } = counts;
        write!(
            output,
            "\r{deliveries} deliveries read again, {stored} messages stored"
        )
        .ok();
    }
}

fn end_progress() {
    let mut output = std::io::stderr();
    if output.is_terminal() {
        writeln!(output).ok();
    }
}

fn print(counts: &Counts, options: Reprocess) -> std::io::Result<()> {
    let mut output = std::io::stdout();
    if options.json {
        return writeln!(output, "{}", serde_json::json!(counts));
    }
    let Counts {
        deliveries,
        quarantined_before,
        quarantined_after,
        stored,
        duplicates,
        ignored,
        refused,
    } = counts;
    if options.dry_run {
        writeln!(
            output,
            "This is what would come of it; nothing was written."
        )?;
    }
    writeln!(output, "deliveries read again      {deliveries}")?;
    writeln!(output, "items in quarantine before {quarantined_before}")?;
    writeln!(output, "items in quarantine after  {quarantined_after}")?;
    writeln!(output, "new messages               {stored}")?;
    writeln!(output, "duplicates                 {duplicates}")?;
    writeln!(output, "nothing to keep            {ignored}")?;
    if *refused > 0 {
        writeln!(output, "refused by the database    {refused}")?;
    }
    Ok(())
}
