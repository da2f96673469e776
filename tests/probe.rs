//! What the diagnosis asks others.

mod account;
mod external_checks;
mod polling;
mod public_url;
