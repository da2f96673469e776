//! Mistakes in the environment.

use std::fmt;

use crate::i18n::Text;

/// One mistake in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    pub variable: String,
    /// What is wrong and what is expected. Never contains the value of a secret.
    pub problem: Text,
}

/// Every mistake in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    /// The text of the log line about each of them.
    pub const IN_A_LOG: &str = "the configuration has a mistake";

    /// All of them as one text of several lines.
    pub fn text(&self) -> Text {
        let mistakes = self.0.iter().map(|mistake| {
            let variable = Text::Words(format!("  {}", mistake.variable));
            Text::list([variable, mistake.problem.clone()], ": ")
        });
        let first = Text::new("config-mistakes").with("count", self.0.len());
        let last = Text::new("config-described");
        Text::list([first].into_iter().chain(mistakes).chain([last]), "\n")
    }
}

/// In English.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(formatter)
    }
}

impl std::error::Error for ConfigErrors {}
