//! The answer of the public URL to the probe, and who gave it.

use reqwest::header::{LOCATION, SERVER};
use serde_json::Value;
use url::Url;

use super::finding::{SECRET_HEADER, UNREACHABLE, problem};
use crate::delivery::WEBHOOK_PATH;
use crate::diagnose::Check;
use crate::probe::marked::{self, MarkedProbe};
use crate::{http_client, text};

/// An answer to the probe.
#[derive(Debug)]
pub(super) struct ProbeAnswer {
    status: u16,
    sender: AnsweredBy,
    /// Where a redirect leads, without query.
    location: Option<String>,
    /// The name of the server software.
    server: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnsweredBy {
    /// A service that knows the API token and accepts the sender.
    ThisService,
    /// It knows the API token and did not get the sender's secret.
    WithoutSecret,
    /// It knows the API token and has another secret for senders.
    OtherSecret,
    /// It answers like this service, but does not know the probe.
    SimilarService,
    Foreign,
}

impl ProbeAnswer {
    pub(super) async fn read(response: reqwest::Response, probe: &MarkedProbe) -> Self {
        let header = |name| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(text::excerpt(value.split('?').next().unwrap_or_default()))
        };
        let (location, server) = (header(LOCATION), header(SERVER));
        let status = response.status().as_u16();
        // An answer that cannot be read completely is certainly not from this service.
        let body = http_client::read_body(response).await.unwrap_or_default();
        let json: Value = serde_json::from_slice(&body).unwrap_or_default();
        let answered = json["probe"]
            .as_str()
            .is_some_and(|answer| probe.is_answered_by(answer));
        let sender = if answered {
            match json["secret"].as_str() {
                None => AnsweredBy::ThisService,
                Some("missing") => AnsweredBy::WithoutSecret,
                Some(_) => AnsweredBy::OtherSecret,
            }
        } else if json["success"].is_boolean() && matches!(status, 200 | 400 | 401) {
            // The webhook's answer to a body of blanks. Other paths of the service answer with other statuses.
            AnsweredBy::SimilarService
        } else {
            AnsweredBy::Foreign
        };
        Self {
            status,
            sender,
            location,
            server,
        }
    }

    /// Whether the answer proves that it comes from a service that knows the API token.
    pub(super) fn is_ours(&self) -> bool {
        !matches!(
            self.sender,
            AnsweredBy::SimilarService | AnsweredBy::Foreign
        )
    }

    /// Whether this service accepted the probe; if not, why. `header` is the header of the probe's credential.
    pub(super) fn accept(&self, url: &Url, header: &str) -> Result<(), Check> {
        let host = url.host_str().unwrap_or_default();
        let status = self.status;
        Err(match self.sender {
            AnsweredBy::ThisService => return Ok(()),
            AnsweredBy::WithoutSecret => problem(
                format!(
                    "The public address {host} leads here, but the probe arrived without its secret (401)."
                ),
                format!("The proxy drops {header}, so every message is refused."),
                if header == SECRET_HEADER {
                    "Let the proxy pass the header X-Webhook-Secret; or put the secret into the URL as ?token=….".to_owned()
                } else {
                    format!("Let the proxy pass the header {header}.")
                },
            ),
            AnsweredBy::OtherSecret => problem(
                format!(
                    "The public address {host} leads here, but the service that answers has another WEBHOOK_SECRET or META_APP_SECRET (401)."
                ),
                "Senders that use the secret of this environment are refused.",
                "Restart the service, and every replica, with the environment of this command.",
            ),
            AnsweredBy::SimilarService => problem(
                format!(
                    "The public address {host} leads to a chatrace-webhook that does not know the probe ({status})."
                ),
                "It is another installation with another API_TOKEN, or its clock is wrong, or the proxy drops the header X-Webhook-Probe.",
                format!(
                    "Compare API_TOKEN and the clocks on both sides. Then let the proxy pass {}.",
                    marked::HEADER
                ),
            ),
            AnsweredBy::Foreign => self.foreign(host),
        })
    }

    fn foreign(&self, host: &str) -> Check {
        let status = self.status;
        match status {
            300..=399 => problem(
                format!(
                    "The public address {host} answers with a redirect ({status}) to {}.",
                    self.location.as_deref().unwrap_or("an unnamed place")
                ),
                "A redirected POST loses its body, or Chatrace does not follow it: nothing arrives.",
                "Set PUBLIC_URL to the target of the redirect, and use that address in the External API Request.",
            ),
            401 | 403 => problem(
                format!(
                    "The public address {host} answers {status}, and the answer is not from this service."
                ),
                "Something in front of the service asks for a login or filters requests, and refuses Chatrace as well.",
                format!(
                    "Let {WEBHOOK_PATH} pass without login: the service checks the secret itself."
                ),
            ),
            404 => problem(
                format!("The public address {host} has nothing at {WEBHOOK_PATH} (404)."),
                "The proxy passes the path elsewhere, or changes it: nothing arrives.",
                format!(
                    "Let the proxy pass the path unchanged. If the service is below a prefix, PUBLIC_URL must contain the prefix, and the proxy must remove it before {WEBHOOK_PATH}."
                ),
            ),
            405 => problem(
                format!("The public address {host} accepts no POST at {WEBHOOK_PATH} (405)."),
                "The proxy leads to something else, such as static files: nothing arrives.",
                "Let the proxy pass the path, with every method, to the service.",
            ),
            413 => problem(
                format!(
                    "The public address {host} refuses a body of {} bytes as too large (413).",
                    marked::BODY_LENGTH
                ),
                "Messages are larger than that and are refused.",
                "Raise the limit of the proxy to at least 1 MiB, in nginx with client_max_body_size.",
            ),
            429 => problem(
                format!("The public address {host} refuses the probe: too many requests (429)."),
                "The proxy limits requests, and refuses messages when many arrive.",
                format!("Exclude {WEBHOOK_PATH} from the limit."),
            ),
            500..=599 => problem(
                format!(
                    "The public address {host} answers, but there is no service behind it ({status})."
                ),
                UNREACHABLE,
                "Start the service, and check that the proxy or tunnel leads to its HOST and PORT.",
            ),
            _ => {
                let server = self.server.as_ref();
                let server =
                    server.map_or(String::new(), |name| format!(", a server named \"{name}\""));
                problem(
                    format!(
                        "Something else answers at the public address {host} ({status}{server})."
                    ),
                    "The name leads to another server, and messages go there.",
                    "Check the DNS entry and the proxy: whose server is it? Some tunnels show a page of their own to first visitors.",
                )
            }
        }
    }
}
