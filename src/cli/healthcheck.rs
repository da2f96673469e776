//! `chatrace-webhook healthcheck`: for containers without curl.

use std::time::Duration;

use anyhow::Context as _;

use super::Failure;
use crate::config::server::{Server, reachable};
use crate::config::{ConfigErrors, Env, Variables};
use crate::http_client;
use crate::i18n::Text;

const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks the service at HOST and PORT.
pub(super) async fn healthcheck(variables: &Variables) -> Result<(), Failure> {
    let mut env = Env::new(variables);
    let server = Server::read(&mut env);
    let errors = env.into_errors();
    if !errors.is_empty() {
        return Err(ConfigErrors(errors).into());
    }
    let url = format!("http://{}/healthz", reachable(server.address()));
    let client = http_client::client()
        // Without TLS no certificates are needed, and the image may have none.
        .tls_certs_only([])
        .timeout(TIMEOUT)
        .build()
        .context("no HTTP client")?;
    let response = client
        .get(&url)
        .send()
        .await
        .with_context(|| Text::new("nothing-answers").with("url", url.as_str()))?;
    response
        .error_for_status()
        .with_context(|| Text::new("service-not-healthy").with("url", url.as_str()))?;
    Ok(())
}
