//! `chatrace-webhook doctor`: why is nothing arriving?
//!
//! The running service reports its own checks. This command runs the external checks from here, too. If the service
//! does not run, it looks for the cause instead.

mod local;
mod polling;
mod service;

use url::Url;

use super::Failure;
use super::environment::{Environment, http_url};
use super::terminal::{self, Terminal};
use crate::config::Variables;
use crate::diagnose::{Report, Status};
use crate::i18n::Locale;
use crate::probe::ExternalChecks;
use crate::probe::public_url::ProbeCredentials;
use crate::time::Clock;
use service::Found;

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
    /// The variable with the API token; if it is not set, the token in `DATA_DIR` is used.
    #[arg(long, value_name = "VARIABLE", default_value = "API_TOKEN")]
    token_env: String,
    /// Try every path and header by which people have tried to poll Chatrace, and print the answers.
    #[arg(long, conflicts_with_all = ["brief", "url", "token_env"])]
    probe_polling: bool,
}

/// Runs all checks and prints the report.
pub(super) async fn doctor(options: &DoctorArgs, variables: &Variables) -> Result<(), Failure> {
    let known = Environment::read(variables, &options.token_env);
    if options.probe_polling {
        return polling::print_polling(&known.chatrace, options.json).await;
    }
    let base = known.base(options.url.as_ref())?;
    // JSON is for programs.
    let locale = if options.json {
        Locale::En
    } else {
        variables.locale()
    };
    let credentials = ProbeCredentials::new(known.api_token.clone(), &known.auth, &known.meta);
    let (service, external) = tokio::join!(
        service::ask(&base, known.api_token.as_ref(), locale),
        ExternalChecks::run(
            known.server.public_url.as_ref(),
            &credentials,
            &known.chatrace,
            Clock::system().now(),
        ),
    );
    let mut checks = vec![local::configuration(&known.config)];
    let seen = match service? {
        Found::Answers { check, seen } => {
            checks.push(check);
            if options.url.is_none() {
                checks.extend(local::damage(&known).await);
            }
            seen
        }
        Found::Silent(check) => {
            // Another machine cannot be inspected from here.
            if options.url.is_none() {
                checks.extend(local::checks(&known).await);
            }
            checks.push(check);
            Vec::new()
        }
    };
    // The service has run the external checks as well. The results from here count: they may differ, because of the
    // network or because the service has not read the new environment yet.
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
        Status::Problem => Err(Failure::Reported),
        _ => Ok(()),
    }
}
