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

impl Status {
    /// The word for people.
    pub fn title(self) -> Text {
        Text::new(match self {
            Self::Ok => "status-ok",
            Self::Unknown => "status-unknown",
            Self::Warning => "status-warning",
            Self::Problem => "status-problem",
        })
    }
}

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
    pub fn ok(name: &str, observed: Text) -> Self {
        Self::new(name, Status::Ok, observed)
    }

    pub(crate) fn unknown(name: &str, observed: Text) -> Self {
        Self::new(name, Status::Unknown, observed)
    }

    pub(crate) fn warning(name: &str, observed: Text) -> Self {
        Self::new(name, Status::Warning, observed)
    }

    pub(crate) fn problem(name: &str, observed: Text) -> Self {
        Self::new(name, Status::Problem, observed)
    }

    /// A check that needs the database, which is away.
    pub(super) fn without_database(name: &str) -> Self {
        Self::unknown(name, Text::new("unknown-without-database"))
    }

    /// A check that needs deliveries.
    pub(super) fn without_deliveries(name: &str) -> Self {
        Self::unknown(name, Text::new("no-deliveries-yet"))
    }

    /// A check that needs messages.
    pub(super) fn without_messages(name: &str) -> Self {
        Self::unknown(name, Text::new("no-messages-yet"))
    }

    /// What the observation means, and what to do, are attributes of its message: `.meaning` and `.next`.
    pub fn new(name: &str, status: Status, observed: Text) -> Self {
        Self {
            name: name.to_owned(),
            status,
            meaning: observed.attribute("meaning"),
            next_step: observed.attribute("next"),
            observed,
        }
    }

    /// What the check is about, for people.
    pub fn title(&self) -> Text {
        // One from a service of another version may have none.
        Text::find(format!("check-{}", self.name.replace('_', "-")))
            .unwrap_or_else(|| self.name.clone().into())
    }

    /// The same with a next step that depends on more than the observation.
    #[must_use]
    pub(crate) fn with_next(mut self, next_step: Text) -> Self {
        self.next_step = next_step;
        self
    }
}
