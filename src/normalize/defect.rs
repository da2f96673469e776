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
    /// What is wrong with this text.
    pub(super) fn of(text: &str, error: &serde_json::Error) -> Self {
        let message = error.to_string();
        let cause = message.split(" at line ").next().unwrap_or_default();
        let cause = match likely_cause(text, cause) {
            Some(likely) => format!("{cause}; {likely}"),
            None => cause.to_owned(),
        };
        Self {
            line: error.line(),
            column: error.column(),
            cause,
        }
    }
}

/// What mostly leads to this in a body that looks like JSON.
fn likely_cause(text: &str, cause: &str) -> Option<&'static str> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let has = |piece: &str| text.contains(piece);
    Some(if cause.contains("recursion limit") {
        "it is nested too deeply: send the fields directly in one object"
    } else if has("{{") {
        "likely a placeholder that was not filled in: pick the variable from Chatrace's list"
    } else if text.contains(['“', '”', '„']) {
        "likely typographic quotes: type the quotes of the template as \""
    } else if has_doubled_quotes(text) {
        "likely doubled quotes: the variable brings quotes of its own, so take away those around it"
    } else if cause.contains("EOF") {
        "likely a missing quote or bracket at the end"
    } else {
        "likely a quote or a line break that a customer typed: declare the body as BODY_TEMPLATE, and it is read"
    })
}

/// Whether two quotes stand together and neither ends a value.
fn has_doubled_quotes(text: &str) -> bool {
    text.match_indices("\"\"").any(|(at, quotes)| {
        let behind = text[at + quotes.len()..].trim_start();
        !behind.is_empty() && !behind.starts_with([',', '}', ']', ':'])
    })
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
