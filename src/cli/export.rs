//! `chatrace-webhook export`: messages as a file.

mod target;

use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::Failure;
use super::environment;
use super::interrupt::unless_interrupted;
use super::message_filter_args::{MessageFilterArgs, names};
use super::progress::Progress;
use super::terminal;
use crate::config::{Database, Variables};
use crate::export::{Export, Form, Format, Separator};
use crate::i18n::Text;
use crate::store::{MessageReader, PostgresStore, SqliteReader};
use crate::text::printable;
use crate::time::Clock;
use target::Target;

#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// jsonl: one message as JSON in each line; csv: a table for spreadsheets.
    #[arg(long, value_parser = names(Format::ALL, Format::as_str))]
    pub format: Format,
    /// What is between the cells of a table. Excel expects `;` where the decimal sign is a comma [default: ,].
    #[arg(long, value_parser = names(Separator::ALL, Separator::as_str))]
    pub separator: Option<Separator>,
    /// The file. It appears when it is complete; a device or a pipe is written directly. By default, standard output.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub filter: MessageFilterArgs,
}

/// Reads the database that the environment names. The service may be running or not.
pub(super) async fn export(arguments: ExportArgs, variables: &Variables) -> Result<(), Failure> {
    let form = Form::new(arguments.format, arguments.separator);
    let form =
        form.map_err(|problem| Failure::CannotRun(format!("--separator: {problem}").into()))?;
    let feed = open(variables).await?;
    let Some(file) = arguments.output else {
        let output = io::stdout();
        // A table is copied into a file byte by byte, but not into a terminal. Escaped JSON means the same.
        let is_escaped = form == Form::Jsonl || output.is_terminal();
        let output = output.lock();
        return match write(&*feed, arguments.filter, form, is_escaped, output).await {
            // The reader has closed the pipe.
            Err(error) if is_broken_pipe(&error) => Ok(()),
            result => Ok(result?),
        };
    };
    let target = Target::open(&file).map_err(|problem| Failure::CannotRun(problem.into()))?;
    let writing = write(&*feed, arguments.filter, form, false, target.file());
    if target.is_temporary() {
        let writing = async { Ok(writing.await?) };
        unless_interrupted(&file, writing).await?;
    } else {
        match writing.await {
            Err(error) if is_broken_pipe(&error) => return Ok(()),
            written => written?,
        }
    }
    let finished = target.finish();
    Ok(finished.with_context(|| format!("{} cannot be written", file.display()))?)
}

/// Opens the database for reading.
async fn open(variables: &Variables) -> Result<Box<dyn MessageReader>, Failure> {
    let database = environment::database(variables)?.database;
    let opened: Result<Box<dyn MessageReader>, _> = match database {
        Database::Sqlite { path, .. } if !path.exists() => {
            let problem = Text::new("no-database-file").with("path", path.display().to_string());
            return Err(Failure::CannotRun(problem));
        }
        Database::Sqlite { path, .. } => SqliteReader::open(&path)
            .await
            .map(|feed| Box::new(feed) as _),
        Database::Postgres { options, .. } => {
            let store = PostgresStore::new(*options, Duration::ZERO);
            let prepared = store.prepare(false).await;
            prepared.map(|()| Box::new(store) as _)
        }
    };
    Ok(opened?)
}

/// Writes everything, and prints the number of messages. Escaped, it can be shown in a terminal.
async fn write(
    feed: &dyn MessageReader,
    filter: MessageFilterArgs,
    form: Form,
    is_escaped: bool,
    output: impl Write,
) -> anyhow::Result<()> {
    let mut output = BufWriter::new(output);
    let mut progress = Progress::new(None);
    let mut export = Export::begin(feed, filter.filter(Clock::system().now()), form).await?;
    while let Some(bytes) = export.next(feed).await? {
        if is_escaped {
            let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
            output.write_all(printable(&text).as_bytes())?;
        } else {
            output.write_all(&bytes)?;
        }
        let messages = export.messages();
        progress.show(messages, format!("{messages} messages"));
    }
    output.flush()?;
    progress.clear();
    terminal::say(&format!("{} messages exported", export.messages()));
    Ok(())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
