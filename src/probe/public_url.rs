//! Does the public URL lead here? Resolves `PUBLIC_URL`, connects, checks the certificate, and posts a
//! [marked probe](super::marked) that this service or a replica must answer.

mod answer;
mod certificate;
mod finding;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::tls::TlsInfo;
use secrecy::SecretString;
use tokio::net::lookup_host;
use tokio::time::timeout;
use url::Url;

use super::marked::{self, MarkedProbe};
use crate::config::{Auth, Meta};
use crate::delivery::WEBHOOK_PATH;
use crate::diagnose::Check;
use crate::http_client::{self, RequestError};
use crate::setup::webhook_url;
use crate::text::without_credentials;
use answer::ProbeAnswer;
pub(super) use finding::NAME;
use finding::{REFUSED_TOO, SECRET_HEADER, UNREACHABLE, problem, unknown, warning};

/// How long resolving a name may take.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Chatrace waits only a few seconds.
const SLOW: Duration = Duration::from_secs(3);
/// With fewer days left, a certificate should have been renewed already.
const DAYS_LEFT: i64 = 14;

/// The credentials of a probe.
#[derive(Debug, Clone)]
pub struct ProbeCredentials {
    /// The token of the service that should answer. Without it there is no probe.
    pub api_token: Option<SecretString>,
    /// The secret of senders.
    pub webhook_secret: Option<SecretString>,
    /// Without a secret, the probe is signed with this one, as Meta signs.
    pub app_secret: Option<SecretString>,
}

impl ProbeCredentials {
    /// The credentials of the configuration, with the API token of the service.
    pub fn new(api_token: Option<SecretString>, auth: &Auth, meta: &Meta) -> Self {
        Self {
            api_token,
            webhook_secret: auth.webhook_secrets.first().cloned(),
            app_secret: meta.app_secrets.first().cloned(),
        }
    }

    /// The header that carries the sender's credential.
    fn header(&self) -> &'static str {
        if self.webhook_secret.is_none() && self.app_secret.is_some() {
            "X-Hub-Signature-256"
        } else {
            SECRET_HEADER
        }
    }
}

/// Runs the check.
pub async fn check_public_url(
    public_url: Option<&Url>,
    credentials: &ProbeCredentials,
    now: Timestamp,
) -> Check {
    let Some(url) = public_url else {
        return unknown(
            "PUBLIC_URL is not set, so the public address was not checked.",
            "Chatrace needs a public https address. Whether there is one is unknown.",
            "Set PUBLIC_URL to the public address of this service; `chatrace-webhook setup` shows how to get one.",
        );
    };
    match send_probe(url, credentials, now).await {
        Ok(check) | Err(check) => check,
    }
}

async fn send_probe(
    url: &Url,
    credentials: &ProbeCredentials,
    now: Timestamp,
) -> Result<Check, Check> {
    let shown = without_credentials(url);
    let host = shown.host_str().unwrap_or_default();
    if shown.path().trim_end_matches('/').ends_with(WEBHOOK_PATH) {
        return Err(problem(
            format!("PUBLIC_URL already ends with {WEBHOOK_PATH}."),
            "The path is added to it, so the address that `setup` shows leads nowhere.",
            format!("Remove {WEBHOOK_PATH} from PUBLIC_URL."),
        ));
    }
    let addresses = resolve(url, host).await?;
    let Some(token) = &credentials.api_token else {
        return Err(unknown(
            format!(
                "The name {host} of PUBLIC_URL resolves, but the probe needs an API token, and there is none here."
            ),
            "Whether the public address leads to this service is unknown.",
            "Set API_TOKEN to the token of the service, or run this in the directory of its DATA_DIR.",
        ));
    };
    let make_probe = || {
        MarkedProbe::new(token, now).map_err(|_| {
            unknown(
                "The system gives no random numbers.",
                "The probe cannot be made.",
                "",
            )
        })
    };
    // The sender's credential goes only to who has proven to be this service. A tunnel that has ended, or a name that
    // leads elsewhere by now, never sees it.
    let probe = make_probe()?;
    let response = send(url, host, &addresses, &probe, None).await?;
    let answer = ProbeAnswer::read(response, &probe).await;
    if !answer.is_ours() {
        answer.accept(&shown, credentials.header())?;
    }
    let probe = make_probe()?;
    let begun = Instant::now();
    let response = send(url, host, &addresses, &probe, Some(credentials)).await?;
    let days = response
        .extensions()
        .get::<TlsInfo>()
        .and_then(TlsInfo::peer_certificate)
        .and_then(certificate::not_after)
        .map(|end| certificate::whole_days(now.as_second(), end));
    let answer = ProbeAnswer::read(response, &probe).await;
    let took = begun.elapsed();
    answer.accept(&shown, credentials.header())?;
    Ok(remarks(&shown, &addresses, days, took))
}

async fn resolve(url: &Url, host: &str) -> Result<Vec<SocketAddr>, Check> {
    let port = url.port_or_known_default().unwrap_or(443);
    // In a URL, an IPv6 address is in brackets.
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<_> = match timeout(RESOLVE_TIMEOUT, lookup_host((name, port))).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(_)) => Vec::new(),
        Err(_) => {
            return Err(problem(
                format!(
                    "The name {host} of PUBLIC_URL was not resolved within {} s.",
                    RESOLVE_TIMEOUT.as_secs()
                ),
                "The name server of the domain, or of this machine, does not answer.",
                "Check the DNS entry of the name from another machine.",
            ));
        }
    };
    if addresses.is_empty() {
        return Err(problem(
            format!("The name {host} of PUBLIC_URL does not resolve."),
            UNREACHABLE,
            "Correct PUBLIC_URL, or add the DNS entry. The address of a tunnel ends with the tunnel: start it again and set PUBLIC_URL to its new address.",
        ));
    }
    Ok(addresses)
}

async fn send(
    url: &Url,
    host: &str,
    addresses: &[SocketAddr],
    probe: &MarkedProbe,
    credentials: Option<&ProbeCredentials>,
) -> Result<reqwest::Response, Check> {
    let client = http_client::client()
        .tls_info(true)
        .resolve_to_addrs(host, addresses)
        .build()
        .map_err(|_| {
            unknown(
                "No CA certificates found on this system.",
                "Whether the certificate is valid is unknown.",
                "Install the package ca-certificates.",
            )
        })?;
    let request = client
        .post(webhook_url(url))
        .header(marked::HEADER, probe.header());
    let secret = credentials.and_then(|it| it.webhook_secret.as_ref());
    let app_secret = credentials.and_then(|it| it.app_secret.as_ref());
    http_client::as_sender(request, secret, app_secret, probe.body())
        .send()
        .await
        .map_err(|error| no_answer(host, &RequestError::from(&error)))
}

/// Why there was no answer, each with its own advice.
fn no_answer(host: &str, error: &RequestError) -> Check {
    match error {
        RequestError::Refused => problem(
            format!("The public address {host} refuses the connection."),
            UNREACHABLE,
            "Start the reverse proxy or tunnel, or open its port in the firewall.",
        ),
        RequestError::TimedOut => problem(
            format!("The public address {host} did not answer in time."),
            "Chatrace gives up after a few seconds, so nothing arrives.",
            "Check the firewall, and that the proxy runs. Some routers do not let a machine reach its own public address: then try from another network.",
        ),
        RequestError::Certificate(problem) => certificate::refused(host, problem),
        RequestError::Tls(cause) => problem(
            format!("TLS with the public address {host} fails: {cause}."),
            REFUSED_TOO,
            "PUBLIC_URL must name the port of the proxy, which speaks https. This service speaks http.",
        ),
        RequestError::Other(cause) => problem(
            format!("The public address {host} cannot be reached: {cause}."),
            UNREACHABLE,
            "Check the reverse proxy or tunnel, and the firewall.",
        ),
    }
}

/// The probe was answered: what is left to say.
fn remarks(url: &Url, addresses: &[SocketAddr], days: Option<i64>, took: Duration) -> Check {
    let host = url.host_str().unwrap_or_default();
    let arrived = format!(
        "A probe to {} arrived after {} ms",
        webhook_url(url),
        took.as_millis()
    );
    if let Some(days) = days.filter(|days| *days < DAYS_LEFT) {
        let when = certificate::ahead(days);
        return warning(
            format!("The certificate of {host} expires {when}."),
            "After that nothing arrives.",
            "Renew it now, and find out why it was not renewed automatically.",
        );
    }
    if took > SLOW {
        return warning(
            format!("{arrived}, which is slow."),
            "Chatrace waits only a few seconds and hardly ever tries again: slow answers lose messages.",
            "Find out what is slow: the proxy, the tunnel, or the database behind the service.",
        );
    }
    if addresses.iter().all(|address| is_private(address.ip())) {
        return warning(
            format!("{arrived}, but {host} is an address of this machine or of a private network."),
            "Chatrace cannot reach it from the internet.",
            "Set PUBLIC_URL to a public address; `chatrace-webhook setup` shows how to get one.",
        );
    }
    if url.scheme() == "http" {
        return warning(
            format!("{arrived}, but over http without TLS."),
            "Messages and the secret are sent unencrypted.",
            "Put a proxy with a certificate in front of the service and use https.",
        );
    }
    let lasts = days.map_or(String::new(), |days| {
        format!(" The certificate is valid for {days} more days.")
    });
    Check::ok(
        NAME,
        format!("{arrived}.{lasts}"),
        "The public address leads here.",
    )
}

/// Whether the address cannot be reached from the internet.
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
    use crate::diagnose::Status;

    fn remark(url: &str, address: &str, days: Option<i64>, took: Duration) -> Check {
        let address = SocketAddr::new(address.parse().unwrap(), 443);
        remarks(&url.parse().unwrap(), &[address], days, took)
    }

    const PUBLIC: &str = "203.0.113.7";
    const QUICK: Duration = Duration::from_millis(80);

    #[test]
    fn a_public_url_that_leads_here_is_ok() {
        let finding = remark("https://shop.example", PUBLIC, Some(60), QUICK);
        assert_eq!(finding.status, Status::Ok);
        assert_eq!(
            finding.observed,
            "A probe to https://shop.example/instagram/webhook arrived after 80 ms. The certificate is valid for 60 more days."
        );
    }

    #[test]
    fn what_will_expire_or_is_not_public_is_a_warning() {
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
            "a private network",
        );
        warned(
            remark("https://shop.example", "::1", Some(60), QUICK),
            "a private network",
        );
        warned(
            remark("http://shop.example", PUBLIC, None, QUICK),
            "without TLS",
        );
    }
}
