//! `chatrace-webhook completions`, `man` and `help`: all made of the description of the commands.

use std::io::{self, Write as _, stdout};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};
use clap_mangen::{Man, generate_to};

use super::{Cli, Failure};

#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// Write a page for each command to this directory instead.
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct HelpArgs {
    /// The command; by default all are listed.
    command: Vec<String>,
}

pub(super) fn completions(arguments: &CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    generate(arguments.shell, &mut command, name, &mut script);
    print(&script)
}

pub(super) fn man(arguments: &ManArgs) -> anyhow::Result<()> {
    if let Some(directory) = &arguments.directory {
        let written = generate_to(Cli::command(), directory);
        return written.with_context(|| format!("{} cannot be written", directory.display()));
    }
    let mut page = Vec::new();
    Man::new(Cli::command()).render(&mut page)?;
    print(&page)
}

pub(super) fn help(arguments: &HelpArgs) -> Result<(), Failure> {
    let mut command = Cli::command();
    command.build();
    let mut found = &mut command;
    for name in &arguments.command {
        found = found.find_subcommand_mut(name).ok_or_else(|| {
            let problem =
                format!("there is no command `{name}`: `chatrace-webhook help` lists them");
            Failure::CannotRun(problem.into())
        })?;
    }
    Ok(found
        .print_long_help()
        .context("the help cannot be printed")?)
}

/// Writes it as it is: a script is not for the terminal. A closed pipe is not a failure.
fn print(text: &[u8]) -> anyhow::Result<()> {
    let mut output = stdout().lock();
    match output.write_all(text).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
