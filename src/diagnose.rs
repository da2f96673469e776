//! "Why is nothing arriving?": one set of checks, for the command line, the endpoint and the statistics.
//!
//! A check looks at one thing and says what it saw, what that means and what to do. A [`Report`] holds all of them,
//! most upstream first: the sender's side, the network, the receiver, the database. Its verdict is the sentence of the
//! most upstream cause.
//!
//! The checks here are pure functions of [`Facts`]. Those that ask others are in [`crate::probe`].

mod arrival;
mod check;
mod clock;
mod contact_data;
mod credentials;
mod database;
mod disk;
mod duplicates;
mod echoes;
pub mod facts;
mod forwarding;
mod handshake;
mod outcomes;
mod placeholders;
mod quarantine;
mod rejection_text;
mod rejections;
mod report;
mod retention;
mod sender_auth;
mod silence;
mod spool;
mod template;
mod watched;
mod words;

pub use check::{Check, Status};
pub use facts::Facts;
pub use report::Report;
pub use watched::{WatchedCheck, watched_checks};

/// Every check that asks nobody, most upstream first.
pub fn own_checks(facts: &Facts) -> Vec<Check> {
    let checks: [fn(&Facts) -> Check; 20] = [
        arrival::check_arrival,
        rejections::check_rejections,
        handshake::check_handshake,
        sender_auth::check_sender_auth,
        placeholders::check_placeholders,
        contact_data::check_contact_data,
        template::check_template,
        quarantine::check_quarantine,
        echoes::check_echoes,
        duplicates::check_duplicates,
        outcomes::check_outcomes,
        clock::check_clock,
        silence::check_silence,
        database::check_database,
        database::check_migrations,
        spool::check_spool,
        disk::check_disk,
        retention::check_retention,
        forwarding::check_forwarding,
        // Never a cause of silence, so every other warning comes first.
        credentials::check_credentials,
    ];
    checks.iter().map(|check| check(facts)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::Locale;

    #[test]
    fn every_check_has_a_title() {
        for check in own_checks(&Facts::default()) {
            assert_ne!(check.title(), *check.name);
            assert_ne!(check.title().in_locale(Locale::Ru), check.name);
        }
    }
}
