//! `chatrace-webhook export`: everything that was received, as a file.

mod target;

use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use super::message_filter_args::{MessageFilterArgs, one_of};
use super::progress::Progress;
use crate::config::{Config, ConfigErrors, Database, Env};
use crate::export::{Export, Format};
use crate::store::{Feed, PostgresStore, SqliteFeed};
use target::Target;

/// What to export, and where to.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// jsonl: one message as JSON in each line; csv: for spreadsheets.
    #[arg(long, value_parser = format)]
    pub format: Format,
    /// The file, which appears when it is complete (a device or a pipe is written at once); without it, standard output.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Which messages.
    #[command(flatten)]
    pub filter: MessageFilterArgs,
}

/// Reads the database that the environment names, and no service: it may run or not.
pub(super) async fn export(
    arguments: ExportArgs,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(), Failure> {
    let feed = open(lookup).await?;
    let Some(file) = arguments.output else {
        let output = io::stdout().lock();
        return match write(&*feed, arguments.filter, arguments.format, output).await {
            // Whoever reads has enough.
            Err(error) if is_broken_pipe(&error) => Ok(()),
            result => Ok(result?),
        };
    };
    let target = Target::open(&file).map_err(Failure::CannotRun)?;
    let writing = write(&*feed, arguments.filter, arguments.format, target.file());
    if target.is_aside() {
        // A signal ends it in order: what is not complete does not stay.
        let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
        let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
        tokio::select! {
            written = writing => written?,
            _ = interrupt.recv() => return Err(interrupted(&file)),
            _ = terminate.recv() => return Err(interrupted(&file)),
        }
    } else {
        match writing.await {
            Err(error) if is_broken_pipe(&error) => return Ok(()),
            written => written?,
        }
    }
    let finished = target.finish();
    Ok(finished.with_context(|| format!("{} cannot be written", file.display()))?)
}

fn interrupted(file: &Path) -> Failure {
    anyhow!("interrupted: {} is not written", file.display()).into()
}

/// The database, only to be read.
async fn open(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Box<dyn Feed>, Failure> {
    let mut env = Env::new(lookup);
    let data_dir = Config::data_dir(&mut env);
    let database = Database::read(&mut env, &data_dir);
    let errors = env.into_errors();
    let Some(database) = database.filter(|_| errors.is_empty()) else {
        return Err(ConfigErrors(errors).into());
    };
    let opened: Result<Box<dyn Feed>, _> = match database {
        Database::Sqlite { path, .. } if !path.exists() => {
            return Err(Failure::CannotRun(format!(
                "the database file {} cannot be read: it is not there; set DATA_DIR, or DATABASE_URL, as for the service",
                path.display()
            )));
        }
        Database::Sqlite { path, .. } => SqliteFeed::open(&path)
            .await
            .map(|feed| Box::new(feed) as _),
        Database::Postgres { options, .. } => {
            let store = PostgresStore::new(*options, Duration::ZERO);
            let prepared = store.prepare(false).await;
            prepared.map(|()| Box::new(store) as _)
        }
    };
    opened.map_err(|error| Failure::CannotRun(error.to_string()))
}

/// Writes everything, and says how much it was.
async fn write(
    feed: &dyn Feed,
    filter: MessageFilterArgs,
    format: Format,
    output: impl Write,
) -> anyhow::Result<()> {
    let mut output = BufWriter::new(output);
    let mut progress = Progress::new();
    let mut export = Export::begin(feed, filter.filter(), format).await?;
    while let Some(bytes) = export.next(feed).await? {
        output.write_all(&bytes)?;
        progress.show(None, &format!("{} messages", export.messages()));
    }
    output.flush()?;
    let said = format!("{} messages exported", export.messages());
    if io::stderr().is_terminal() {
        progress.end(None, &said);
    } else {
        writeln!(io::stderr(), "{said}").ok();
    }
    Ok(())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

fn format(name: &str) -> Result<Format, String> {
    Format::named(name).ok_or_else(|| one_of(Format::ALL))
}
