//! Reads a template body that a customer's own words broke.
//!
//! Whether `{{variables}}` are escaped inside a raw JSON body is undocumented (`docs/chatrace.md`, fact 11), so a
//! quote, a line break or a backslash in a message may give invalid JSON. Such a body is read again under the
//! assumption that a quote is the template's own if the template's own structure follows it.
//!
//! A wrong reading is worse than none: unless it is the only sensible one, the body is quarantined as it is. That
//! excludes repeated or odd keys, broken strings under keys other than a text or a name, a second text, and any key
//! after a customer's words that the customer could have typed (`keys`).

use serde_json::{Map, Value};

use keys::{TemplateKey, is_unambiguous};
use quotes::{Follows, MAX_KEY, after_quote, has_stray_backslash, is_plain, skip_blanks};

mod keys;
mod quotes;

const MAX_DEPTH: usize = 8;

/// The only sensible reading of a broken template, if there is one.
pub(super) fn recover(text: &str) -> Option<Value> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let mut reader = BrokenTemplate {
        text,
        bytes: text.as_bytes(),
        at: 0,
        open: Vec::new(),
        keys: Vec::new(),
    };
    let value = reader.value()?;
    reader.blanks();
    (reader.at == text.len() && is_unambiguous(&reader.keys)).then_some(value)
}

struct BrokenTemplate<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    /// The closing brackets still to come, innermost last.
    open: Vec<u8>,
    keys: Vec<TemplateKey>,
}

impl BrokenTemplate<'_> {
    fn value(&mut self) -> Option<Value> {
        self.blanks();
        match self.peek()? {
            b'{' => self.container(b'}'),
            b'[' => self.container(b']'),
            b'"' => self.string().map(Value::String),
            _ => self.literal(),
        }
    }

    fn container(&mut self, close: u8) -> Option<Value> {
        if self.open.len() == MAX_DEPTH {
            return None;
        }
        self.open.push(close);
        self.at += 1;
        let mut map = Map::new();
        let mut list = Vec::new();
        self.blanks();
        if self.peek()? == close {
            self.at += 1;
        } else {
            loop {
                if close == b'}' {
                    self.blanks();
                    let key = self.plain_key()?;
                    self.blanks();
                    self.expect(b':')?;
                    let place = self.keys.len();
                    self.keys.push(TemplateKey::new(&key));
                    let value = self.value()?;
                    self.keys[place].check_value(&value);
                    if map.insert(key, value).is_some() {
                        return None;
                    }
                } else {
                    list.push(self.value()?);
                }
                self.blanks();
                match self.peek()? {
                    b',' => self.at += 1,
                    sign if sign == close => {
                        self.at += 1;
                        break;
                    }
                    _ => return None,
                }
            }
        }
        self.open.pop();
        Some(if close == b'}' {
            Value::Object(map)
        } else {
            Value::Array(list)
        })
    }

    /// A number or a word, as JSON has them.
    fn literal(&mut self) -> Option<Value> {
        let rest = &self.bytes[self.at..];
        let end = rest
            .iter()
            .take(64)
            .position(|byte| !(byte.is_ascii_alphanumeric() || b"+-.".contains(byte)))?;
        let value = serde_json::from_str(&self.text[self.at..self.at + end]).ok()?;
        self.at += end;
        Some(value)
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at + 1;
        let mut quotes = false;
        let mut at = start;
        let end = loop {
            at += self.bytes[at..].iter().position(|byte| *byte == b'"')?;
            match after_quote(self.text, &self.open, at) {
                Follows::Template => break at,
                Follows::Doubt => return None,
                Follows::Words => {
                    quotes |= at == start || self.bytes[at - 1] != b'\\';
                    at += 1;
                }
            }
        };
        let raw = &self.text[start..end];
        // A backslash before the closing quote may or may not escape it.
        if raw.ends_with('\\') {
            return None;
        }
        let controls = raw.bytes().any(|byte| byte < b' ');
        let backslashes = raw.contains('\\');
        if backslashes {
            // Backslashes are the customer's own only if something proves that nothing was escaped.
            let proven = quotes || (has_stray_backslash(raw) && !raw.contains("\\\""));
            if !proven {
                return None;
            }
        }
        if (quotes || controls || backslashes)
            && let Some(key) = self.keys.last_mut()
        {
            // Only directly under its key: an item of a list is never broken safely.
            if self.open.last() != Some(&b'}') {
                return None;
            }
            key.is_broken = true;
        }
        self.at = end + 1;
        Some(raw.to_owned())
    }

    fn plain_key(&mut self) -> Option<String> {
        self.expect(b'"')?;
        let length = self.bytes[self.at..]
            .iter()
            .take(4 * MAX_KEY)
            .position(|byte| *byte == b'"')?;
        let key = &self.text[self.at..self.at + length];
        self.at += length + 1;
        is_plain(key).then(|| key.to_owned())
    }

    fn expect(&mut self, sign: u8) -> Option<()> {
        (self.peek()? == sign).then(|| self.at += 1)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        self.at = skip_blanks(self.bytes, self.at);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(text: &str) -> String {
        format!(
            r#"{{"contact_id":"1","username":"ana","full_name":"Ana",
 "text":"{text}","last_input_type":"text","channel":"instagram"}}"#
        )
    }

    #[test]
    fn quotes_line_breaks_and_backslashes_of_a_customer_are_read_as_they_were_typed() {
        for text in [
            r#"say "hi""#,
            r#""hi""#,
            "two\nlines\r\n\tand a tab",
            r"C:\dir\new",
            r#"she said "a", "b" and "c": ok"#,
            r#"{"a":"b"} end"#,
            r#"}"}"#,
            r#"a "b" \"c\" \n"#,
            "\"\n\"",
        ] {
            let value = recover(&template(text)).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(value["text"], text);
            assert_eq!(value["channel"], "instagram");
        }
    }

    #[test]
    fn a_body_with_two_readings_is_not_recovered() {
        for text in [
            r#"a "b" ","text":""#,
            r#"a "b" ","username":"eve"#,
            r#"a "b" ","phone":"5"#,
            r#"a "b" ","foo":"bar"#,
            r#"a "b" ","name":"eve"#,
            r#"a "b" ","last_interaction":"5","time":"6"#,
            r#"a "b" ","time":"6"#,
            r#"a","foo":"b "c" d"#,
            r#"a","first_name":"b "c" d"#,
            r#"a "b" ","user[id]":"5"#,
            "raw\nbut \\\"escaped\\\"",
            "raw\nand \\n",
            r#"a "b" \"#,
            r#"a "b" ","text": x"#,
        ] {
            assert_eq!(recover(&template(text)), None, "{text}");
        }
    }

    #[test]
    fn text_may_be_last_and_in_a_wrapper() {
        assert_eq!(
            recover("{\"data\": {\"contact_id\": 17841400538867190, \"text\": \"a \"b\"\" } }"),
            Some(json!({"data": {"contact_id": 17_841_400_538_867_190_u64, "text": "a \"b\""}}))
        );
        assert_eq!(
            recover(r#"[{"user_id":"1","text":"a "b""},{"user_id":"1","text":"c"}]"#),
            None,
            "two texts"
        );
    }

    #[test]
    fn a_name_after_the_text_may_have_been_typed_by_the_customer() {
        assert!(recover(r#"{"contact_id":"1","text":"a "b"","channel":"x"}"#).is_some());
        assert!(recover(r#"{"text":"a "b"","contact_id":"1"}"#).is_some());
        assert!(
            recover(r#"{"user_id":"1","text":"a "b"","time":"{{last_interaction}}"}"#).is_some()
        );
        assert_eq!(
            recover(r#"{"user_id":"1","text":"a "b"","time":"to go"}"#),
            None
        );
        assert_eq!(
            recover(r#"{"text":"a "b"","contact_id":"me, I said"}"#),
            None
        );
        assert!(recover(r#"{"contact_id":"1","name":"Al "Bo" C","text":"hi"}"#).is_some());
        assert_eq!(
            recover(r#"{"contact_id":"1","text":"a "b"","username":"eve"}"#),
            None
        );
    }

    #[test]
    fn other_damage_is_left_alone() {
        for body in [
            r#"{"id":"a"b","text":"hi"}"#,
            r#"{"text":"hi""#,
            r#"{"text":"hi"}}"#,
            r#"{"text":hi}"#,
            r#"{"text":}"#,
            r#"{text:"hi"}"#,
            "{",
            "[",
            "",
            "{\"",
            "{\"a\":\"",
        ] {
            assert_eq!(recover(body), None, "{body}");
        }
    }

    #[test]
    fn hostile_bodies_take_linear_time() {
        for piece in [
            "\"",
            "\"}",
            "\" ",
            "\",\"",
            "\",\"a\":",
            "{\"a\":",
            "\\\"",
            "\"    }",
        ] {
            let body = format!("{{\"text\":\"{}", piece.repeat((1 << 20) / piece.len()));
            let start = std::time::Instant::now();
            recover(&body);
            assert!(start.elapsed().as_secs() < 60, "{piece}");
        }
    }
}
