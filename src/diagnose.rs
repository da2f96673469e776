//! "Why is nothing arriving?": one set of checks, for the command line, the endpoint, the statistics and the page.
//!
//! A check looks at one thing and says what it saw, what that means and what to do. A [`Report`] is all of them, most
//! upstream first (the sender's side before the network, the network before the receiver, the receiver before the
//! database), and ends in one sentence: that of the most upstream cause.

pub mod account;
pub mod chatrace_api;
pub mod polling;
pub mod probe;
pub mod public_url;

use serde::{Deserialize, Serialize};

use crate::message::named_enum;

named_enum! {
    /// How bad it is, best first.
    Status {
        /// As it should be.
        Ok = "ok",
        /// It cannot be told from here.
        Unknown = "unknown",
        /// It works, but something is not as it should be.
        Warning = "warning",
        /// Messages are lost, or do not arrive.
        Problem = "problem",
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// Everything that was looked at, and the sentence it comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The worst of the checks; what cannot be told is no worse than what is well.
    pub status: Status,
    /// One sentence: the most upstream cause, or that all is well.
    pub verdict: String,
    /// What to do first.
    pub next_step: String,
    /// Every check, most upstream first.
    pub checks: Vec<Check>,
}
