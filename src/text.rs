//! Foreign text, made safe to show: a log line, a terminal, an answer.

use std::borrow::Cow;
use std::fmt::Write as _;

use url::Url;

/// The longest foreign text in a sentence, in characters.
const LONGEST: usize = 160;

/// A text that no terminal obeys, nor whatever else shows a log: its lines stay lines, and everything else in it that
/// is no letter is escaped as in JSON. So a text that is JSON means the same afterwards.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| letter != '\n' && is_command(letter))
}

/// The same for lines of the log with colours, in which no foreign escape is left.
pub(crate) fn printable_but_escapes(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| {
        !matches!(letter, '\n' | '\x1b') && is_command(letter)
    })
}

/// The same as part of one line: nothing in it can begin a line of its own.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_command)
}

/// Whether it is a control character, or turns the direction of writing, or ends a line.
fn is_command(letter: char) -> bool {
    let marks = matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}');
    let turns = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let ends_line = matches!(letter, '\u{2028}' | '\u{2029}');
    letter.is_control() || marks || turns || ends_line
}

fn escaped(text: &str, is_unsafe: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.chars() {
        match letter {
            letter if !is_unsafe(letter) => line.push(letter),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            // Four digits are enough for each of them. Writing to a string cannot fail.
            letter => write!(line, "\\u{:04x}", u32::from(letter)).unwrap_or_default(),
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

/// A text with blanks in place of what a terminal would obey.
pub(crate) fn without_controls(text: &str) -> String {
    text.replace(is_command, " ")
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
    fn nothing_in_a_text_is_obeyed_or_begins_a_line() {
        assert_eq!(one_line("{\"a\": \"é\\n\"}"), "{\"a\": \"é\\n\"}");
        let hostile = "a\r\n2026 INFO\u{1b}[1m\u{85}\u{9b}\u{2028}\u{202e}\u{2066}\u{61c}\u{7f}b";
        let safe = "a\\r\\n2026 INFO\\u001b[1m\\u0085\\u009b\\u2028\\u202e\\u2066\\u061c\\u007fb";
        assert_eq!(one_line(hostile), safe);
        assert_eq!(printable(hostile), safe.replace("\\n", "\n"));
    }

    #[test]
    fn json_means_the_same_afterwards() {
        let value = serde_json::json!({ "text": "\u{1b}[2J\u{9b}2J\u{202e}\n\"\\ü🎉" });
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let printed = printable(&pretty).into_owned();
        assert_eq!(printed.lines().count(), 3);
        assert!(!printed.contains(|letter| letter != '\n' && is_command(letter)));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&printed).unwrap(),
            value
        );
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt(" a\r\n\x1b[31mb\u{202e}c "), "a   [31mb c");
        assert_eq!(excerpt(&"é".repeat(1000)).chars().count(), LONGEST + 1);
        assert_eq!(cut("héllo", 2), "hé…");
        assert_eq!(cut("héllo", 5), "héllo");
    }
}
