//! The keys of the templates that owners type, and which of them a customer could have smuggled in.

use serde_json::Value;

use crate::normalize::fields::{self, Means};
use crate::normalize::scalar;

/// Keys of one family say the same thing twice. For the repair of broken templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// What was written.
    Text,
    /// Who wrote it.
    Person,
    /// A handle.
    Handle,
    /// A whole name.
    Name,
    /// Half a name.
    FirstName,
    /// The other half.
    LastName,
    /// What kind it is.
    Kind,
    /// When.
    Time,
    /// Where.
    Channel,
}

/// The family of a key, of those that a template commonly names beside the text.
fn family(key: &str) -> Option<Family> {
    Some(match fields::means(key)? {
        Means::Text(_) | Means::Body(_) | Means::Message => Family::Text,
        Means::Customer(_) | Means::Writer(_) => Family::Person,
        Means::Handle(_) => Family::Handle,
        Means::Name(_) => Family::Name,
        Means::FirstName => Family::FirstName,
        Means::LastName => Family::LastName,
        Means::InputType => Family::Kind,
        Means::Time(_) => Family::Time,
        Means::Channel => Family::Channel,
        _ => return None,
    })
}

/// A key of the template.
pub(super) struct Key {
    family: Option<Family>,
    /// Whether its value is no JSON string as it stands.
    pub(super) is_broken: bool,
    /// Whether its value is what Chatrace fills in for such a key, rather than prose.
    is_sensible: bool,
}

impl Key {
    pub(super) fn new(key: &str) -> Self {
        Self {
            family: family(key),
            is_broken: false,
            is_sensible: false,
        }
    }

    /// Looks at the value, once it is read.
    pub(super) fn weigh(&mut self, value: &Value) {
        let Some(text) = scalar::scalar(value) else {
            self.is_sensible = value.is_null();
            return;
        };
        let all = |test: fn(char) -> bool| scalar::is_absent(&text) || text.chars().all(test);
        self.is_sensible = match self.family {
            Some(Family::Kind | Family::Channel) => {
                all(|sign| sign.is_ascii_alphanumeric() || sign == '_')
            }
            // Nine digits are the seconds of 1973: whatever is shorter is no time.
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
/// A customer can type `","name":"` as well as a template can hold it. So behind the first string that a customer
/// wrote for sure, each key must be of a family that stands only once in the whole; and behind the text only what
/// a template must name somewhere (the sender) or what tells nothing about a person, with a value of its kind.
pub(super) fn is_unambiguous(keys: &[Key]) -> bool {
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
