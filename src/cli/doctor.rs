//! `chatrace-webhook doctor`: why is nothing arriving?
//!
//! The running service says what it sees itself; this adds what can be asked from here: the public way and the Chatrace
//! account. When the service does not run, what keeps it from running is looked for instead.

mod local;
mod polling;
mod service;

use url::Url;

use super::paper::{self, Paper};
use super::surroundings::{Surroundings, http_url};
use super::{Failure, Lookup};
use crate::diagnose::public_url::{self, Credentials};
use crate::diagnose::{Check, Report, Status, account};
use service::Service;

/// The arguments.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// Print only the verdict and the next step.
    #[arg(long, conflicts_with = "json")]
    brief: bool,
    /// The service to ask [default: the one on this machine, at PORT].
    #[arg(long, value_name = "URL", value_parser = http_url)]
    url: Option<Url>,
    /// The variable that holds the API token; without it, the token in `DATA_DIR`.
    #[arg(long, value_name = "VARIABLE", default_value = "API_TOKEN")]
    token_env: String,
    /// Try every path and header by which people wanted to poll Chatrace, and print what became of each.
    #[arg(long, conflicts_with_all = ["brief", "url", "token_env"])]
    probe_polling: bool,
}

/// Looks at everything and prints the report.
pub(super) async fn doctor(options: &Options, lookup: Lookup<'_>) -> Result<(), Failure> {
    let known = Surroundings::read(lookup, &options.token_env);
    if options.probe_polling {
        return polling::probe(&known.chatrace, options.json).await;
    }
    let base = known.base(options.url.as_ref())?;
    let credentials = Credentials::of(known.api_token.clone(), &known.auth, &known.meta);
    let (service, public, account) = tokio::join!(
        service::ask(&base, known.api_token.as_ref()),
        public_url::check(known.server.public_url.as_ref(), &credentials),
        account::check(&known.chatrace),
    );
    let mut checks = vec![local::configuration(&known.config)];
    let mut verdict = None;
    match service? {
        Service::Answers { check, report } => {
            checks.extend([check, public]);
            if let Some(report) = report {
                verdict = Some(report.verdict);
                let asked_here = |check: &Check| checks.iter().any(|ours| ours.name == check.name);
                let theirs: Vec<_> = report
                    .checks
                    .into_iter()
                    .filter(|check| !asked_here(check))
                    .collect();
                checks.extend(theirs);
            }
            // Last: messages arrive without it.
            checks.push(account);
        }
        Service::Silent(check) => {
            // What lies on another machine cannot be looked at from here.
            if options.url.is_none() {
                checks.extend(local::checks(&known).await);
            }
            checks.extend([check, public, account]);
        }
    }
    let mut report = conclude(checks, verdict);
    if options.brief {
        report.checks.clear();
    }
    if options.json {
        paper::print_json(&report);
    } else {
        paper::print(&Paper::stdout().report(&report));
    }
    match report.status {
        Status::Problem => Err(Failure::Said),
        _ => Ok(()),
    }
}

/// The verdict is that of the first of the worst checks; they stand most upstream first. `well` is the service's own
/// verdict, which stands when there is nothing worse to say.
fn conclude(checks: Vec<Check>, well: Option<String>) -> Report {
    let worst = checks.iter().map(|check| check.status).max();
    let status = match worst {
        Some(Status::Problem) => Status::Problem,
        Some(Status::Warning) => Status::Warning,
        _ => Status::Ok,
    };
    let cause = checks
        .iter()
        .find(|check| check.status == status && status > Status::Unknown);
    let (verdict, next_step) = match cause {
        Some(check) => (
            format!("{} {}", check.observed, check.meaning),
            check.next_step.clone(),
        ),
        None => (
            well.unwrap_or_else(|| "Nothing is wrong that can be seen from here.".to_owned()),
            String::new(),
        ),
    };
    Report {
        status,
        verdict,
        next_step,
        checks,
    }
}

fn check_of(
    name: &str,
    status: Status,
    observed: impl Into<String>,
    meaning: impl Into<String>,
    next_step: impl Into<String>,
) -> Check {
    Check {
        name: name.to_owned(),
        status,
        observed: observed.into(),
        meaning: meaning.into(),
        next_step: next_step.into(),
    }
}
