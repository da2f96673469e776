//! The file `.env` of the working directory. Those of the directories above belong to somebody else.

use std::fs;
use std::io::{self, ErrorKind, Read};

use super::Failure;

const FILE: &str = ".env";

/// Reads `.env` into the environment; what is set already wins, and a file that is not there is as good as an empty one.
/// To be called while the process has one thread only.
///
/// # Errors
/// [`Failure::CannotRun`] when the file cannot be read or understood. It names the line and never says what is in it,
/// which may be a secret.
pub fn load() -> Result<(), Failure> {
    let content = match fs::read(FILE) {
        Ok(content) => content,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(Failure::CannotRun(format!(
                "{FILE} cannot be read: {error}; let the service's user read it, or move it away"
            )));
        }
    };
    let mut lines = LineReader::of(&content);
    let (line, problem) = match dotenvy::from_read(&mut lines) {
        Ok(()) => return Ok(()),
        // An open quote goes on to the end of the file; it is the line where it began that is wrong.
        Err(dotenvy::Error::LineParse(text, _)) => (
            (lines.number + 1).saturating_sub(text.lines().count()),
            "expected NAME=value, in quotes if the value has blanks, a # or quotes in it",
        ),
        Err(_) => (lines.number, "it is not UTF-8"),
    };
    Err(Failure::CannotRun(format!(
        "{FILE} cannot be understood: something is wrong in line {line}: {problem}"
    )))
}

/// Gives one line for each read, so that it is known how many lines were taken.
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
