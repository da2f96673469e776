//! What only others can tell: whether the public URL leads here, and whose the Chatrace token is.
//!
//! Each of the two is a check of the diagnosis. [`Prober`] asks both for the service and keeps the answers.

pub mod account;
pub mod chatrace_api;
mod external_checks;
pub mod marked;
pub mod polling;
mod prober;
pub mod public_url;

pub use external_checks::ExternalChecks;
pub use prober::Prober;
