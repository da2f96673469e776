//! What somebody is told of: a short list of checks, and how bad each has to be.

use jiff::SignedDuration;

use super::{Check, Facts, Status, forwarding};

/// What is over so soon is no alert.
const LASTS: SignedDuration = SignedDuration::from_mins(1);
/// A destination that is down is a problem after a minute, and somebody is told after five.
const DOWN_LASTS: SignedDuration = SignedDuration::from_mins(4);

/// A check that somebody is told of when it turns bad, and when it is well again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedCheck {
    pub check: Check,
    /// The destination that it is about, if it is about one.
    pub destination: Option<String>,
    /// Whether all replicas see the same. The others are about this process and its machine.
    pub is_shared: bool,
    /// Whether it is bad; `None` while that is not known.
    pub is_bad: Option<bool>,
    /// How long it has to last.
    pub lasts: SignedDuration,
}

impl WatchedCheck {
    fn new(check: Check, worst: Status, is_shared: bool, lasts: SignedDuration) -> Self {
        Self {
            is_bad: (check.status != Status::Unknown).then_some(check.status >= worst),
            destination: None,
            is_shared,
            lasts,
            check,
        }
    }

    /// What it is about, in one word for each.
    pub fn subject(&self) -> String {
        match &self.destination {
            Some(destination) => format!("{} {destination}", self.check.name),
            None => self.check.name.clone(),
        }
    }
}

/// What somebody is told of, of all checks on these facts. The certificate is that of the public address.
pub fn watched_checks(
    facts: &Facts,
    own: Vec<Check>,
    certificate: Option<Check>,
) -> Vec<WatchedCheck> {
    let watched = own.into_iter().filter_map(|check| {
        let (worst, is_shared, lasts) = match check.name.as_str() {
            // One body that is not understood is worth a look.
            "quarantine" => (Status::Warning, true, LASTS),
            // It has lasted already.
            "silence" => (Status::Problem, true, SignedDuration::ZERO),
            "database" | "spool" | "disk" => (Status::Problem, false, LASTS),
            _ => return None,
        };
        Some(WatchedCheck::new(check, worst, is_shared, lasts))
    });
    let certificate = certificate
        .into_iter()
        .map(|check| WatchedCheck::new(check, Status::Warning, true, LASTS));
    let destinations = facts.destinations.iter().flatten();
    let destinations = destinations.map(|destination| WatchedCheck {
        destination: Some(destination.state.name.clone()),
        ..WatchedCheck::new(
            forwarding::check_destination(destination, facts),
            Status::Problem,
            true,
            DOWN_LASTS,
        )
    });
    watched.chain(certificate).chain(destinations).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::own_checks;

    fn find(facts: &Facts, certificate: Option<Check>, subject: &str) -> Option<WatchedCheck> {
        let all = watched_checks(facts, own_checks(facts), certificate);
        all.into_iter().find(|one| one.subject() == subject)
    }

    #[test]
    fn every_check_of_the_list_is_there_and_what_is_unknown_is_neither_bad_nor_well() {
        let facts = Facts {
            known: None,
            destinations: None,
            away: "the connection is refused".to_owned(),
            ..Facts::default()
        };
        let is_bad = |subject| find(&facts, None, subject).unwrap().is_bad;
        assert_eq!(is_bad("database"), Some(true));
        assert_eq!(is_bad("spool"), Some(false));
        assert_eq!(is_bad("silence"), Some(false));
        assert_eq!((is_bad("quarantine"), is_bad("disk")), (None, None));
        assert_eq!(find(&facts, None, "arrival"), None);
    }

    #[test]
    fn a_certificate_that_is_about_to_expire_is_a_warning_and_somebody_is_told() {
        let check = Check::warning("certificate", "It expires in 5 days.".to_owned().into());
        let found = find(&Facts::default(), Some(check), "certificate").unwrap();
        assert_eq!((found.is_bad, found.is_shared), (Some(true), true));
    }
}
