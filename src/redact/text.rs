//! Credentials in texts that are not JSON: forms, broken JSON, markup, mails.

use std::fmt::Write as _;

use regex::{Captures, Regex};

use super::{REDACTED, WORDS};

/// What may be between a word and the end of its key.
const REST: &str = r"[A-Za-z0-9_.\-%+\[\]]{0,64}";

/// Where credentials begin.
#[derive(Debug, Clone)]
pub(super) struct Places(Regex);

impl Places {
    pub(super) fn new() -> Self {
        let words = WORDS.map(|word| {
            let letters = word.chars();
            letters
                .map(|letter| spellings(letter, true))
                .collect::<String>()
        });
        let word = format!("(?:{})", words.join("|"));
        let colon = "[ \\t]*(?::=?|=[=>]?|%3[ad])[ \\t]*";
        let places = [
            // `<token>`, `<ns:token a="b">`
            format!(
                r"(?<element><[A-Za-z0-9_:.\-]{{0,64}}{word}[A-Za-z0-9_:.\-]{{0,64}}(?:\s[^<>]{{0,200}})?>)"
            ),
            // `name="token"` at the end of a line
            format!(r#"(?<part>name="?[A-Za-z0-9_.\-\[\]]{{0,64}}{word}{REST}"?;?[ \t]*\r?\n)"#),
            // `"token":`, `\"token\":`, `'token' =>`
            format!(r#"(?:{word}[A-Za-z0-9_.\-%+\[\] ]{{0,64}}\\*["']{colon})"#),
            // `token=`, `token:`
            format!("(?:{word}{REST}{colon})"),
        ];
        let pattern = format!("(?i){}", places.join("|"));
        Self(Regex::new(&pattern).expect("a constant pattern"))
    }

    /// The text without credentials.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut redacted = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(place) = self.0.captures(rest) {
            let (before, value) = rest.split_at(place.get_match().end());
            let (skipped, length) = find(&place, value);
            redacted.push_str(before);
            redacted.push_str(&value[..skipped]);
            if length > 0 {
                redacted.push_str(REDACTED);
            }
            rest = &value[skipped + length..];
        }
        redacted.push_str(rest);
        redacted
    }
}

/// The spellings of a letter: plain, percent-encoded, or as an escape of JSON. In a key, `_` means one separator or
/// none.
pub(super) fn spellings(letter: char, in_key: bool) -> String {
    let mut pattern = String::from("(?:");
    if in_key && letter == '_' {
        pattern.push_str(r"[_\- .+]|%(?:5f|2d|20|2e)|\\+u00(?:5f|2d|20|2e))?");
        return pattern;
    }
    // JSON may put a backslash before a slash or a quote.
    let backslashes = if letter.is_alphanumeric() { "" } else { r"\\*" };
    pattern.push_str(backslashes);
    pattern.push_str(&regex::escape(&letter.to_string()));
    let cases = if in_key {
        vec![letter.to_ascii_lowercase(), letter.to_ascii_uppercase()]
    } else {
        vec![letter]
    };
    for case in cases {
        let mut utf8 = [0; 4];
        pattern.push('|');
        for byte in case.encode_utf8(&mut utf8).bytes() {
            write!(pattern, "(?i:%{byte:02x})").ok();
        }
        pattern.push('|');
        for unit in case.encode_utf16(&mut [0; 2]) {
            write!(pattern, r"(?i:\\+u{unit:04x})").ok();
        }
    }
    pattern.push(')');
    pattern
}

/// The value after a key: how much is before it, and its length. 0: there is none.
fn find(place: &Captures<'_>, text: &str) -> (usize, usize) {
    if place.name("element").is_some() {
        return content(text);
    }
    if place.name("part").is_some() {
        return part(text);
    }
    let slashes = text.len() - text.trim_start_matches('\\').len();
    let quote = text[slashes..].chars().next();
    match quote {
        Some(quote @ ('"' | '\'')) => {
            let begin = slashes + 1;
            let value = &text[begin..];
            // Without an end, it is the rest of the text.
            let length = quoted_length(value, quote, slashes).unwrap_or(value.len());
            (begin, length)
        }
        Some('[' | '{') if slashes == 0 => (0, bracketed_length(text)),
        _ => {
            let scheme = scheme_length(text);
            (scheme, bare_length(&text[scheme..]))
        }
    }
}

/// The content of an element of markup.
fn content(text: &str) -> (usize, usize) {
    const CDATA: &str = "<![CDATA[";
    match text.strip_prefix(CDATA) {
        Some(data) => (CDATA.len(), data.find("]]>").unwrap_or(data.len())),
        None => (0, text.find('<').unwrap_or(text.len())),
    }
}

/// The content of a part of a multipart form, after its remaining headers.
fn part(text: &str) -> (usize, usize) {
    let mut begin = 0;
    for line in text.split_inclusive('\n').take(5) {
        begin += line.len();
        if line.trim_end_matches(['\r', '\n']).is_empty() {
            let value = &text[begin..];
            let value = &value[..value.find("\n--").unwrap_or(value.len())];
            return (begin, value.trim_end_matches('\r').len());
        }
    }
    (0, 0)
}

/// The length of a quoted text whose opening quote has some backslashes. A quote with more of them is inside.
fn quoted_length(text: &str, quote: char, slashes: usize) -> Option<usize> {
    let mut run = 0;
    for (at, letter) in text.char_indices() {
        if letter == quote && ends(run, slashes) {
            return Some(at - run.min(slashes));
        }
        run = if letter == '\\' { run + 1 } else { 0 };
    }
    None
}

/// Whether a quote after a run of backslashes ends a text that began after some.
fn ends(run: usize, slashes: usize) -> bool {
    if slashes == 0 {
        run.is_multiple_of(2)
    } else {
        run <= slashes
    }
}

/// The length of a text in brackets, including them; the rest of the text if they are not closed.
fn bracketed_length(text: &str) -> usize {
    let (mut depth, mut run) = (0_usize, 0);
    // How many backslashes quotes have here, and whether one is open.
    let (mut slashes, mut is_open) = (None, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => {
                let slashes = *slashes.get_or_insert(run);
                is_open ^= ends(run, slashes);
            }
            '[' | '{' if !is_open => depth += 1,
            ']' | '}' if !is_open => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        run = if letter == '\\' { run + 1 } else { 0 };
    }
    text.len()
}

/// The length of a word like `Bearer ` before the credential itself.
fn scheme_length(text: &str) -> usize {
    let behind = |scheme: &str| {
        let (word, rest) = text.split_at_checked(scheme.len())?;
        let credential = rest.trim_start_matches([' ', '\t']);
        let is_word = word.eq_ignore_ascii_case(scheme) && credential.len() < rest.len();
        is_word.then_some(text.len() - credential.len())
    };
    let schemes = ["bearer", "basic", "digest", "token"];
    schemes.into_iter().find_map(behind).unwrap_or_default()
}

/// The length of a value without quotes and without the punctuation after it.
fn bare_length(text: &str) -> usize {
    let is_end = |letter: char| {
        letter.is_whitespace() || matches!(letter, '&' | '"' | '\'' | '\\' | '<' | '>')
    };
    let value = &text[..text.find(is_end).unwrap_or(text.len())];
    value.trim_end_matches([',', ';', ']', '}']).len()
}
