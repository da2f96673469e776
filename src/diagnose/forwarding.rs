//! Whether destinations take what is forwarded to them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::words::{at, counted, time};
use super::{Check, Facts, Status};
use crate::forward::{DestinationHealth, DestinationStatus};
use crate::store::{Backlog, ForwardedContent};

const NAME: &str = "forwarding";

/// A destination that is down for less is a restart.
const SHORT: SignedDuration = SignedDuration::from_mins(1);
/// How long before retention deletes what a destination has not got this warns.
const BEFORE_EXPIRY: SignedDuration = SignedDuration::from_hours(48);

/// One destination with a problem: how bad, what is observed, what it means, what to do.
type Finding = (Status, String, &'static str, String);

pub(super) fn check_forwarding(facts: &Facts) -> Check {
    let Some(destinations) = &facts.destinations else {
        return Check::without_database(NAME);
    };
    if destinations.is_empty() {
        return Check::ok(
            NAME,
            "No destination is configured.",
            "Messages are stored and not forwarded.",
        );
    }
    let findings = destinations
        .iter()
        .filter_map(|destination| find(destination, facts));
    // Of those that are as bad, the first.
    let worst = findings.reduce(|one, other| if other.0 > one.0 { other } else { one });
    if let Some((status, observed, meaning, next_step)) = worst {
        return Check::new(NAME, status, observed, meaning, next_step);
    }
    let waiting: i64 = destinations.iter().map(|one| one.backlog.count).sum();
    Check::ok(
        NAME,
        match destinations.len() {
            1 => format!("{} accepts what is forwarded.", destinations[0].state.name),
            many => format!("All {many} destinations accept what is forwarded."),
        },
        match waiting {
            0 => "Nothing waits.".to_owned(),
            _ => format!("{} on the way.", counted(waiting.unsigned_abs(), "message")),
        },
    )
}

fn find(destination: &DestinationStatus, facts: &Facts) -> Option<Finding> {
    let (state, now) = (&destination.state, facts.now);
    let name = &state.name;
    let waiting = waiting(&destination.backlog, &state.content);
    if let Some(expiry) = expiry(destination, facts.retention_days)
        && expiry.duration_since(now) <= BEFORE_EXPIRY
    {
        return Some((
            Status::Problem,
            format!(
                "{waiting} for {name}, and retention begins to delete them {}.",
                at(expiry, now)
            ),
            "What is deleted before it is forwarded is never forwarded. It is counted as expired.",
            "Repair the destination, or raise RETENTION_DAYS.".to_owned(),
        ));
    }
    match destination.health() {
        DestinationHealth::NotConfigured if destination.backlog.count > 0 => Some((
            Status::Warning,
            format!("{name} is not configured any more; {waiting} for it."),
            "Nothing is forwarded to it.",
            format!(
                "Set {} again, or run `chatrace-webhook forward forget {name}`.",
                variable(name, "URL")
            ),
        )),
        DestinationHealth::Paused => Some((
            Status::Warning,
            format!(
                "{name} is paused since {}: {}; {waiting}.",
                time(state.paused_at.unwrap_or(now), now),
                state
                    .pause_reason
                    .as_deref()
                    .unwrap_or("no reason is known")
            ),
            "Nothing is forwarded to it until it is resumed.",
            format!("Run `chatrace-webhook forward resume {name}`."),
        )),
        DestinationHealth::Down => Some(down(destination, &waiting, now)),
        DestinationHealth::NotConfigured | DestinationHealth::Up
            if destination.retries.dead > 0 =>
        {
            Some((
                Status::Warning,
                format!(
                    "{name} has refused {} for good.",
                    counted(destination.retries.dead.unsigned_abs(), "message")
                ),
                "They were tried for about three days, while others were accepted.",
                format!(
                    "See why at GET /instagram/destinations/{name}/dead-letters; then run `chatrace-webhook forward \
                     retry {name}`."
                ),
            ))
        }
        DestinationHealth::NotConfigured | DestinationHealth::Up => None,
    }
}

fn down(destination: &DestinationStatus, waiting: &str, now: Timestamp) -> Finding {
    let state = &destination.state;
    let name = &state.name;
    let since = state.failing_since.unwrap_or(now);
    let host = destination.host.as_deref().unwrap_or_default();
    let status = state.failure.as_ref().and_then(|failure| failure.status);
    let problem = state
        .failure
        .as_ref()
        .map_or("no answer", |failure| failure.problem.as_str());
    let does = match status {
        Some(status) => format!("refuses everything with {status}"),
        None => format!("does not answer ({problem})"),
    };
    let next_step = match status {
        Some(401 | 403) => format!(
            "Check {}, and {} if it verifies signatures.",
            variable(name, "HEADERS"),
            variable(name, "SECRET")
        ),
        Some(300..=399) => format!(
            "Set {} to the final URL: redirects are not followed.",
            variable(name, "URL")
        ),
        Some(404 | 405) => format!("Check {}.", variable(name, "URL")),
        Some(429) => format!("Lower {}.", variable(name, "RATE")),
        Some(_) => format!("Look into the log of the system at {host}."),
        None => format!(
            "Check that the system at {host} runs, and {}.",
            variable(name, "URL")
        ),
    };
    let is_short = now.duration_since(since) < SHORT;
    (
        if is_short {
            Status::Warning
        } else {
            Status::Problem
        },
        format!("{name} {does} since {}; {waiting}.", time(since, now)),
        "Nothing is lost: forwarding goes on in order when it accepts again.",
        next_step,
    )
}

fn variable(name: &str, option: &str) -> String {
    match name {
        "default" => format!("FORWARD_{option}"),
        name => format!("FORWARD_{}_{option}", name.to_ascii_uppercase()),
    }
}

fn waiting(backlog: &Backlog, content: &ForwardedContent) -> String {
    let count = backlog.count.unsigned_abs();
    let thing = match content {
        ForwardedContent::Messages(_) => "message",
        ForwardedContent::Deliveries => "delivery",
    };
    let verb = if count == 1 { "waits" } else { "wait" };
    let more = if backlog.is_more { "more than " } else { "" };
    format!("{more}{} {verb}", counted(count, thing))
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
