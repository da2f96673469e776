//! Foreign text, made safe to show: a log line, a terminal, an answer.

use std::borrow::Cow;

use url::Url;

/// The longest foreign text in a sentence, in characters.
const LONGEST: usize = 160;

/// A text as part of one line of the log: nothing in it can begin a line of its own.
pub(crate) fn log_line(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| {
        letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')
    })
}

/// A text as part of one line in a terminal: no control character, and none that turns the direction of writing.
pub(crate) fn terminal_line(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| {
        let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        letter.is_control() || turns
    })
}

fn escaped(text: &str, is_unsafe: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.chars() {
        if is_unsafe(letter) {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    Cow::Owned(line)
}

/// A text as part of a sentence: short, and without control characters.
pub(crate) fn excerpt(text: &str) -> String {
    without_controls(&cut(text, LONGEST)).trim().to_owned()
}

/// The beginning of a text, with `…` if there is more.
pub(crate) fn cut(text: &str, characters: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// A text with blanks in place of control characters.
pub(crate) fn without_controls(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// A URL without user, password, query and fragment.
pub(crate) fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    // Only URLs without a host refuse these, and no request is sent to such a one.
    url.set_username("").ok();
    url.set_password(None).ok();
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// The sentence with a small letter at its beginning, for the middle of another.
pub(crate) fn lower_first(sentence: &str) -> String {
    with_first(sentence, char::to_lowercase)
}

/// The sentence with a capital letter at its beginning.
pub(crate) fn upper_first(sentence: &str) -> String {
    with_first(sentence, char::to_uppercase)
}

fn with_first<I: Iterator<Item = char>>(sentence: &str, change: fn(char) -> I) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(change);
    first.into_iter().flatten().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logged_text_is_one_line() {
        assert_eq!(log_line("{\"a\": \"é\\n\"}"), "{\"a\": \"é\\n\"}");
        assert_eq!(
            log_line("a\r\n2026 INFO\u{1b}[1m\u{85}\u{2028}b"),
            "a\\r\\n2026 INFO\\u{1b}[1m\\u{85}\\u{2028}b"
        );
    }

    #[test]
    fn a_terminal_obeys_nothing_in_a_text() {
        assert_eq!(terminal_line("a\u{9b}2J\u{202e}b"), "a\\u{9b}2J\\u{202e}b");
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt(" a\r\n\x1b[31mb "), "a   [31mb");
        assert_eq!(excerpt(&"é".repeat(1000)).chars().count(), LONGEST + 1);
        assert_eq!(cut("héllo", 2), "hé…");
        assert_eq!(cut("héllo", 5), "héllo");
    }
}
