//! "Why is nothing arriving?": one set of checks, for the command line, the endpoint and the statistics.
//!
//! A check looks at one thing and says what it saw, what that means and what to do. A [`Report`] is all of them, most
//! upstream first (the sender's side before the network, the network before the receiver, the receiver before the
//! database), and ends in one sentence: that of the most upstream cause.
//!
//! The checks on what the service sees by itself are pure functions of [`Facts`]; whoever has the facts calls
//! [`own_checks`]. What others have to be asked stands [around](inquiry::Outside::around) them.

mod arrival;
mod clock;
mod contact_data;
mod database;
mod disk;
mod duplicates;
mod echoes;
pub mod facts;
mod handshake;
mod outcomes;
mod placeholders;
mod quarantine;
mod rejection_text;
mod rejections;
mod retention;
mod sender_auth;
mod silence;
mod spool;
mod words;

pub mod account;
pub mod chatrace_api;
pub mod inquiry;
pub mod polling;
pub mod probe;
pub mod public_url;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

pub use facts::Facts;
pub use inquiry::{Inquiry, Outside};

use crate::named::impl_named;

/// How bad it is, best first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It cannot be told from here.
    Unknown,
    /// It works, but something is not as it should be.
    Warning,
    /// Messages are lost, or do not arrive.
    Problem,
}

impl_named!(Status);

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// A stable word for scripts.
    pub name: String,
    /// How bad it is.
    pub status: Status,
    /// What was seen, in one sentence with its numbers.
    pub observed: String,
    /// What that means for the messages.
    pub meaning: String,
    /// What to do about it; empty where there is nothing to do.
    pub next_step: String,
}

impl Check {
    /// As it should be.
    pub fn ok(name: &str, observed: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self::new(name, Status::Ok, observed, meaning, "")
    }

    /// Not to be told while the database is away.
    pub fn unknown(name: &str) -> Self {
        Self::new(
            name,
            Status::Unknown,
            "The database is away.",
            "This cannot be told without it.",
            "",
        )
    }

    /// Not to be told before something has arrived.
    fn too_early(name: &str, things: &str) -> Self {
        Self::new(
            name,
            Status::Unknown,
            format!("There are no {things} yet."),
            "This cannot be told before some have arrived.",
            "",
        )
    }

    /// Anything else.
    pub fn new(
        name: &str,
        status: Status,
        observed: impl Into<String>,
        meaning: impl Into<String>,
        next_step: impl Into<String>,
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

/// Everything that was looked at, and the sentence it comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "status": "problem",
    "verdict": "Nothing has reached this server since 19:15. 3 requests hit /instagram/webhok (404): check the URL in the External API Request of your Chatrace flow.",
    "nextStep": "Set the URL of the External API Request to https://shop.example/instagram/webhook; `chatrace-webhook setup` shows every setting.",
    "checks": [{
        "name": "arrival", "status": "problem",
        "observed": "Nothing has reached this server since 19:15. 3 requests hit /instagram/webhok (404): check the URL in the External API Request of your Chatrace flow.",
        "meaning": "Somebody tries to send, and misses.",
        "nextStep": "Set the URL of the External API Request to https://shop.example/instagram/webhook; `chatrace-webhook setup` shows every setting."
    }]
}))]
pub struct Report {
    /// The worst of the checks; what cannot be told is no worse than what is well.
    pub status: Status,
    /// What was observed of the most upstream cause, or that all is well. The same sentence wherever it is shown.
    pub verdict: String,
    /// What to do first.
    pub next_step: String,
    /// Every check, most upstream first.
    pub checks: Vec<Check>,
}

impl Report {
    /// Sums up checks, which come most upstream first. A problem is told before a warning, wherever they stand.
    pub fn of(checks: Vec<Check>) -> Self {
        let first = |status| checks.iter().find(|check| check.status == status);
        let cause = first(Status::Problem).or_else(|| first(Status::Warning));
        let (status, verdict, next_step) = match cause {
            Some(cause) => (
                cause.status,
                cause.observed.clone(),
                cause.next_step.clone(),
            ),
            None => (Status::Ok, all_well(&checks), String::new()),
        };
        Self {
            status,
            verdict,
            next_step,
            checks,
        }
    }
}

fn all_well(checks: &[Check]) -> String {
    let arrival = checks
        .iter()
        .find(|check| check.name == arrival::NAME && check.status == Status::Ok);
    match arrival {
        Some(arrival) => format!("All is well: {}", words::lower_first(&arrival.observed)),
        None => "All is well as far as it can be told.".to_owned(),
    }
}

/// Every check on what the service sees by itself, most upstream first.
pub fn own_checks(facts: &Facts) -> Vec<Check> {
    let checks: [fn(&Facts) -> Check; 17] = [
        arrival::check,
        rejections::check,
        handshake::check,
        sender_auth::check,
        placeholders::check,
        contact_data::check,
        quarantine::check,
        echoes::check,
        duplicates::check,
        outcomes::check,
        clock::check,
        silence::check,
        database::check,
        database::migrations,
        spool::check,
        disk::check,
        retention::check,
    ];
    checks.iter().map(|check| check(facts)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, status: Status) -> Check {
        Check::new(
            name,
            status,
            format!("{name} seen."),
            "",
            format!("mend {name}"),
        )
    }

    #[test]
    fn the_verdict_is_the_most_upstream_problem() {
        let report = Report::of(vec![
            check("a", Status::Ok),
            check("b", Status::Warning),
            check("c", Status::Problem),
            check("d", Status::Problem),
        ]);
        assert_eq!(report.status, Status::Problem);
        assert_eq!(report.verdict, "c seen.");
        assert_eq!(report.next_step, "mend c");
    }

    #[test]
    fn what_cannot_be_told_is_no_alarm() {
        let report = Report::of(vec![
            check("arrival", Status::Ok),
            check("b", Status::Unknown),
        ]);
        assert_eq!(report.status, Status::Ok);
        assert_eq!(report.verdict, "All is well: arrival seen.");
        assert_eq!(report.next_step, "");
    }
}
