//! All checks, and the verdict that sums them up.

use serde::{Deserialize, Serialize};

use super::arrival;
use super::check::{Check, Status};
use crate::i18n::{Argument, Locale, Text};

/// Every check, and the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "status": "problem",
    "verdict": "Nothing has reached this server since 19:15. 3 requests hit /instagram/webhok (404): check the URL in the External API Request of your Chatrace flow.",
    "nextStep": "Set the URL of the External API Request to https://shop.example/instagram/webhook; `chatrace-webhook setup` shows every setting.",
    "checks": [{
        "name": "arrival", "status": "problem",
        "observed": "Nothing has reached this server since 19:15. 3 requests hit /instagram/webhok (404): check the URL in the External API Request of your Chatrace flow.",
        "meaning": "A sender tries, but its requests are rejected.",
        "nextStep": "Set the URL of the External API Request to https://shop.example/instagram/webhook; `chatrace-webhook setup` shows every setting."
    }]
}))]
pub struct Report {
    /// The worst status of the checks; `unknown` is no worse than `ok`.
    pub status: Status,
    /// The observation of the most upstream cause, or that all is well. The same sentence everywhere.
    pub verdict: Text,
    /// What to do first.
    pub next_step: Text,
    /// Every check, most upstream first.
    pub checks: Vec<Check>,
}

impl Report {
    /// Sums up checks, which come most upstream first. A problem precedes a warning, wherever they are.
    pub fn new(checks: Vec<Check>) -> Self {
        let first = |status| checks.iter().find(|check| check.status == status);
        let cause = first(Status::Problem).or_else(|| first(Status::Warning));
        let (status, verdict, next_step) = match cause {
            Some(cause) => (
                cause.status,
                cause.observed.clone(),
                cause.next_step.clone(),
            ),
            None => (Status::Ok, all_well(&checks), Text::default()),
        };
        Self {
            status,
            verdict,
            next_step,
            checks,
        }
    }

    /// The same in one language.
    #[must_use]
    pub fn in_locale(&self, locale: Locale) -> Self {
        let words = |text: &Text| Text::from(text.in_locale(locale));
        let check = |check: &Check| Check {
            name: check.name.clone(),
            status: check.status,
            observed: words(&check.observed),
            meaning: words(&check.meaning),
            next_step: words(&check.next_step),
        };
        Self {
            status: self.status,
            verdict: words(&self.verdict),
            next_step: words(&self.next_step),
            checks: self.checks.iter().map(check).collect(),
        }
    }
}

fn all_well(checks: &[Check]) -> Text {
    let arrival = checks
        .iter()
        .find(|check| check.name == arrival::NAME && check.status == Status::Ok);
    match arrival {
        Some(arrival) => {
            let arrival = Argument::Continued(arrival.observed.clone());
            Text::new("all-is-well").with("arrival", arrival)
        }
        None => Text::new("all-is-well-as-far-as-known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, status: Status) -> Check {
        Check::new(name, status, format!("{name} seen.").into())
            .with_next(format!("fix {name}").into())
    }

    #[test]
    fn the_verdict_is_the_most_upstream_problem() {
        let report = Report::new(vec![
            check("a", Status::Ok),
            check("b", Status::Warning),
            check("c", Status::Problem),
            check("d", Status::Problem),
        ]);
        assert_eq!(report.status, Status::Problem);
        assert_eq!(report.verdict, "c seen.");
        assert_eq!(report.next_step, "fix c");
    }

    #[test]
    fn an_unknown_check_is_no_alarm() {
        let report = Report::new(vec![
            check("arrival", Status::Ok),
            check("b", Status::Unknown),
        ]);
        assert_eq!(report.status, Status::Ok);
        assert_eq!(report.verdict, "All is well: arrival seen.");
        assert_eq!(report.next_step, "");
    }
}
