//! Does the way from the outside lead here? Resolves `PUBLIC_URL`, connects, looks at the certificate, and posts a
//! [marked probe](super::probe) that must come back answered by this service or a replica.

mod answer;
mod certificate;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::header::HeaderValue;
use reqwest::tls::TlsInfo;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::lookup_host;
use tokio::time::timeout;
use url::Url;

use super::probe::{self, Probe};
use super::{Check, Status};
use crate::config::{Auth, Meta};
use crate::outside::{self, Trouble, without_credentials};
use crate::setup::{WEBHOOK_PATH, webhook_url};
use answer::Answer;

/// The name of the check.
pub const NAME: &str = "public_url";

/// The header of `WEBHOOK_SECRET`.
const SECRET_HEADER: &str = "X-Webhook-Secret";
/// How long a name may take to be resolved.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Chatrace waits a few seconds only.
const SLOW: Duration = Duration::from_secs(3);
/// With fewer days left than this, a certificate should have been renewed.
const DAYS_LEFT: i64 = 14;

/// What the probe needs beside the URL.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The token of the service that should answer; without one there is no probe.
    pub api_token: Option<SecretString>,
    /// The secret of senders.
    pub webhook_secret: Option<SecretString>,
    /// With this one, and no secret, the probe is signed as Meta signs.
    pub app_secret: Option<SecretString>,
}

impl Credentials {
    /// Those of the configuration, with the API token of the service.
    pub fn of(api_token: Option<SecretString>, auth: &Auth, meta: &Meta) -> Self {
        Self {
            api_token,
            webhook_secret: auth.webhook_secrets.first().cloned(),
            app_secret: meta.app_secret.clone(),
        }
    }

    /// In which header the sender of the probe shows who it is.
    fn header(&self) -> &'static str {
        if self.webhook_secret.is_none() && self.app_secret.is_some() {
            "X-Hub-Signature-256"
        } else {
            SECRET_HEADER
        }
    }
}

/// Takes the whole way.
pub async fn check(public_url: Option<&Url>, credentials: &Credentials) -> Check {
    let Some(url) = public_url else {
        return Check::new(
            NAME,
            Status::Unknown,
            "PUBLIC_URL is not set, so the way from the outside was not tried.",
            "Chatrace needs a public https address; whether there is one cannot be told.",
            "Set PUBLIC_URL to the address that the world uses; `chatrace-webhook setup` shows how to get one.",
        );
    };
    match way(url, credentials).await {
        Ok(check) | Err(check) => check,
    }
}

/// Nobody gets through.
const NOTHING_ARRIVES: &str = "Chatrace cannot reach the service, so nothing arrives.";
/// It gets as far as this program does.
const CHATRACE_REFUSES: &str = "Chatrace refuses the connection as well, so nothing arrives.";

async fn way(url: &Url, credentials: &Credentials) -> Result<Check, Check> {
    let shown = without_credentials(url);
    let host = shown.host_str().unwrap_or_default();
    if shown.path().trim_end_matches('/').ends_with(WEBHOOK_PATH) {
        return Err(Check::new(
            NAME,
            Status::Problem,
            format!("PUBLIC_URL already ends with {WEBHOOK_PATH}."),
            "The path is added to it, so the address that is shown leads nowhere.",
            format!("Leave {WEBHOOK_PATH} out of PUBLIC_URL."),
        ));
    }
    let addresses = resolve(url, host).await?;
    let Some(token) = &credentials.api_token else {
        return Err(Check::new(
            NAME,
            Status::Unknown,
            format!(
                "The name {host} of PUBLIC_URL resolves, but there is no API token here, with which the probe is signed."
            ),
            "Whether the way leads to this service cannot be told.",
            "Set API_TOKEN to that of the service, or run this where its DATA_DIR is.",
        ));
    };
    let probe = Probe::new(token, Timestamp::now()).map_err(|_| {
        Check::new(
            NAME,
            Status::Unknown,
            "The system gives no random numbers.",
            "The probe cannot be made.",
            "",
        )
    })?;
    let begun = Instant::now();
    let response = send(url, host, &addresses, &probe, credentials).await?;
    let expires = response
        .extensions()
        .get::<TlsInfo>()
        .and_then(TlsInfo::peer_certificate)
        .and_then(certificate::not_after);
    let answer = Answer::read(response, &probe).await;
    let took = begun.elapsed();
    answer.accept(&shown, credentials.header())?;
    Ok(remarks(&shown, &addresses, expires, took))
}

async fn resolve(url: &Url, host: &str) -> Result<Vec<SocketAddr>, Check> {
    let port = url.port_or_known_default().unwrap_or(443);
    // An IPv6 address stands in brackets in a URL.
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<_> = match timeout(RESOLVE_TIMEOUT, lookup_host((name, port))).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(_)) => Vec::new(),
        Err(_) => {
            return Err(Check::new(
                NAME,
                Status::Problem,
                format!(
                    "The name {host} of PUBLIC_URL was not resolved within {} s.",
                    RESOLVE_TIMEOUT.as_secs()
                ),
                "Either the name server of the domain or that of this machine does not answer.",
                "Check the DNS entry of the name with another machine.",
            ));
        }
    };
    if addresses.is_empty() {
        return Err(Check::new(
            NAME,
            Status::Problem,
            format!("The name {host} of PUBLIC_URL does not resolve."),
            NOTHING_ARRIVES,
            "Correct PUBLIC_URL, or make the DNS entry. A tunnel's address is gone when the tunnel ends: start it again and set PUBLIC_URL anew.",
        ));
    }
    Ok(addresses)
}

async fn send(
    url: &Url,
    host: &str,
    addresses: &[SocketAddr],
    probe: &Probe,
    credentials: &Credentials,
) -> Result<reqwest::Response, Check> {
    let client = outside::client()
        .tls_info(true)
        .resolve_to_addrs(host, addresses)
        .build()
        .map_err(|_| {
            Check::new(
                NAME,
                Status::Unknown,
                "This system has no certificates of authorities.",
                "Whether the certificate is valid cannot be told.",
                "Install the package ca-certificates.",
            )
        })?;
    let mut request = client
        .post(webhook_url(url))
        .header("content-type", "application/json")
        .header(probe::HEADER, probe.header())
        .body(probe::BODY);
    if let Some(secret) = &credentials.webhook_secret {
        if let Ok(mut secret) = HeaderValue::from_str(secret.expose_secret()) {
            secret.set_sensitive(true);
            request = request.header("x-webhook-secret", secret);
        }
    } else if let Some(secret) = &credentials.app_secret {
        request = request.header(
            "x-hub-signature-256",
            outside::signature(secret, probe::BODY),
        );
    }
    request
        .send()
        .await
        .map_err(|error| no_answer(host, &Trouble::of(&error)))
}

/// Why there was no answer, each with its own advice.
fn no_answer(host: &str, trouble: &Trouble) -> Check {
    match trouble {
        Trouble::Refused => Check::new(
            NAME,
            Status::Problem,
            format!("The public address {host} refuses the connection."),
            NOTHING_ARRIVES,
            "Start the reverse proxy or tunnel, or open its port in the firewall.",
        ),
        Trouble::TimedOut => Check::new(
            NAME,
            Status::Problem,
            format!("The public address {host} did not answer in time."),
            "Chatrace gives up after a few seconds, so nothing arrives.",
            "Check the firewall and that the proxy runs. Some routers do not let a machine reach its own public address: then try from elsewhere.",
        ),
        Trouble::Certificate(problem) => certificate::refused(host, problem),
        Trouble::Tls(cause) => Check::new(
            NAME,
            Status::Problem,
            format!("The public address {host} does not speak TLS as it should: {cause}."),
            CHATRACE_REFUSES,
            "PUBLIC_URL must name the port of the proxy that speaks https, not that of this service, which speaks http.",
        ),
        Trouble::Other(cause) => Check::new(
            NAME,
            Status::Problem,
            format!("The public address {host} cannot be reached: {cause}."),
            NOTHING_ARRIVES,
            "Check the reverse proxy or tunnel, and the firewall.",
        ),
    }
}

/// The probe came back: what is left to say.
fn remarks(url: &Url, addresses: &[SocketAddr], expires: Option<i64>, took: Duration) -> Check {
    let host = url.host_str().unwrap_or_default();
    let days = expires.map(certificate::days_left);
    let arrived = format!(
        "A probe to {} came in after {} ms",
        webhook_url(url),
        took.as_millis()
    );
    if let Some(days) = days.filter(|days| *days < DAYS_LEFT) {
        return Check::new(
            NAME,
            Status::Warning,
            format!(
                "The certificate of {host} expires {}.",
                certificate::ahead(days)
            ),
            "From then on nothing arrives any more.",
            "Renew it now, and find out why it was not renewed by itself.",
        );
    }
    if took > SLOW {
        return Check::new(
            NAME,
            Status::Warning,
            format!("{arrived}, which is slow."),
            "Chatrace waits a few seconds only and hardly tries again: slow answers are lost messages.",
            "Find out what is slow: the proxy, the tunnel, or the database behind the service.",
        );
    }
    if addresses.iter().all(|address| is_private(address.ip())) {
        return Check::new(
            NAME,
            Status::Warning,
            format!("{arrived}, but {host} is an address of this machine or its own network."),
            "Chatrace is outside of that network and cannot reach it.",
            "Set PUBLIC_URL to a public address; `chatrace-webhook setup` shows how to get one.",
        );
    }
    if url.scheme() == "http" {
        return Check::new(
            NAME,
            Status::Warning,
            format!("{arrived}, but over http without TLS."),
            "Messages and the secret travel readable for everybody on the way.",
            "Put a proxy with a certificate before the service and use https.",
        );
    }
    let lasts = days.map_or(String::new(), |days| {
        format!(" The certificate is valid for {days} more days.")
    });
    Check::ok(
        NAME,
        format!("{arrived}.{lasts}"),
        "The way from the outside leads here.",
    )
}

/// Whether nobody outside can reach this address.
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.is_unspecified()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remark(url: &str, address: &str, days: Option<i64>, took: Duration) -> Check {
        let address = SocketAddr::new(address.parse().unwrap(), 443);
        let expires = days
            .map(|days| Timestamp::now().as_second() + days * certificate::SECONDS_PER_DAY + 60);
        remarks(&url.parse().unwrap(), &[address], expires, took)
    }

    const PUBLIC: &str = "203.0.113.7";
    const QUICK: Duration = Duration::from_millis(80);

    #[test]
    fn a_way_that_leads_here_is_well() {
        let finding = remark("https://shop.example", PUBLIC, Some(60), QUICK);
        assert_eq!(finding.status, Status::Ok);
        assert_eq!(
            finding.observed,
            "A probe to https://shop.example/instagram/webhook came in after 80 ms. The certificate is valid for 60 more days."
        );
    }

    #[test]
    fn what_will_not_last_or_is_not_public_is_warned_of() {
        let warned = |finding: Check, text: &str| {
            assert_eq!(finding.status, Status::Warning);
            assert!(finding.observed.contains(text), "{finding:?}");
        };
        warned(
            remark("https://shop.example", PUBLIC, Some(3), QUICK),
            "expires in 3 days",
        );
        warned(
            remark("https://shop.example", PUBLIC, Some(60), SLOW * 2),
            "after 6000 ms",
        );
        warned(
            remark("https://shop.example", "192.168.1.4", Some(60), QUICK),
            "its own network",
        );
        warned(
            remark("https://shop.example", "::1", Some(60), QUICK),
            "its own network",
        );
        warned(
            remark("http://shop.example", PUBLIC, None, QUICK),
            "without TLS",
        );
    }
}
