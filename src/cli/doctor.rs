//! `chatrace-webhook doctor`: why is nothing arriving?
//!
//! The running service says what it sees and what others tell it; this asks others from here too. When the service does
//! not run, what keeps it from running is looked for instead.

mod local;
mod polling;
mod service;

use url::Url;

use super::environment::{Environment, http_url};
use super::terminal::{self, Terminal};
use super::{Failure, Lookup};
use crate::diagnose::{Report, Status};
use crate::probe::ExternalChecks;
use crate::probe::public_url::ProbeCredentials;
use service::Found;

/// The arguments.
#[derive(Debug, Clone, clap::Args)]
pub struct DoctorArgs {
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
pub(super) async fn doctor(options: &DoctorArgs, lookup: Lookup<'_>) -> Result<(), Failure> {
    let known = Environment::read(lookup, &options.token_env);
    if options.probe_polling {
        return polling::print_polling(&known.chatrace, options.json).await;
    }
    let base = known.base(options.url.as_ref())?;
    let credentials = ProbeCredentials::new(known.api_token.clone(), &known.auth, &known.meta);
    let (service, external) = tokio::join!(
        service::ask(&base, known.api_token.as_ref()),
        ExternalChecks::run(
            known.server.public_url.as_ref(),
            &credentials,
            &known.chatrace
        ),
    );
    let mut checks = vec![local::configuration(&known.config)];
    let seen = match service? {
        Found::Answers { check, seen } => {
            checks.push(check);
            seen
        }
        Found::Silent(check) => {
            // What lies on another machine cannot be looked at from here.
            if options.url.is_none() {
                checks.extend(local::checks(&known).await);
            }
            checks.push(check);
            Vec::new()
        }
    };
    // The service has asked others as well. What is told here counts: the answer may differ from the one it got, by the
    // place or by an environment that the service has not read yet.
    checks.extend(external.around(seen));
    let mut report = Report::new(checks);
    if options.brief {
        report.checks.clear();
    }
    if options.json {
        terminal::print_json(&report);
    } else {
        terminal::print(&Terminal::stdout().report(&report));
    }
    match report.status {
        Status::Problem => Err(Failure::Said),
        _ => Ok(()),
    }
}
