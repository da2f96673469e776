//! Texts for people, in English and Russian.
//!
//! A [`Text`] names a message in `locales/` and has its arguments. It becomes words only where the reader's language is
//! known. Logs and the errors of the API are English.

mod catalog;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, openapi};

use crate::named::impl_named;

/// A language that the texts exist in.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// Russian.
    Ru,
}

impl_named!(Locale);

impl Locale {
    /// The first language that exists here of those in an `Accept-Language` header, which browsers sort by preference.
    pub(crate) fn accepted(header: &str) -> Option<Self> {
        header.split(',').find_map(Self::tagged)
    }

    /// The language of commands, by what `LC_ALL`, `LC_MESSAGES` or `LANG` say, for example `ru_RU.UTF-8`.
    pub(crate) fn tagged(tag: &str) -> Option<Self> {
        let language = tag.trim().split(['-', '_', '.', ';', '@']).next()?;
        Self::named(&language.to_ascii_lowercase())
    }
}

/// A text in every language.
#[derive(Clone, PartialEq, Eq)]
pub enum Text {
    /// A message of the catalogs.
    Message {
        /// Its id there.
        id: Cow<'static, str>,
        /// The attribute that has the words, if not the message itself.
        attribute: Option<&'static str>,
        /// What it says something about.
        arguments: Vec<(&'static str, Argument)>,
    },
    /// Words that are the same in every language, or known in one only.
    Words(String),
    /// Several texts, with this between them.
    List(Vec<Text>, &'static str),
}

/// What a message says something about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A number, by which the message may choose a plural form.
    Number(i64),
    /// A name, a path or another foreign word.
    Word(String),
    /// A part of the sentence that has a message of its own.
    Part(Text),
    /// A sentence that goes on where this one has begun: its first letter becomes a small one.
    Continued(Text),
    /// A part that begins this sentence: its first letter becomes a capital.
    Begun(Text),
}

impl Text {
    /// The message with this id, which must exist.
    pub(crate) fn new(id: &'static str) -> Self {
        Self::Message {
            id: id.into(),
            attribute: None,
            arguments: Vec::new(),
        }
    }

    /// The message with this id, if there is one.
    pub(crate) fn find(id: String) -> Option<Self> {
        catalog::has_message(&id).then(|| Self::Message {
            id: id.into(),
            attribute: None,
            arguments: Vec::new(),
        })
    }

    /// Several texts, with a separator between them.
    pub(crate) fn list(texts: impl IntoIterator<Item = Self>, separator: &'static str) -> Self {
        Self::List(texts.into_iter().collect(), separator)
    }

    /// An attribute of the same message, about the same arguments; empty if it has none of this name.
    pub(crate) fn attribute(&self, name: &'static str) -> Self {
        match self {
            Self::Message { id, arguments, .. } if catalog::has_attribute(id, name) => {
                Self::Message {
                    id: id.clone(),
                    attribute: Some(name),
                    arguments: arguments.clone(),
                }
            }
            _ => Self::default(),
        }
    }

    /// The same with one more argument.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, argument: impl Into<Argument>) -> Self {
        if let Self::Message { arguments, .. } = &mut self {
            arguments.push((name, argument.into()));
        }
        self
    }

    /// The words in a language.
    pub fn in_locale(&self, locale: Locale) -> String {
        match self {
            Self::Message {
                id,
                attribute,
                arguments,
            } => catalog::words(locale, id, *attribute, arguments),
            Self::Words(words) => words.clone(),
            Self::List(texts, separator) => {
                let words: Vec<_> = texts.iter().map(|text| text.in_locale(locale)).collect();
                words.join(separator)
            }
        }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Words(words) if words.is_empty())
    }
}

/// An empty one.
impl Default for Text {
    fn default() -> Self {
        Self::Words(String::new())
    }
}

/// What tests ask of the English words.
#[cfg(test)]
impl Text {
    pub(crate) fn contains(&self, words: &str) -> bool {
        self.to_string().contains(words)
    }

    pub(crate) fn starts_with(&self, words: &str) -> bool {
        self.to_string().starts_with(words)
    }
}

impl From<String> for Text {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl From<i64> for Argument {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// As templates pass it.
impl From<&i64> for Argument {
    fn from(number: &i64) -> Self {
        Self::Number(*number)
    }
}

impl From<u16> for Argument {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for Argument {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for Argument {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Argument {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<String> for Argument {
    fn from(word: String) -> Self {
        Self::Word(word)
    }
}

impl From<&str> for Argument {
    fn from(word: &str) -> Self {
        Self::Word(word.to_owned())
    }
}

impl From<Text> for Argument {
    fn from(part: Text) -> Self {
        Self::Part(part)
    }
}

/// In English.
impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.in_locale(Locale::En))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.in_locale(Locale::En), formatter)
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, words: &str) -> bool {
        self.in_locale(Locale::En) == words
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, words: &&str) -> bool {
        self == *words
    }
}

impl Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::Words)
    }
}

impl PartialSchema for Text {
    fn schema() -> RefOr<Schema> {
        Object::with_type(Type::String).into()
    }
}

impl ToSchema for Text {
    fn name() -> Cow<'static, str> {
        "Text".into()
    }

    fn schemas(_: &mut Vec<(String, RefOr<openapi::Schema>)>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_language_is_taken() {
        assert_eq!(
            Locale::accepted("ru-RU,ru;q=0.9,en;q=0.8"),
            Some(Locale::Ru)
        );
        assert_eq!(Locale::accepted("de, en-GB;q=0.7"), Some(Locale::En));
        assert_eq!(Locale::accepted("de-AT, *"), None);
        assert_eq!(Locale::accepted(""), None);
        assert_eq!(Locale::tagged("ru_RU.UTF-8"), Some(Locale::Ru));
        assert_eq!(Locale::tagged("C.UTF-8"), None);
    }
}
