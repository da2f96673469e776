//! Asking others over HTTP. They may be slow, endless or hostile: every question has a time limit, no redirect is
//! followed (credentials would go along).

use std::time::Duration;

use reqwest::{ClientBuilder, redirect};

/// How long a connection may take to come about, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole question may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A client with ring for TLS and nothing else decided. Proxies of the environment are not used: what is looked at is the
/// way that others take.
pub fn builder() -> ClientBuilder {
    // Fails where a provider is installed already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder().no_proxy()
}

/// The client of every question.
pub fn client() -> ClientBuilder {
    builder()
        .redirect(redirect::Policy::none())
        .user_agent(concat!("chatrace-webhook/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
}
