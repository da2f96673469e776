//! Reads single variables, and collects the mistakes.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use secrecy::SecretString;

use super::ConfigError;
use crate::i18n::{Locale, Text};

/// The variables of an environment.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The language of commands: `LOCALE`, or else that of the terminal, of which the first variable that is set
    /// counts.
    pub fn locale(&self) -> Locale {
        let set = |name: &&str| self.get(name).is_some_and(|value| !value.trim().is_empty());
        let terminal = ["LC_ALL", "LC_MESSAGES", "LANG"];
        let terminal = terminal.into_iter().find(set);
        ["LOCALE"]
            .into_iter()
            .chain(terminal)
            .filter_map(|name| self.get(name))
            .find_map(Locale::tagged)
            .unwrap_or_default()
    }

    /// Adds variables, of which those that are set already are left out.
    pub fn add(&mut self, others: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in others {
            self.0.entry(name).or_insert(value);
        }
    }

    /// The names of those that others set otherwise, or do not set.
    pub fn changed(&self, others: &Self) -> BTreeSet<String> {
        let names = self.0.keys().chain(others.0.keys());
        names
            .filter(|name| self.get(name) != others.get(name))
            .cloned()
            .collect()
    }

    /// Takes one over from others, or unsets it where they do not set it.
    pub fn take(&mut self, name: &str, others: &Self) {
        match others.get(name) {
            Some(value) => self.0.insert(name.to_owned(), value.to_owned()),
            None => self.0.remove(name),
        };
    }
}

/// Of two values of one variable, the first is taken.
impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Variables {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut variables = Self::default();
        let pairs = pairs.into_iter();
        variables.add(pairs.map(|(name, value)| (name.into(), value.into())));
        variables
    }
}

/// The environment while it is read. An empty or blank value counts as unset.
///
/// Every reader gives `None` for an unset variable, and also for a wrong one after recording the mistake, so that
/// reading continues and finds all mistakes.
pub struct Env<'a> {
    variables: &'a Variables,
    errors: Vec<ConfigError>,
    #[cfg(test)]
    asked: std::cell::RefCell<std::collections::BTreeSet<String>>,
}

impl<'a> Env<'a> {
    /// Nothing is read yet.
    pub fn new(variables: &'a Variables) -> Self {
        Self {
            variables,
            errors: Vec::new(),
            #[cfg(test)]
            asked: std::cell::RefCell::default(),
        }
    }

    /// The names of all variables that are set.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.variables.0.keys().map(String::as_str)
    }

    /// Every variable that was looked for.
    #[cfg(test)]
    pub(super) fn asked(&self) -> std::collections::BTreeSet<String> {
        self.asked.borrow().clone()
    }

    /// The mistakes found so far.
    pub fn into_errors(self) -> Vec<ConfigError> {
        self.errors
    }

    /// Records a mistake. `problem` must not contain the value of a secret.
    pub fn mistake(&mut self, variable: &str, problem: impl Into<Text>) {
        self.errors.push(ConfigError {
            variable: variable.to_owned(),
            problem: problem.into(),
        });
    }

    /// The value without surrounding blanks.
    pub fn text(&self, variable: &str) -> Option<String> {
        #[cfg(test)]
        self.asked.borrow_mut().insert(variable.to_owned());
        let value = self.variables.get(variable)?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// A secret that is a key or part of a query: any text.
    pub fn secret(&self, variable: &str) -> Option<SecretString> {
        self.text(variable).map(SecretString::from)
    }

    /// A secret that others send in a header.
    pub fn header_secret(&mut self, variable: &str) -> Option<SecretString> {
        let text = self.text(variable)?;
        self.check_header_secret(variable, &text);
        Some(SecretString::from(text))
    }

    fn check_header_secret(&mut self, variable: &str, text: &str) {
        if !fits_a_header(text) {
            self.mistake(variable, Text::new("config-unfit-for-header"));
        }
    }

    /// Secrets that others send in a header, separated by commas, so that an old and a new one are valid at the same
    /// time. Commas alone are a mistake: the operator believes that a secret is required.
    pub fn secrets(&mut self, variable: &str) -> Vec<SecretString> {
        let parts = self.parts(variable);
        // One mistake, however many of them are wrong.
        self.check_header_secret(variable, &parts.concat());
        parts.into_iter().map(SecretString::from).collect()
    }

    /// Secrets of any text, separated by commas.
    pub fn keys(&mut self, variable: &str) -> Vec<SecretString> {
        let parts = self.parts(variable).into_iter();
        parts.map(SecretString::from).collect()
    }

    fn parts(&mut self, variable: &str) -> Vec<String> {
        let Some(text) = self.text(variable) else {
            return Vec::new();
        };
        let parts = text.split(',').map(str::trim);
        let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            self.mistake(variable, Text::new("config-only-commas"));
        }
        parts.into_iter().map(str::to_owned).collect()
    }

    /// Records that a value is none of those that are expected.
    pub(super) fn not_valid(&mut self, variable: &str, value: &str, expected: Text) {
        let problem = Text::new("config-not-valid").with("value", value);
        self.mistake(variable, problem.with("expected", expected));
    }

    /// A value of a type that parses from text and passes `valid`; `expected` completes "expected …".
    pub fn parsed_if<T: FromStr>(
        &mut self,
        variable: &str,
        expected: Text,
        valid: impl Fn(&T) -> bool,
    ) -> Option<T> {
        let text = self.text(variable)?;
        match text.parse::<T>() {
            Ok(value) if valid(&value) => Some(value),
            _ => {
                self.not_valid(variable, &text, expected);
                None
            }
        }
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&mut self, variable: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(variable)?.to_ascii_lowercase();
        let found = words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value);
        if found.is_none() {
            let words = words
                .iter()
                .map(|(word, _)| Text::Words((*word).to_owned()));
            let expected = words.reduce(|first, second| {
                Text::new("either")
                    .with("first", first)
                    .with("second", second)
            });
            self.not_valid(variable, &text, expected.unwrap_or_default());
        }
        found
    }

    /// A length of time such as `10s`, `1m 30s` or `0`.
    pub fn duration(&mut self, variable: &str) -> Option<Duration> {
        let text = self.text(variable)?;
        let duration = parse_duration(&text);
        if duration.is_none() {
            self.not_valid(variable, &text, Text::new("expected-duration"));
        }
        duration
    }

    /// An absolute http or https URL.
    pub fn http_url(&mut self, variable: &str) -> Option<url::Url> {
        let text = self.text(variable)?;
        match url::Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
            _ => {
                self.mistake(variable, Text::new("config-no-url"));
                None
            }
        }
    }

    /// A number of bytes: plain, or with `KiB` or `MiB`.
    pub fn bytes(&mut self, variable: &str) -> Option<usize> {
        let text = self.text(variable)?;
        let lower = text.to_ascii_lowercase();
        let (digits, unit) = if let Some(digits) = lower.strip_suffix("kib") {
            (digits, 1024)
        } else if let Some(digits) = lower.strip_suffix("mib") {
            (digits, 1024 * 1024)
        } else {
            (lower.as_str(), 1)
        };
        let bytes = digits
            .trim()
            .parse::<usize>()
            .ok()
            .and_then(|count| count.checked_mul(unit));
        match bytes {
            Some(bytes) if (1024..=64 * 1024 * 1024).contains(&bytes) => Some(bytes),
            _ => {
                self.not_valid(variable, &text, Text::new("expected-bytes"));
                None
            }
        }
    }
}

/// Whether a header can carry this text: visible ASCII characters, blanks and tabs.
pub fn fits_a_header(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_write_them() {
        assert_eq!(parse_duration("0"), Some(Duration::ZERO));
        assert_eq!(parse_duration("0s"), Some(Duration::ZERO));
        assert_eq!(parse_duration("10s"), Some(Duration::from_secs(10)));
        assert_eq!(parse_duration("1m 30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("-1s"), None);
        assert_eq!(parse_duration("10"), None);
    }

    #[test]
    fn commands_speak_the_language_of_locale_or_of_the_terminal() {
        let spoken = |pairs: &[(&str, &str)]| -> Locale {
            let variables: Variables = pairs.iter().copied().collect();
            variables.locale()
        };
        assert_eq!(spoken(&[]), Locale::En);
        assert_eq!(spoken(&[("LANG", "ru_RU.UTF-8")]), Locale::Ru);
        assert_eq!(
            spoken(&[("LANG", "ru_RU.UTF-8"), ("LC_ALL", "C")]),
            Locale::En
        );
        assert_eq!(
            spoken(&[("LANG", "ru_RU.UTF-8"), ("LC_ALL", "")]),
            Locale::Ru
        );
        assert_eq!(
            spoken(&[("LANG", "en_US.UTF-8"), ("LC_MESSAGES", "ru_RU")]),
            Locale::Ru
        );
        assert_eq!(
            spoken(&[("LANG", "ru_RU.UTF-8"), ("LOCALE", "en")]),
            Locale::En
        );
    }

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        let read = |value: &str| {
            let variables = Variables::from_iter([("MAX_BODY_BYTES", value)]);
            let mut env = Env::new(&variables);
            env.bytes("MAX_BODY_BYTES")
        };
        assert_eq!(read("2048"), Some(2048));
        assert_eq!(read("1 MiB"), Some(1024 * 1024));
        assert_eq!(read("512KiB"), Some(512 * 1024));
        assert_eq!(read("12"), None);
        assert_eq!(read("99999999999999999999"), None);
    }
}
