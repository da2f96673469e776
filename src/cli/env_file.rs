//! The file `.env` of the working directory. Files in the directories above are not read: they belong to other
//! programs.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::Failure;
use crate::i18n::Text;
use crate::private_file;

const FILE: &str = ".env";

/// Reads `.env`, if there is one, into the environment. Variables that are already set win. To be called while the
/// process has only one thread.
///
/// # Errors
/// [`Failure::CannotRun`] when the file cannot be read or parsed. It names the line and never quotes it, since it may
/// hold a secret.
pub fn load() -> Result<(), Failure> {
    let content = match fs::read(FILE) {
        Ok(content) => content,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            let problem = Text::new("env-unreadable").with("cause", error.to_string());
            return Err(Failure::CannotRun(problem));
        }
    };
    let mut lines = LineReader::of(&content);
    let (line, problem) = match dotenvy::from_read(&mut lines) {
        Ok(()) => return Ok(()),
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
