//! The file `.env` of the working directory. Files in the directories above are not read: they belong to other
//! programs.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::{fmt, fs};

use super::Failure;
use crate::config::{Env, LogFormat, Telemetry, Variables};
use crate::i18n::{Locale, Text};
use crate::private_file;

const FILE: &str = ".env";

/// Where the configuration comes from: the environment in which the program was started, and `.env`, which adds to it.
/// The process's environment is never changed.
#[derive(Clone)]
pub struct EnvSource {
    environment: Variables,
}

impl fmt::Debug for EnvSource {
    /// Not the values: there are secrets among them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EnvSource")
    }
}

impl EnvSource {
    /// Notes the environment.
    pub fn at_start() -> Self {
        Self {
            environment: process_variables(),
        }
    }

    /// What is set now: by the environment, or else by `.env`, if there is one.
    ///
    /// # Errors
    /// [`Failure::CannotRun`] when the file cannot be read or parsed. It names the line and never quotes it, since it
    /// may hold a secret.
    pub fn read(&self) -> Result<Variables, Failure> {
        let content = match fs::read(FILE) {
            Ok(content) => content,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                let problem = Text::new("env-unreadable").with("cause", error.to_string());
                return Err(Failure::CannotRun(problem));
            }
        };
        let mut variables = self.environment.clone();
        variables.add(parse(&content)?);
        Ok(variables)
    }

    /// What is set now, as far as it can be read.
    fn known(self) -> Variables {
        self.read().unwrap_or(self.environment)
    }

    /// Whether errors are written as JSON.
    pub fn wants_json(self) -> bool {
        Telemetry::read(&mut Env::new(&self.known())).format == LogFormat::Json
    }
}

/// The language of commands.
pub(super) fn locale() -> Locale {
    EnvSource::at_start().known().locale()
}

/// The process's environment.
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub(super) fn process_variables() -> Variables {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

fn parse(content: &[u8]) -> Result<Vec<(String, String)>, Failure> {
    // A byte order mark, as some editors write one.
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let mut lines = LineReader::of(content);
    let parsed: Result<_, _> = dotenvy::from_read_iter(&mut lines).collect();
    let (line, problem) = match parsed {
        Ok(variables) => return Ok(variables),
        // An open quote extends to the end of the file. The mistake is in the line where it begins.
        Err(dotenvy::Error::LineParse(text, _)) => (
            (lines.number + 1).saturating_sub(text.lines().count()),
            "env-unparsable",
        ),
        Err(_) => (lines.number, "env-not-utf8"),
    };
    Err(Failure::CannotRun(Text::new(problem).with("line", line)))
}

/// Warns if every user of this machine can read the file: it holds secrets.
pub(super) fn warn_of_readers() {
    if let Some(mode) = private_file::readable_by_others(Path::new(FILE)) {
        tracing::warn!(
            mode = format!("{mode:o}"),
            "every user of this machine can read {FILE}: use `chmod 600 {FILE}`"
        );
    }
}

/// Gives one line for each read, to count the lines that were consumed.
struct LineReader<'a> {
    rest: &'a [u8],
    number: usize,
    at_start: bool,
}

impl<'a> LineReader<'a> {
    fn of(content: &'a [u8]) -> Self {
        Self {
            rest: content,
            number: 0,
            at_start: true,
        }
    }
}

impl Read for LineReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        let mut part = &self.rest[..end.map_or(self.rest.len(), |end| end + 1)];
        if self.at_start && !part.is_empty() {
            self.number += 1;
        }
        let read = part.read(buffer)?;
        self.at_start = part.is_empty();
        self.rest = &self.rest[read..];
        Ok(read)
    }
}
