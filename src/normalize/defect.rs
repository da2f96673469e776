//! Where and why a body cannot be read.

use std::fmt;

/// Where and why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1; 0 is the line's beginning.
    pub column: usize,
    /// In the parser's words, which hold nothing of the body.
    pub cause: String,
}

impl Defect {
    pub(super) fn from_json_error(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let cause = text.split(" at line ").next().unwrap_or_default();
        Self {
            line: error.line(),
            column: error.column(),
            cause: cause.to_owned(),
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            cause,
        } = self;
        write!(formatter, "line {line}, column {column}: {cause}")
    }
}
