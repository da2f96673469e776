//! The keys of the templates that owners type, and which of them a customer could have smuggled in.

use crate::normalize::fields::{self, Means};

/// Keys of one family say the same thing twice. For the repair of broken templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
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
pub(super) fn family(key: &str) -> Option<Family> {
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

/// Whether section 8's recommended body has this key.
pub(super) fn is_recommended(key: &str) -> bool {
    matches!(
        key,
        "contact_id"
            | "external_id"
            | "username"
            | "full_name"
            | "text"
            | "last_input_type"
            | "last_interaction"
            | "channel"
    )
}
