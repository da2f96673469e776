//! Mistakes in the environment.

use std::fmt;

/// One mistake in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    pub variable: String,
    /// What is wrong and what is expected. Never contains the value of a secret.
    pub problem: String,
}

/// Every mistake in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "The configuration has {} mistake(s):",
            self.0.len()
        )?;
        for error in &self.0 {
            writeln!(formatter, "  {}: {}", error.variable, error.problem)?;
        }
        write!(formatter, "Every variable is described in .env.example.")
    }
}

impl std::error::Error for ConfigErrors {}
