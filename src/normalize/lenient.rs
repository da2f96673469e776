//! Nearly JSON: what owners type, guides print and relays write, where only one reading is possible.
//!
//! Comments, commas behind the last value, single or typographic quotes, keys without quotes, Python's `None` and
//! `True`, no value or a bare word, no-break spaces, and line breaks in strings. It is
//! rewritten as JSON and parsed as such, so what does not fit then is not read. A string ends at the first quote that
//! can end it: where a customer's own quote is in it, the rest does not fit.
//!
//! Parsers for JSON with comments (jsonc-parser, json5) were looked at. They know three of these eight, and all others
//! need to tell strings from what is between them, which is most of the work here.

use serde_json::Value;

use super::json_text;

/// The only reading of text that is nearly JSON.
pub(super) fn parse(text: &str) -> Option<Value> {
    let text = text.trim_matches(|sign: char| sign.is_whitespace() || sign == '\u{feff}');
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let mut writer = Rewriter {
        rest: text,
        json: String::with_capacity(text.len() + 64),
    };
    while writer.token()? {}
    json_text::parse(writer.json.as_bytes()).ok()
}

struct Rewriter<'t> {
    rest: &'t str,
    json: String,
}

impl Rewriter<'_> {
    /// Rewrites the next token; `false` at the end, `None` if there is no reading.
    fn token(&mut self) -> Option<bool> {
        let blank = |sign: char| sign.is_whitespace() || sign == '\u{feff}';
        self.rest = self.rest.trim_start_matches(blank);
        let Some(first) = self.rest.chars().next() else {
            return Some(false);
        };
        match first {
            '/' => self.comment()?,
            '"' => self.string(&['"'])?,
            '\'' => self.string(&['\''])?,
            '“' | '”' | '„' | '«' => self.string(&['“', '”', '»'])?,
            '‘' | '’' => self.string(&['‘', '’'])?,
            '{' if self.rest.starts_with("{{") && self.json.ends_with(':') => self.placeholder()?,
            '{' | '[' | ':' | ',' | '}' | ']' => self.sign(first),
            _ => self.word()?,
        }
        Some(true)
    }

    fn comment(&mut self) -> Option<()> {
        let end = if self.rest.starts_with("//") {
            self.rest.find('\n').unwrap_or(self.rest.len())
        } else if self.rest.starts_with("/*") {
            self.rest.find("*/")? + 2
        } else {
            return None;
        };
        self.rest = &self.rest[end..];
        Some(())
    }

    fn sign(&mut self, sign: char) {
        if matches!(sign, ',' | '}' | ']') {
            if self.json.ends_with(':') {
                self.json.push_str("null");
            } else if sign != ',' && self.json.ends_with(',') {
                self.json.pop();
            }
        }
        self.json.push(sign);
        self.rest = &self.rest[1..];
    }

    /// A string that ends at one of these quotes.
    fn string(&mut self, ends: &[char]) -> Option<()> {
        let mut signs = self.rest.char_indices().skip(1);
        self.json.push('"');
        loop {
            let (at, sign) = signs.next()?;
            match sign {
                '\\' => {
                    let (_, escaped) = signs.next()?;
                    if escaped != '\'' {
                        self.json.push('\\');
                    }
                    self.json.push(escaped);
                }
                sign if ends.contains(&sign) => {
                    self.json.push('"');
                    self.rest = &self.rest[at + sign.len_utf8()..];
                    return Some(());
                }
                '"' => self.json.push_str("\\\""),
                // A string of one sign escapes it as JSON demands.
                sign if sign < ' ' => self
                    .json
                    .push_str(Value::from(sign.to_string()).to_string().trim_matches('"')),
                sign => self.json.push(sign),
            }
        }
    }

    fn quoted(&mut self, word: &str) -> Option<()> {
        let is_plain = |sign: char| sign.is_alphanumeric() || "_-.$+@".contains(sign);
        word.chars()
            .all(is_plain)
            .then(|| self.json.extend(["\"", word, "\""]))
    }

    /// A placeholder outside of any string, which was not filled in.
    fn placeholder(&mut self) -> Option<()> {
        let (placeholder, rest) = self.rest.split_at(self.rest.find("}}")? + 2);
        self.json.push_str(&Value::from(placeholder).to_string());
        self.rest = rest;
        Some(())
    }

    /// A number, a key without quotes, or a word that stands for a value.
    fn word(&mut self) -> Option<()> {
        let is_end =
            |sign: char| sign.is_whitespace() || "{}[]:,\"'/".contains(sign) || sign == '\u{feff}';
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let is_key = rest.trim_start().starts_with(':') && !self.json.ends_with(':');
        self.rest = rest;
        if is_key {
            self.quoted(word)?;
        } else {
            // A word beside another value must not become a part of it.
            if !self.json.ends_with(['[', ':', ',']) {
                return None;
            }
            match word {
                "" => return None,
                "None" | "undefined" | "nil" => self.json.push_str("null"),
                "True" => self.json.push_str("true"),
                "False" => self.json.push_str("false"),
                word if serde_json::from_str::<Value>(word).is_ok() => self.json.push_str(word),
                word => self.quoted(word)?,
            }
        }
        Some(())
    }
}
