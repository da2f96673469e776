//! The result of one check.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::i18n::Text;
use crate::named::impl_named;

/// How bad it is, best first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It cannot be known from here.
    Unknown,
    /// It works, but something is not as it should be.
    Warning,
    /// Messages are lost, or do not arrive.
    Problem,
}

impl_named!(Status);

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// A stable word for scripts.
    pub name: String,
    pub status: Status,
    /// What was observed, in one sentence with its numbers.
    pub observed: Text,
    /// The consequence for the messages.
    pub meaning: Text,
    /// What to do about it; empty if there is nothing to do.
    pub next_step: Text,
}

impl Check {
    /// A check that found nothing wrong.
    pub fn ok(name: &str, observed: impl Into<Text>, meaning: impl Into<Text>) -> Self {
        Self::new(name, Status::Ok, observed, meaning, "")
    }

    pub(crate) fn unknown(
        name: &str,
        observed: impl Into<Text>,
        meaning: impl Into<Text>,
        next_step: impl Into<Text>,
    ) -> Self {
        Self::new(name, Status::Unknown, observed, meaning, next_step)
    }

    pub(crate) fn warning(
        name: &str,
        observed: impl Into<Text>,
        meaning: impl Into<Text>,
        next_step: impl Into<Text>,
    ) -> Self {
        Self::new(name, Status::Warning, observed, meaning, next_step)
    }

    pub(crate) fn problem(
        name: &str,
        observed: impl Into<Text>,
        meaning: impl Into<Text>,
        next_step: impl Into<Text>,
    ) -> Self {
        Self::new(name, Status::Problem, observed, meaning, next_step)
    }

    /// A check that needs the database, which is away.
    pub(super) fn without_database(name: &str) -> Self {
        Self::unknown(
            name,
            "The database is away.",
            "This is unknown without it.",
            "",
        )
    }

    /// A check that needs something to have arrived.
    pub(super) fn too_early(name: &str, things: &str) -> Self {
        Self::new(
            name,
            Status::Unknown,
            format!("There are no {things} yet."),
            "This is unknown until some have arrived.",
            "",
        )
    }

    pub fn new(
        name: &str,
        status: Status,
        observed: impl Into<Text>,
        meaning: impl Into<Text>,
        next_step: impl Into<Text>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            status,
            observed: observed.into(),
            meaning: meaning.into(),
            next_step: next_step.into(),
        }
    }
}
