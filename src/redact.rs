//! Removes credentials from bodies before they are shown.
//!
//! Owners paste `{{api_key}}` and tokens into templates by mistake, and the API shows bodies and, on request, logs
//! them. The stored body is unchanged: only the view is redacted.
//!
//! JSON is parsed as JSON, so that a value ends where it ends (`json`). In all other texts, and in strings within JSON,
//! credentials are found by the word before them (`text`). If the end of a credential is unclear, too much is removed
//! rather than too little. The time is linear in the length of the body.

mod json;
mod text;

use regex::Regex;
use secrecy::{ExposeSecret as _, SecretString};

/// Replaces a credential.
pub(crate) const REDACTED: &str = "[redacted]";

/// A key with one of these words in it is a credential's. `_` means one separator or none.
const WORDS: [&str; 8] = [
    "api_key",
    "access_key",
    "token",
    "secret",
    "password",
    "passwd",
    "authorization",
    "credential",
];

/// Shorter configured values are not searched: they would also match ordinary words.
const SHORTEST_VALUE: usize = 6;

/// Removes credentials from text: by their keys, and by the configured values of this service.
#[derive(Clone)]
pub(crate) struct Redactor {
    places: text::Places,
    values: Vec<Regex>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Redactor")
    }
}

impl Redactor {
    /// # Panics
    /// When a pattern cannot be compiled. That depends only on the program and the length of the secrets, so it would
    /// happen at every start.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let long = |secret: &&SecretString| secret.expose_secret().len() >= SHORTEST_VALUE;
        let pattern = |secret: &SecretString| {
            let letters = secret.expose_secret().chars();
            let pattern: String = letters
                .map(|letter| text::spellings(letter, false))
                .collect();
            Regex::new(&pattern).expect("a pattern of single letters")
        };
        Self {
            places: text::Places::new(),
            values: secrets.into_iter().filter(long).map(pattern).collect(),
        }
    }

    /// The text without credentials.
    pub(crate) fn redact(&self, text: &str) -> String {
        let redacted = json::redact(self, text, 0).unwrap_or_else(|| self.places.redact(text));
        self.without_values(redacted)
    }

    /// The text without the configured values of this service.
    fn without_values(&self, mut text: String) -> String {
        for value in &self.values {
            if value.is_match(&text) {
                text = value.replace_all(&text, REDACTED).into_owned();
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redact(text: &str) -> String {
        Redactor::new(&[SecretString::from("configured/secret-1")]).redact(text)
    }

    #[track_caller]
    fn assert_redacted(pairs: &[(&str, &str)]) {
        for (text, expected) in pairs {
            assert_eq!(redact(text), *expected, "{text}");
        }
    }

    #[test]
    fn in_json_the_value_of_a_key_goes_whatever_it_is() {
        assert_redacted(&[
            (
                r#"{"api_key":"123.abc","text":"hi"}"#,
                r#"{"api_key":"[redacted]","text":"hi"}"#,
            ),
            (
                r#"{"Access-Token" : "a\"b"}"#,
                r#"{"Access-Token" : "[redacted]"}"#,
            ),
            (
                r#"{"secret":12345,"a":1}"#,
                r#"{"secret":"[redacted]","a":1}"#,
            ),
            (
                r#"{"tokens":["a]","b"],"x":{"PassWord":{"a":"}"}},"y":null}"#,
                r#"{"tokens":"[redacted]","x":{"PassWord":"[redacted]"},"y":null}"#,
            ),
            (
                r#"{"api\u005fkey":"x","api%5Fkey":"y","api key" :true}"#,
                r#"{"api\u005fkey":"[redacted]","api%5Fkey":"[redacted]","api key" :"[redacted]"}"#,
            ),
            (
                r#"[{"token":"x"},{"token":null}]"#,
                r#"[{"token":"[redacted]"},{"token":null}]"#,
            ),
        ]);
    }

    #[test]
    fn in_json_nothing_else_changes() {
        let text =
            "{ \"id\": 17841400538867190123456, \"z\":1.50, \"a\":\"x\\u00e9\\/\", \"a\":[ ]\r\n}";
        assert_eq!(redact(text), text);
        let with = format!("[{text}, {{\"token\":1}}]");
        assert_eq!(
            redact(&with),
            format!("[{text}, {{\"token\":\"[redacted]\"}}]")
        );
    }

    #[test]
    fn in_the_strings_of_json_credentials_are_found_too() {
        assert_redacted(&[
            (
                r#"{"m":"{\"api_key\":\"123.abc\",\"n\":1}"}"#,
                r#"{"m":"{\"api_key\":\"[redacted]\",\"n\":1}"}"#,
            ),
            (
                r#"{"m":"[\"{\\\"token\\\":[1,2]}\"]"}"#,
                r#"{"m":"[\"{\\\"token\\\":\\\"[redacted]\\\"}\"]"}"#,
            ),
            (
                r#"{"url":"https://x/?access_token=abc","note":"stays"}"#,
                r#"{"url":"https://x/?access_token=[redacted]","note":"stays"}"#,
            ),
            (
                r#"{"url":"https://x/?access_token=abc&a=1#b"}"#,
                r#"{"url":"https://x/?access_token=[redacted]&a=1#b"}"#,
            ),
        ]);
    }

    #[test]
    fn in_other_texts_they_are_found_behind_their_keys() {
        assert_redacted(&[
            ("a=1&api_key=123.abc&b=2", "a=1&api_key=[redacted]&b=2"),
            ("api%5Fkey=abc&b=2", "api%5Fkey=[redacted]&b=2"),
            ("user[token]=abc&b=2", "user[token]=[redacted]&b=2"),
            (
                "{'api_key': 'a\\'b', 'c': 1}",
                "{'api_key': '[redacted]', 'c': 1}",
            ),
            ("{api_key: abc, c: 1}", "{api_key: [redacted], c: 1}"),
            ("password: abc\nname: bo", "password: [redacted]\nname: bo"),
            (
                "Authorization: Bearer abc.def\nname: bo",
                "Authorization: Bearer [redacted]\nname: bo",
            ),
            ("\"secret\" => \"a b\"", "\"secret\" => \"[redacted]\""),
            (
                "<a><token>x y</token><name token='z'>bo</name></a>",
                "<a><token>[redacted]</token><name token='[redacted]'>bo</name></a>",
            ),
            (
                "<ns:api_key a=\"b\"><![CDATA[<x>]]></ns:api_key>",
                "<ns:api_key a=\"b\"><![CDATA[[redacted]]]></ns:api_key>",
            ),
            (
                "--x\r\nContent-Disposition: form-data; name=\"api_key\"\r\nA: b\r\n\r\n123\r\nabc\r\n--x--",
                "--x\r\nContent-Disposition: form-data; name=\"api_key\"\r\nA: b\r\n\r\n[redacted]\r\n--x--",
            ),
        ]);
    }

    #[test]
    fn a_broken_body_hides_its_credentials_too() {
        assert_redacted(&[
            (r#"{"api_key":"123.abc"#, r#"{"api_key":"[redacted]"#),
            (
                r#"{"secret":12345,"a":1,,}"#,
                r#"{"secret":[redacted],"a":1,,}"#,
            ),
            (
                r#"{"token":["a]",{"b":"c"}],"x":"y",,}"#,
                r#"{"token":[redacted],"x":"y",,}"#,
            ),
            (
                r#"{"api\u005fkey":"x","a":1,,}"#,
                r#"{"api\u005fkey":"[redacted]","a":1,,}"#,
            ),
            (
                r#"{"m":"{\"token\":\"1\\\"2\",\"a\":\"b\"}",,}"#,
                r#"{"m":"{\"token\":\"[redacted]\",\"a\":\"b\"}",,}"#,
            ),
            (
                r#"{"url":"https://x/?access_token=abc","note":"stays",,}"#,
                r#"{"url":"https://x/?access_token=[redacted]","note":"stays",,}"#,
            ),
        ]);
    }

    #[test]
    fn configured_values_are_taken_out_wherever_they_stand_and_however_they_are_spelt() {
        assert_redacted(&[
            (
                r#"{"text":"my configured/secret-1"}"#,
                r#"{"text":"my [redacted]"}"#,
            ),
            (
                r#"{"text":"conf\u0069gured\/secret-1"}"#,
                r#"{"text":"[redacted]"}"#,
            ),
            (
                r#"{"text":"conf\u0069gured\/secret\u002D1",,}"#,
                r#"{"text":"[redacted]",,}"#,
            ),
            ("a=configured%2Fsecret-%31&b", "a=[redacted]&b"),
        ]);
    }

    #[test]
    fn other_text_is_left_alone() {
        for text in [
            r#"{"text":"the token is lost","contact_id":"1"}"#,
            "the token is lost, and the password too",
            "<b>token</b>",
            "token=&a=1",
            "{\"token\":\"\"",
            "",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    /// Texts full of what means something here.
    fn texts() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "token",
            "api_key",
            "secret",
            "api%5Fkey",
            "\\u0074oken",
            "\"",
            "\\\"",
            "\\",
            "'",
            ":",
            "=",
            "{",
            "}",
            "[",
            "]",
            ",",
            "<token>",
            "<",
            ">",
            "<![CDATA[",
            "]]>",
            "name=\"token\"\r\n",
            "\r\n",
            "\n--",
            "&",
            " ",
            "Bearer ",
            "x",
            "é",
            "\u{1f389}",
            "1",
            "%",
            "configured/secret-1",
        ]);
        prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_text_is_redacted_and_grows_by_a_factor_at_most(text in texts()) {
            let redacted = redact(&text);
            prop_assert!(redacted.len() <= 12 * text.len() + 12);
            prop_assert!(!redacted.contains("configured/secret-1"));
        }

        #[test]
        fn json_stays_json(text in texts(), key in texts(), depth in 0..4) {
            let mut value = serde_json::json!({key: [text.clone()], "text": text});
            for _ in 0..depth {
                value = serde_json::json!({"m": value.to_string()});
            }
            let redacted = redact(&value.to_string());
            prop_assert!(serde_json::from_str::<serde_json::Value>(&redacted).is_ok(), "{redacted}");
        }
    }
}
