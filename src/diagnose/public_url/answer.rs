//! What the public address answers to the probe, and whose answer it is.

use reqwest::header::{LOCATION, SERVER};
use serde_json::Value;
use url::Url;

use super::{NAME, NOTHING_ARRIVES, SECRET_HEADER};
use crate::diagnose::probe::{self, Probe};
use crate::diagnose::{Check, Status};
use crate::outside;
use crate::setup::WEBHOOK_PATH;

/// An answer to the probe.
#[derive(Debug)]
pub(super) struct Answer {
    status: u16,
    whose: Whose,
    /// Where a redirect leads, without query.
    location: Option<String>,
    /// What the server calls itself.
    server: Option<String>,
}

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// A service that knows the API token, and lets the sender in.
    Ours,
    /// It knows the API token, and did not see the sender's secret.
    WithoutSecret,
    /// It knows the API token, and has another secret for senders.
    OtherSecret,
    /// It has the form of this service's answers, but does not know the probe.
    Alike,
    /// Somebody else.
    Foreign,
}

impl Answer {
    pub(super) async fn read(response: reqwest::Response, probe: &Probe) -> Self {
        let header = |name| {
            let text = response.headers().get(name)?.to_str().ok()?;
            Some(outside::shown(text.split('?').next().unwrap_or_default()))
        };
        let (location, server) = (header(LOCATION), header(SERVER));
        let status = response.status().as_u16();
        // An answer that cannot be read whole is certainly not this service's.
        let body = outside::read(response).await.unwrap_or_default();
        let json: Value = serde_json::from_slice(&body).unwrap_or_default();
        let answered = json["probe"]
            .as_str()
            .is_some_and(|answer| probe.is_answered_by(answer));
        let whose = if answered {
            match json["secret"].as_str() {
                None => Whose::Ours,
                Some("missing") => Whose::WithoutSecret,
                Some(_) => Whose::OtherSecret,
            }
        } else if json["success"].is_boolean() && matches!(status, 200 | 400 | 401) {
            // The webhook's own answer to a body of blanks. Other paths of the service answer other statuses.
            Whose::Alike
        } else {
            Whose::Foreign
        };
        Self {
            status,
            whose,
            location,
            server,
        }
    }

    /// Whether the probe came in; if not, why.
    /// `header` is that of the probe's credential.
    pub(super) fn accept(&self, url: &Url, header: &str) -> Result<(), Check> {
        let host = url.host_str().unwrap_or_default();
        let status = self.status;
        Err(match self.whose {
            Whose::Ours => return Ok(()),
            Whose::WithoutSecret => Check::new(
                NAME,
                Status::Problem,
                format!(
                    "The public address {host} leads here, but the secret of the probe was lost on the way (401)."
                ),
                format!("The proxy drops {header}, so every message is refused."),
                if header == SECRET_HEADER {
                    "Let the proxy pass the header X-Webhook-Secret; or put the secret into the URL as ?token=….".to_owned()
                } else {
                    format!("Let the proxy pass the header {header}.")
                },
            ),
            Whose::OtherSecret => Check::new(
                NAME,
                Status::Problem,
                format!(
                    "The public address {host} leads here, but the service that answers has another WEBHOOK_SECRET or META_APP_SECRET (401)."
                ),
                "Senders that use the secret of this environment are refused.",
                "Restart the service, every replica of it, with the same environment as this.",
            ),
            Whose::Alike => Check::new(
                NAME,
                Status::Problem,
                format!(
                    "The public address {host} leads to a chatrace-webhook that does not know the probe ({status})."
                ),
                "It is another installation with another API_TOKEN, or its clock is wrong, or the proxy drops the header X-Webhook-Probe.",
                format!(
                    "Compare API_TOKEN on both sides and the clocks; then let the proxy pass {}.",
                    probe::HEADER
                ),
            ),
            Whose::Foreign => self.foreign(host),
        })
    }

    fn foreign(&self, host: &str) -> Check {
        let status = self.status;
        match status {
            300..=399 => Check::new(
                NAME,
                Status::Problem,
                format!(
                    "The public address {host} answers with a redirect ({status}) to {}.",
                    self.location.as_deref().unwrap_or("an unnamed place")
                ),
                "A POST that is redirected loses its body, or Chatrace does not follow: nothing arrives.",
                "Set PUBLIC_URL to the address that the redirect leads to, and use that one in the External API Request.",
            ),
            401 | 403 => Check::new(
                NAME,
                Status::Problem,
                format!("The public address {host} answers {status}, and not by this service."),
                "Something before the service asks for a login, or filters requests, and refuses Chatrace as well.",
                format!(
                    "Let {WEBHOOK_PATH} pass without login: the service checks the secret itself."
                ),
            ),
            404 => Check::new(
                NAME,
                Status::Problem,
                format!("The public address {host} has nothing at {WEBHOOK_PATH} (404)."),
                "The proxy passes the path elsewhere, or changes it: nothing arrives.",
                format!(
                    "Let the proxy pass the path unchanged; if the service lives under a prefix, PUBLIC_URL must have it and the proxy must take it away before {WEBHOOK_PATH}."
                ),
            ),
            405 => Check::new(
                NAME,
                Status::Problem,
                format!("The public address {host} takes no POST at {WEBHOOK_PATH} (405)."),
                "The proxy leads to something else, such as static files: nothing arrives.",
                "Let the proxy pass the path, with every method, to the service.",
            ),
            413 => Check::new(
                NAME,
                Status::Problem,
                format!(
                    "The public address {host} finds a body of {} bytes too large (413).",
                    probe::BODY.len()
                ),
                "Messages are larger than that and are refused.",
                "Raise the limit of the proxy, for example client_max_body_size in nginx, to at least 1 MiB.",
            ),
            429 => Check::new(
                NAME,
                Status::Problem,
                format!("The public address {host} refuses the probe as one too many (429)."),
                "The proxy limits requests, and refuses messages when many are written.",
                format!("Take {WEBHOOK_PATH} out of the limit."),
            ),
            500..=599 => Check::new(
                NAME,
                Status::Problem,
                format!(
                    "The public address {host} is reached, but has no service behind it ({status})."
                ),
                NOTHING_ARRIVES,
                "Start the service, and check that the proxy or tunnel leads to its HOST and PORT.",
            ),
            _ => {
                let server = self.server.as_ref();
                let server =
                    server.map_or(String::new(), |name| format!(", a server named \"{name}\""));
                Check::new(
                    NAME,
                    Status::Problem,
                    format!(
                        "Something else answers at the public address {host} ({status}{server})."
                    ),
                    "The name leads to another server: messages go there.",
                    "Check the DNS entry and the proxy: whose server is it? Some tunnels show a page of their own to first visitors.",
                )
            }
        }
    }
}
