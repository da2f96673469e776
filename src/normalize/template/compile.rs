//! A JSON template: its fixed parts, its placeholders, and its skeleton.

use serde_json::Value;

use super::anchors::{Anchor, Anchors};
use super::skeleton::{MARK, Skeleton, kind_of};
use super::{Placeholder, PlaceholderKind, Template};
use crate::i18n::Text;
use crate::normalize::{json_text, scalar};

/// Reads a JSON template.
pub(super) fn json(text: &str) -> Result<Template, Text> {
    let mut reader = TemplateReader {
        rest: text,
        skeleton: String::with_capacity(text.len()),
        anchors: vec![Vec::new()],
        placeholders: Vec::new(),
        key: String::new(),
    };
    while reader.piece()? {}
    let TemplateReader {
        skeleton,
        anchors,
        placeholders,
        ..
    } = reader;
    if placeholders.is_empty() {
        return Err(Text::new("body-without-placeholder"));
    }
    let skeleton = json_text::parse(skeleton.as_bytes())
        .map_err(|error| Text::new("body-no-json").with("cause", error.to_string()))?;
    if has_repeated(&skeleton) {
        return Err(Text::new("body-key-twice"));
    }
    Ok(Template {
        skeleton: Skeleton::Json(skeleton),
        anchors: Anchors(anchors),
        placeholders,
    })
}

fn has_repeated(skeleton: &Value) -> bool {
    match skeleton {
        Value::Object(map) => {
            map.contains_key(json_text::REPEATED) || map.values().any(has_repeated)
        }
        Value::Array(list) => list.iter().any(has_repeated),
        _ => false,
    }
}

struct TemplateReader<'t> {
    rest: &'t str,
    /// The template with marks in place of its placeholders, as JSON.
    skeleton: String,
    anchors: Vec<Anchor>,
    placeholders: Vec<Placeholder>,
    /// The latest key.
    key: String,
}

impl<'t> TemplateReader<'t> {
    /// Reads a sign, a string, a word or a placeholder; `false` at the end.
    fn piece(&mut self) -> Result<bool, Text> {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else {
            return Ok(false);
        };
        if first == '"' {
            self.string()?;
        } else if self.rest.starts_with("{{") && !self.rest.starts_with("{{{") {
            let placeholder = self.take_placeholder()?;
            self.add_placeholder(PlaceholderKind::Bare, placeholder);
        } else {
            let is_sign = "{}[]:,".contains(first);
            let length = if is_sign {
                first.len_utf8()
            } else {
                let end = |sign: char| sign.is_whitespace() || "{}[]:,\"".contains(sign);
                self.rest.find(end).unwrap_or(self.rest.len())
            };
            let piece = self.take(length);
            self.fixed(piece);
        }
        Ok(true)
    }

    fn string(&mut self) -> Result<(), Text> {
        let mut at = 1;
        let mut is_filled_in = false;
        let end = loop {
            let rest = &self.rest[at..];
            if rest.starts_with("{{") {
                is_filled_in = true;
                at += rest
                    .find("}}")
                    .ok_or_else(|| Text::new("body-open-placeholder"))?
                    + 2;
            } else if let Some(escaped) = rest.strip_prefix('\\') {
                at += 1 + escaped.chars().next().map_or(0, char::len_utf8);
            } else if rest.starts_with('"') {
                break at;
            } else {
                let sign = rest
                    .chars()
                    .next()
                    .ok_or_else(|| Text::new("body-open-string"))?;
                at += sign.len_utf8();
            }
        };
        let string = self.take(end + 1);
        let content = &string[1..end];
        let is_key = self.rest.trim_start().starts_with(':');
        if is_key {
            content.clone_into(&mut self.key);
        }
        if !is_filled_in {
            self.fixed(string);
        } else if is_key {
            let key = scalar::shown(content);
            return Err(Text::new("body-key-placeholder").with("key", key));
        } else {
            let kind = kind_of(&self.key, content);
            self.add("\"");
            self.add_placeholder(kind, content);
            self.add("\"");
        }
        Ok(())
    }

    fn take_placeholder(&mut self) -> Result<&'t str, Text> {
        let end = self
            .rest
            .find("}}")
            .ok_or_else(|| Text::new("body-open-placeholder"))?;
        Ok(self.take(end + 2))
    }

    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn fixed(&mut self, piece: &str) {
        self.skeleton.push_str(piece);
        // Two words beside each other stay two words.
        self.skeleton.push(' ');
        self.add(piece);
    }

    fn add(&mut self, piece: &str) {
        if let Some(anchor) = self.anchors.last_mut() {
            anchor.push(piece.to_owned());
        }
    }

    fn add_placeholder(&mut self, kind: PlaceholderKind, unfilled: &str) {
        let number = self.placeholders.len();
        let mark = format!("\"{MARK}{number}\" ");
        self.skeleton.push_str(&mark);
        self.placeholders.push(Placeholder {
            kind,
            unfilled: unfilled.to_owned(),
        });
        self.anchors.push(Vec::new());
    }
}
