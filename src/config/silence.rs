//! When silence raises an alert.

use std::time::Duration;

use super::Env;
use crate::i18n::Text;

/// How long there may be no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceAfter {
    /// Learned from the usual rhythm.
    Auto,
    /// Always this long.
    Fixed(Duration),
}

impl SilenceAfter {
    pub fn read(env: &mut Env<'_>) -> Option<Self> {
        const VARIABLE: &str = "SILENCE_AFTER";
        if env
            .text(VARIABLE)
            .is_some_and(|text| text.eq_ignore_ascii_case("auto"))
        {
            return Some(Self::Auto);
        }
        match env.duration(VARIABLE)? {
            Duration::ZERO => {
                env.mistake(VARIABLE, Text::new("config-longer-than-zero"));
                None
            }
            duration => Some(Self::Fixed(duration)),
        }
    }
}
