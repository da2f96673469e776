//! `chatrace-webhook export`: everything that was received, as a file.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::Failure;
use super::conditions::{Conditions, one_of};
use crate::config::{Config, ConfigErrors, Database, Env};
use crate::export::{Export, Format};
use crate::store::{Feed, PostgresStore, SqliteFeed};

/// What to export, and where to.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// jsonl: one message as JSON in each line; csv: for spreadsheets.
    #[arg(long, value_parser = format)]
    pub format: Format,
    /// The file, which appears when it is complete; without it, standard output.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Which messages.
    #[command(flatten)]
    pub conditions: Conditions,
}

/// Reads the database that the environment names, and no service: it may run or not.
pub(super) async fn export(
    arguments: ExportArgs,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(), Failure> {
    let feed = open(lookup).await?;
    let Some(file) = arguments.output else {
        let output = io::stdout().lock();
        return match write(&*feed, arguments.conditions, arguments.format, output).await {
            // Whoever reads has enough.
            Err(error) if is_broken_pipe(&error) => Ok(()),
            result => Ok(result?),
        };
    };
    let aside = aside(&file);
    let output = create(&aside).map_err(|error| {
        Failure::CannotRun(format!("{} cannot be written: {error}", aside.display()))
    })?;
    let written = write(&*feed, arguments.conditions, arguments.format, &output).await;
    let done = written.and_then(|()| {
        output.sync_all()?;
        fs::rename(&aside, &file).with_context(|| format!("no {}", file.display()))
    });
    if done.is_err() {
        fs::remove_file(&aside).ok();
    }
    Ok(done?)
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
    conditions: Conditions,
    format: Format,
    output: impl Write,
) -> anyhow::Result<()> {
    let mut output = BufWriter::new(output);
    let mut terminal = io::stderr();
    let shows = terminal.is_terminal();
    let mut export = Export::begin(feed, conditions.filter(), format).await?;
    while let Some(bytes) = export.next(feed).await? {
        output.write_all(&bytes)?;
        if shows {
            write!(terminal, "\r{} messages", export.messages()).ok();
        }
    }
    output.flush()?;
    let begin = if shows { "\r" } else { "" };
    writeln!(terminal, "{begin}{} messages exported", export.messages()).ok();
    Ok(())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// The name under which a file is written until it is complete.
fn aside(file: &Path) -> PathBuf {
    let mut name = file.file_name().map(OsString::from).unwrap_or_default();
    name.push(".part");
    file.with_file_name(name)
}

/// What customers wrote is nobody else's business on this machine.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
}

fn format(name: &str) -> Result<Format, String> {
    Format::named(name).ok_or_else(|| one_of(Format::ALL))
}
