//! The keys of a template, and which of them the customer could have typed.

use serde_json::Value;

use crate::normalize::fields::{self, KnownField};
use crate::normalize::scalar;

/// What a key of a template is for. Two keys of one family say the same thing twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Text,
    Person,
    Handle,
    Name,
    FirstName,
    LastName,
    Kind,
    Time,
    Channel,
}

/// The family of a key, if templates commonly have it.
fn family(key: &str) -> Option<Family> {
    Some(match fields::known_field(key)? {
        KnownField::Text(_) | KnownField::Body(_) | KnownField::Message => Family::Text,
        KnownField::Customer(_) | KnownField::Writer(_) => Family::Person,
        KnownField::Handle(_) => Family::Handle,
        KnownField::Name(_) => Family::Name,
        KnownField::FirstName => Family::FirstName,
        KnownField::LastName => Family::LastName,
        KnownField::InputType => Family::Kind,
        KnownField::Time(_) => Family::Time,
        KnownField::Channel => Family::Channel,
        _ => return None,
    })
}

/// A key of the template.
pub(super) struct TemplateKey {
    family: Option<Family>,
    /// Whether its value is not a valid JSON string.
    pub(super) is_broken: bool,
    /// Whether Chatrace may have filled in its value, which prose does not look like.
    is_sensible: bool,
}

impl TemplateKey {
    pub(super) fn new(key: &str) -> Self {
        Self {
            family: family(key),
            is_broken: false,
            is_sensible: false,
        }
    }

    /// Checks the value.
    pub(super) fn check_value(&mut self, value: &Value) {
        let Some(text) = scalar::scalar(value) else {
            self.is_sensible = value.is_null();
            return;
        };
        let all = |test: fn(char) -> bool| scalar::is_absent(&text) || text.chars().all(test);
        self.is_sensible = match self.family {
            Some(Family::Kind | Family::Channel) => {
                all(|sign| sign.is_ascii_alphanumeric() || sign == '_')
            }
            // Nine digits are the seconds of 1973: anything shorter is not a time.
            Some(Family::Time) => {
                (text.len() >= 9 || scalar::is_absent(&text))
                    && all(|sign| sign.is_ascii_digit() || "-+:.TZ ".contains(sign))
            }
            _ => all(|sign| sign.is_alphanumeric() || "+-_.@:".contains(sign)),
        };
    }
}

/// Whether these keys, in the order of the body, can only be the template's.
///
/// A customer can type `","name":"` just as a template can contain it. So each key after the first string that the
/// customer certainly wrote must be the only one of its family. After the text, it must also be one that every
/// template needs (the sender) or one that says nothing about a person, with a value of its kind.
pub(super) fn is_unambiguous(keys: &[TemplateKey]) -> bool {
    let count = |family| keys.iter().filter(|key| key.family == Some(family)).count();
    let Some(text) = keys.iter().position(|key| key.family == Some(Family::Text)) else {
        return false;
    };
    let is_name = |family: Option<Family>| {
        matches!(
            family,
            Some(Family::Handle | Family::Name | Family::FirstName | Family::LastName)
        )
    };
    let has_only_broken_words = keys
        .iter()
        .all(|key| !key.is_broken || key.family == Some(Family::Text) || is_name(key.family));
    if count(Family::Text) > 1 || !has_only_broken_words {
        return false;
    }
    let first = keys
        .iter()
        .position(|key| key.is_broken)
        .unwrap_or(text)
        .min(text);
    keys.iter().enumerate().skip(first + 1).all(|(at, key)| {
        let Some(family) = key.family else {
            return false;
        };
        let rivals = match family {
            Family::FirstName | Family::LastName => count(Family::Name),
            Family::Name => count(Family::FirstName) + count(Family::LastName),
            _ => 0,
        };
        count(family) == 1
            && rivals == 0
            && (at <= text || (key.is_sensible && !is_name(key.family)))
    })
}
