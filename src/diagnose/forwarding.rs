//! Whether destinations take what is forwarded to them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::words::{at, time};
use super::{Check, Facts, Status};
use crate::forward::{DestinationHealth, DestinationStatus};
use crate::i18n::{Argument, Text};
use crate::store::{Backlog, ForwardedContent};

const NAME: &str = "forwarding";

/// A destination that is down for less is a restart.
const SHORT: SignedDuration = SignedDuration::from_mins(1);
/// How long before retention deletes what a destination has not got this warns.
const BEFORE_EXPIRY: SignedDuration = SignedDuration::from_hours(48);

pub(super) fn check_forwarding(facts: &Facts) -> Check {
    let Some(destinations) = &facts.destinations else {
        return Check::without_database(NAME);
    };
    if destinations.is_empty() {
        return Check::ok(NAME, Text::new("forwarding-nowhere"));
    }
    let findings = destinations
        .iter()
        .filter_map(|destination| find(destination, facts));
    // Of those that are as bad, the first.
    let worst = findings.reduce(|one, other| {
        if other.status > one.status {
            other
        } else {
            one
        }
    });
    if let Some(worst) = worst {
        return worst;
    }
    let waiting: i64 = destinations.iter().map(|one| one.backlog.count).sum();
    let observed = match &destinations[..] {
        [one] => Text::new("forwarding-accepted").with("name", one.state.name.as_str()),
        many => Text::new("forwarding-all-accept").with("number", many.len()),
    };
    Check::ok(NAME, observed.with("count", waiting))
}

/// The same for one destination.
pub(super) fn check_destination(destination: &DestinationStatus, facts: &Facts) -> Check {
    find(destination, facts).unwrap_or_else(|| {
        let name = destination.state.name.as_str();
        Check::ok(NAME, Text::new("forwarding-well").with("name", name))
    })
}

/// What is wrong with one destination.
fn find(destination: &DestinationStatus, facts: &Facts) -> Option<Check> {
    let (state, now) = (&destination.state, facts.now);
    let name = state.name.as_str();
    let about = |id| Text::new(id).with("name", name);
    let waiting = waiting(&destination.backlog, &state.content);
    if let Some(expiry) = expiry(destination, facts.retention_days)
        && expiry.duration_since(now) <= BEFORE_EXPIRY
    {
        let observed = about("forwarding-expires")
            .with("waiting", waiting)
            .with("at", at(expiry, now));
        return Some(Check::problem(NAME, observed));
    }
    let warning = match destination.health() {
        DestinationHealth::NotConfigured if destination.backlog.count > 0 => {
            about("forwarding-not-configured")
                .with("waiting", waiting)
                .with("variable", variable(name, "URL"))
        }
        DestinationHealth::Paused => {
            let reason = match &state.pause_reason {
                Some(reason) => Argument::from(reason.as_str()),
                None => Text::new("no-reason-is-known").into(),
            };
            about("forwarding-paused")
                .with("time", time(state.paused_at.unwrap_or(now), now))
                .with("reason", reason)
                .with("waiting", waiting)
        }
        DestinationHealth::Down => return Some(down(destination, waiting, now)),
        DestinationHealth::NotConfigured | DestinationHealth::Up
            if destination.retries.dead > 0 =>
        {
            about("forwarding-dead-letters").with("count", destination.retries.dead)
        }
        DestinationHealth::NotConfigured | DestinationHealth::Up => return None,
    };
    Some(Check::warning(NAME, warning))
}

fn down(destination: &DestinationStatus, waiting: Text, now: Timestamp) -> Check {
    let state = &destination.state;
    let name = state.name.as_str();
    let since = state.failing_since.unwrap_or(now);
    let host = destination.host.as_deref().unwrap_or_default();
    let status = state.failure.as_ref().and_then(|failure| failure.status);
    let does = match (status, &state.failure) {
        (Some(status), _) => Text::new("forwarding-refused").with("status", status),
        (None, Some(failure)) => {
            Text::new("forwarding-silent").with("cause", failure.problem.as_str())
        }
        (None, None) => Text::new("forwarding-silent").with("cause", Text::new("no-answer")),
    };
    let url = variable(name, "URL");
    let next_step = match status {
        Some(401 | 403) => Text::new("check-credentials-of-destination")
            .with("headers", variable(name, "HEADERS"))
            .with("secret", variable(name, "SECRET")),
        Some(300..=399) => Text::new("set-the-final-url").with("url", url),
        Some(404 | 405) => Text::new("check-the-url-of-destination").with("url", url),
        Some(429) => Text::new("lower-the-rate").with("rate", variable(name, "RATE")),
        Some(_) => Text::new("look-into-the-log-at").with("host", host),
        None => Text::new("check-that-it-runs")
            .with("host", host)
            .with("url", url),
    };
    let is_short = now.duration_since(since) < SHORT;
    let observed = does
        .with("name", name)
        .with("time", time(since, now))
        .with("waiting", waiting);
    Check::new(
        NAME,
        if is_short {
            Status::Warning
        } else {
            Status::Problem
        },
        observed,
    )
    .with_next(next_step)
}

fn variable(name: &str, option: &str) -> String {
    match name {
        "default" => format!("FORWARD_{option}"),
        name => format!("FORWARD_{}_{option}", name.to_ascii_uppercase()),
    }
}

fn waiting(backlog: &Backlog, content: &ForwardedContent) -> Text {
    let id = match (content, backlog.is_more) {
        (ForwardedContent::Messages(_), false) => "waiting-messages",
        (ForwardedContent::Messages(_), true) => "waiting-more-messages",
        (ForwardedContent::Deliveries, false) => "waiting-deliveries",
        (ForwardedContent::Deliveries, true) => "waiting-more-deliveries",
    };
    Text::new(id).with("count", backlog.count)
}

/// When retention deletes the oldest of what waits.
fn expiry(destination: &DestinationStatus, days: Option<u32>) -> Option<Timestamp> {
    let kept = Duration::from_hours(24) * days?;
    destination.backlog.oldest?.checked_add(kept).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{AttemptFailure, DestinationState, RetryCounts};

    fn destination() -> DestinationStatus {
        DestinationStatus {
            state: DestinationState {
                name: "crm".to_owned(),
                content: ForwardedContent::Deliveries,
                cursor: 0,
                paused_at: None,
                pause_reason: None,
                failing_since: None,
                failure: None,
                last_success_at: None,
                forwarded: 0,
                refused: 0,
                expired: 0,
            },
            host: Some("crm.example".to_owned()),
            backlog: Backlog::default(),
            retries: RetryCounts::default(),
            replays: Vec::new(),
        }
    }

    fn check(destinations: Vec<DestinationStatus>) -> Check {
        check_forwarding(&Facts {
            now: "2026-11-28T14:10:00Z".parse().unwrap(),
            retention_days: Some(30),
            destinations: Some(destinations),
            ..Facts::default()
        })
    }

    fn down(status: Option<u16>) -> DestinationStatus {
        let mut down = destination();
        let since = "2026-11-28T14:02:00Z".parse().unwrap();
        down.state.failing_since = Some(since);
        down.state.content =
            ForwardedContent::Messages(crate::selector::MessageSelector::default());
        down.backlog.count = 132;
        down.backlog.oldest = Some(since);
        down.state.failure = Some(AttemptFailure {
            at: since,
            status,
            problem: "the connection is refused".to_owned(),
            answer: None,
        });
        down
    }

    #[test]
    fn what_is_down_says_since_when_how_much_waits_and_what_to_check() {
        let refusing = check(vec![destination(), down(Some(401))]);
        assert_eq!(refusing.status, Status::Problem);
        assert_eq!(
            refusing.observed,
            "crm refuses everything with 401 since 14:02; 132 messages wait."
        );
        assert!(refusing.next_step.starts_with("Check FORWARD_CRM_HEADERS"));
        let silent = check(vec![down(None)]);
        assert_eq!(
            silent.observed,
            "crm does not answer (the connection is refused) since 14:02; 132 messages wait."
        );
    }

    #[test]
    fn what_is_about_to_expire_is_announced_two_days_before() {
        let mut waiting = destination();
        waiting.backlog.count = 1;
        waiting.backlog.oldest = Some("2026-10-30T14:00:00Z".parse().unwrap());
        let soon = check(vec![waiting.clone()]);
        assert_eq!(soon.status, Status::Problem, "{soon:?}");
        assert!(
            soon.observed.contains("1 delivery waits for crm"),
            "{soon:?}"
        );
        waiting.backlog.oldest = Some("2026-11-02T14:00:00Z".parse().unwrap());
        assert_eq!(check(vec![waiting]).status, Status::Ok);
    }

    #[test]
    fn pauses_and_dead_letters_are_warnings_and_a_problem_precedes_them() {
        let mut paused = destination();
        paused.state.paused_at = Some("2026-11-28T13:00:00Z".parse().unwrap());
        let mut dead = destination();
        dead.retries.dead = 2;
        assert_eq!(check(vec![paused.clone()]).status, Status::Warning);
        assert!(check(vec![dead.clone()]).observed.contains("2 messages"));
        assert_eq!(
            check(vec![paused, dead, down(Some(500))]).status,
            Status::Problem
        );
        assert_eq!(check(vec![destination()]).status, Status::Ok);
    }
}
