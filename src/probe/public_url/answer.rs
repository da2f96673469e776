//! The answer of the public URL to the probe, and who gave it.

use reqwest::header::{LOCATION, SERVER};
use serde_json::Value;
use url::Url;

use super::{NAME, SECRET_HEADER};
use crate::delivery::WEBHOOK_PATH;
use crate::diagnose::Check;
use crate::i18n::{Argument, Text};
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
    pub(super) fn accept(&self, url: &Url, header: &str) -> Result<(), Box<Check>> {
        let about = |id| {
            Text::new(id)
                .with("host", url.host_str().unwrap_or_default())
                .with("status", self.status)
                .with("path", WEBHOOK_PATH)
        };
        let observed = match self.sender {
            AnsweredBy::ThisService => return Ok(()),
            AnsweredBy::WithoutSecret if header == SECRET_HEADER => {
                about("answer-without-secret").with("header", header)
            }
            AnsweredBy::WithoutSecret => about("answer-without-signature").with("header", header),
            AnsweredBy::OtherSecret => about("answer-other-secret"),
            AnsweredBy::SimilarService => about("answer-similar").with("header", marked::HEADER),
            AnsweredBy::Foreign => self.foreign(about),
        };
        Err(Check::problem(NAME, observed).into())
    }

    fn foreign(&self, about: impl Fn(&'static str) -> Text) -> Text {
        match (self.status, &self.server) {
            (300..=399, _) => {
                let location = match &self.location {
                    Some(location) => Argument::from(location.as_str()),
                    None => Text::new("an-unnamed-place").into(),
                };
                about("answer-redirect").with("location", location)
            }
            (401 | 403, _) => about("answer-login"),
            (404, _) => about("answer-404"),
            (405, _) => about("answer-405"),
            (413, _) => about("answer-413").with("bytes", marked::BODY_LENGTH),
            (429, _) => about("answer-429"),
            (500..=599, _) => about("answer-5xx"),
            (_, Some(server)) => about("answer-foreign-server").with("server", server.as_str()),
            (_, None) => about("answer-foreign"),
        }
    }
}
