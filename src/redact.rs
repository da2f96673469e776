//! Takes credentials out of bodies before anybody sees them.
//!
//! Owners paste `{{api_key}}` and tokens into templates by mistake, and bodies are shown by the API and, on request,
//! logged. What is kept is untouched: only the view is redacted.

use regex::{Captures, Regex, Replacer};
use secrecy::{ExposeSecret as _, SecretString};

/// What stands in the place of a credential.
pub const REDACTED: &str = "[redacted]";

/// Keys whose values are credentials, as a part of the key.
const KEY: &str =
    r"(?:api[_\- ]?key|access[_\- ]?key|token|secret|passw(?:or)?d|authorization|credential)";

/// Where credentials stand, with the quotes that their values may have. The first group of each pattern is the key, the
/// second the value.
const PLACES: [(&str, &str); 4] = [
    // `"api_key": "…"` or an unquoted value, also in broken JSON without a closing quote.
    (
        "\"",
        r#"("[^"\\]{0,64}KEY[^"\\]{0,64}"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s",}\]\[{]+)"#,
    ),
    // The same inside a JSON string: `\"api_key\":\"…\"`.
    (
        "\\\"",
        r#"(\\"[^"\\]{0,64}KEY[^"\\]{0,64}\\"\s*:\s*)(\\"[^"\\]*|[^\s"\\,}\]\[{]+)"#,
    ),
    // `api_key=…` in a form or a query.
    ("", r"((?:^|[&?\s])[^=&\s]{0,64}KEY[^=&\s]{0,64}=)([^&\s]+)"),
    // A part of a multipart form.
    (
        "",
        r#"(name="[^"]{0,64}KEY[^"]{0,64}"\r?\n(?:[^\r\n]+\r?\n)*\r?\n)([^\r\n]+)"#,
    ),
];

/// Takes credentials out of text: by the keys they stand under, and by the values this service was configured with.
#[derive(Clone)]
pub struct Redactor {
    places: Vec<(Blot, Regex)>,
    values: Vec<SecretString>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Redactor")
    }
}

/// Configured values shorter than this are not searched for: they would blot out ordinary words.
const SHORTEST_VALUE: usize = 6;

impl Redactor {
    /// Knows these secrets, and the places where credentials stand.
    ///
    /// # Panics
    /// When a pattern cannot be compiled, which depends on nothing but the program: better at every start than never.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let long = |secret: &&SecretString| secret.expose_secret().len() >= SHORTEST_VALUE;
        let compile = |(quote, pattern): (&'static str, &str)| {
            let pattern = format!("(?i){}", pattern.replace("KEY", KEY));
            (
                Blot { quote },
                Regex::new(&pattern).expect("a constant pattern"),
            )
        };
        Self {
            places: PLACES.into_iter().map(compile).collect(),
            values: secrets.into_iter().filter(long).cloned().collect(),
        }
    }

    /// The text without credentials.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (blot, place) in &self.places {
            text = place.replace_all(&text, *blot).into_owned();
        }
        for value in &self.values {
            text = text.replace(value.expose_secret(), REDACTED);
        }
        text
    }
}

/// Keeps the first group (the key) and replaces the second (the value), with its quotes if it had any.
#[derive(Debug, Clone, Copy)]
struct Blot {
    quote: &'static str,
}

impl Replacer for Blot {
    fn replace_append(&mut self, captures: &Captures<'_>, into: &mut String) {
        into.push_str(&captures[1]);
        let value = &captures[2];
        let quoted = !self.quote.is_empty() && value.starts_with(self.quote);
        if quoted {
            into.push_str(self.quote);
        }
        into.push_str(REDACTED);
        // The escaped form matches up to its closing quote, which stays where it is.
        if quoted && self.quote == "\"" {
            into.push('"');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact(text: &str) -> String {
        Redactor::new(&[SecretString::from("configured-secret")]).redact(text)
    }

    #[test]
    fn credentials_under_their_keys_are_taken_out() {
        assert_eq!(
            redact(r#"{"api_key":"123.abc","text":"hi"}"#),
            r#"{"api_key":"[redacted]","text":"hi"}"#
        );
        assert_eq!(
            redact(r#"{"Access-Token" : "a\"b"}"#),
            r#"{"Access-Token" : "[redacted]"}"#
        );
        assert_eq!(
            redact(r#"{"secret":12345,"a":1}"#),
            r#"{"secret":[redacted],"a":1}"#
        );
        assert_eq!(
            redact(r#"{"m":"{\"api_key\":\"123.abc\"}"}"#),
            r#"{"m":"{\"api_key\":\"[redacted]\"}"}"#
        );
        assert_eq!(
            redact("a=1&api_key=123.abc&b=2"),
            "a=1&api_key=[redacted]&b=2"
        );
        assert_eq!(
            redact(
                "--x\r\nContent-Disposition: form-data; name=\"api_key\"\r\n\r\n123.abc\r\n--x--"
            ),
            "--x\r\nContent-Disposition: form-data; name=\"api_key\"\r\n\r\n[redacted]\r\n--x--"
        );
    }

    #[test]
    fn a_broken_body_hides_its_credentials_too() {
        assert_eq!(
            redact(r#"{"api_key":"123.abc"#),
            r#"{"api_key":"[redacted]""#
        );
    }

    #[test]
    fn configured_values_are_taken_out_wherever_they_stand() {
        assert_eq!(
            redact(r#"{"text":"my configured-secret"}"#),
            r#"{"text":"my [redacted]"}"#
        );
    }

    #[test]
    fn other_text_is_left_alone() {
        let text = r#"{"text":"the token is lost","contact_id":"1"}"#;
        assert_eq!(redact(text), text);
    }
}
