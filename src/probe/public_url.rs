//! Does the public URL lead here? Resolves `PUBLIC_URL`, connects, checks the certificate, and posts a
//! [marked probe](super::marked) that this service or a replica must answer.

mod answer;
mod certificate;

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
use crate::diagnose::{Check, Status};
use crate::http_client::{self, RequestError};
use crate::i18n::Text;
use crate::setup::webhook_url;
use crate::text::without_credentials;
use answer::ProbeAnswer;

/// The name of the check.
pub(super) const NAME: &str = "public_url";
/// The header of `WEBHOOK_SECRET`.
const SECRET_HEADER: &str = "X-Webhook-Secret";

/// How long resolving a name may take.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Chatrace waits only a few seconds.
const SLOW: Duration = Duration::from_secs(3);

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

/// Runs the check, and answers how the certificate is, if it was seen and accepted.
pub async fn check_public_url(
    public_url: Option<&Url>,
    credentials: &ProbeCredentials,
    now: Timestamp,
) -> (Check, Option<Check>) {
    let Some(url) = public_url else {
        return (Check::unknown(NAME, Text::new("public-url-unset")), None);
    };
    match send_probe(url, credentials, now).await {
        Ok(checks) => checks,
        Err(check) => (*check, None),
    }
}

async fn send_probe(
    url: &Url,
    credentials: &ProbeCredentials,
    now: Timestamp,
) -> Result<(Check, Option<Check>), Box<Check>> {
    let shown = without_credentials(url);
    let host = shown.host_str().unwrap_or_default();
    if shown.path().trim_end_matches('/').ends_with(WEBHOOK_PATH) {
        let observed = Text::new("public-url-with-path").with("path", WEBHOOK_PATH);
        return Err(Check::problem(NAME, observed).into());
    }
    let addresses = resolve(url, host).await?;
    let Some(token) = &credentials.api_token else {
        let observed = Text::new("public-url-without-token").with("host", host);
        return Err(Check::unknown(NAME, observed).into());
    };
    let make_probe = || {
        MarkedProbe::new(token, now)
            .map_err(|_| Box::new(Check::unknown(NAME, Text::new("public-url-no-random"))))
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
    let certificate = response
        .extensions()
        .get::<TlsInfo>()
        .and_then(TlsInfo::peer_certificate)
        .and_then(certificate::not_after)
        .map(|end| certificate::check(host, certificate::whole_days(now.as_second(), end)));
    let answer = ProbeAnswer::read(response, &probe).await;
    let took = begun.elapsed();
    answer.accept(&shown, credentials.header())?;
    let check = remarks(&shown, &addresses, certificate.as_ref(), took);
    Ok((check, certificate))
}

async fn resolve(url: &Url, host: &str) -> Result<Vec<SocketAddr>, Box<Check>> {
    let port = url.port_or_known_default().unwrap_or(443);
    // In a URL, an IPv6 address is in brackets.
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<_> = match timeout(RESOLVE_TIMEOUT, lookup_host((name, port))).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(_)) => Vec::new(),
        Err(_) => {
            let observed = Text::new("public-url-resolving")
                .with("host", host)
                .with("seconds", RESOLVE_TIMEOUT.as_secs());
            return Err(Check::problem(NAME, observed).into());
        }
    };
    if addresses.is_empty() {
        let observed = Text::new("public-url-unresolved").with("host", host);
        return Err(Check::problem(NAME, observed).into());
    }
    Ok(addresses)
}

async fn send(
    url: &Url,
    host: &str,
    addresses: &[SocketAddr],
    probe: &MarkedProbe,
    credentials: Option<&ProbeCredentials>,
) -> Result<reqwest::Response, Box<Check>> {
    let client = http_client::client()
        .tls_info(true)
        .resolve_to_addrs(host, addresses)
        .build()
        .map_err(|_| Box::new(Check::unknown(NAME, Text::new("public-url-no-authorities"))))?;
    let request = client
        .post(webhook_url(url))
        .header(marked::HEADER, probe.header());
    let secret = credentials.and_then(|it| it.webhook_secret.as_ref());
    let app_secret = credentials.and_then(|it| it.app_secret.as_ref());
    http_client::as_sender(request, secret, app_secret, probe.body())
        .send()
        .await
        .map_err(|error| Box::new(no_answer(host, &RequestError::from(&error))))
}

/// Why there was no answer, each with its own advice.
fn no_answer(host: &str, error: &RequestError) -> Check {
    let about = |id| Text::new(id).with("host", host);
    let observed = match error {
        RequestError::Refused => about("public-url-refused"),
        RequestError::TimedOut => about("public-url-timed-out"),
        RequestError::Certificate(problem) => certificate::refused(host, problem),
        RequestError::Tls(cause) => about("public-url-tls").with("cause", cause.as_str()),
        RequestError::NoTls => about("public-url-tls").with("cause", Text::new("no-tls")),
        RequestError::Other(cause) => about("public-url-unreachable").with("cause", cause.as_str()),
    };
    Check::problem(NAME, observed)
}

/// The probe was answered: what is left to say.
fn remarks(
    url: &Url,
    addresses: &[SocketAddr],
    certificate: Option<&Check>,
    took: Duration,
) -> Check {
    let host = url.host_str().unwrap_or_default();
    if let Some(certificate) = certificate.filter(|check| check.status != Status::Ok) {
        return Check {
            name: NAME.to_owned(),
            ..certificate.clone()
        };
    }
    let (status, id) = if took > SLOW {
        (Status::Warning, "public-url-slow")
    } else if addresses.iter().all(|address| is_private(address.ip())) {
        (Status::Warning, "public-url-private")
    } else if url.scheme() == "http" {
        (Status::Warning, "public-url-plain")
    } else if certificate.is_some() {
        (Status::Ok, "public-url-certified")
    } else {
        (Status::Ok, "public-url-probed")
    };
    let lasts = certificate.map_or_else(|| String::new().into(), |check| check.observed.clone());
    let observed = Text::new(id)
        .with("url", webhook_url(url))
        .with(
            "duration",
            u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        )
        .with("host", host)
        .with("lasts", lasts);
    Check::new(NAME, status, observed)
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

    fn remark(url: &str, address: &str, days: Option<i64>, took: Duration) -> Check {
        let address = SocketAddr::new(address.parse().unwrap(), 443);
        let certificate = days.map(|days| certificate::check("shop.example", days));
        remarks(
            &url.parse().unwrap(),
            &[address],
            certificate.as_ref(),
            took,
        )
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
