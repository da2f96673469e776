//! What the owner has to enter in Chatrace, step by step.
//!
//! An *External API Request* in a flow is filled in by hand (`docs/chatrace.md`, sections 1 and 8), so everything is
//! given here to be copied.

use serde::Serialize;
use url::Url;

use crate::config::Config;
use crate::config::server;
use crate::delivery::WEBHOOK_PATH;
use crate::i18n::Text;
use crate::normalize::RECOMMENDED;
use crate::text::without_credentials;

/// The URL to enter in Chatrace, for a service with this public address; without credentials.
pub(crate) fn webhook_url(public_url: &Url) -> String {
    format!(
        "{}{WEBHOOK_PATH}",
        without_credentials(public_url)
            .as_str()
            .trim_end_matches('/')
    )
}

/// [`RECOMMENDED`] without blanks, so that it can be copied from a wrapped sentence.
pub(crate) fn body_on_one_line() -> String {
    RECOMMENDED.split_whitespace().collect()
}

/// What the steps depend on.
#[derive(Debug, Clone)]
pub(crate) struct Situation {
    /// The URL to enter in Chatrace, if `PUBLIC_URL` is set.
    pub webhook_url: Option<String>,
    /// The address of the service for this machine, for example `http://127.0.0.1:3000`.
    pub local: String,
    /// Whether `WEBHOOK_SECRET` is set. Its value is not needed here.
    pub has_secret: bool,
    /// Whether `META_APP_SECRET` is set: then, without a secret, only requests signed by Meta are accepted.
    pub checks_signatures: bool,
    /// Whether any `BODY_TEMPLATE` is set.
    pub declares_template: bool,
    /// A shell expression for the API token: `$API_TOKEN`, or one that reads the generated token.
    pub api_token: String,
}

impl Situation {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            webhook_url: config.server.public_url.as_ref().map(webhook_url),
            local: format!("http://{}", server::reachable(config.server.address())),
            has_secret: !config.auth.webhook_secrets.is_empty(),
            checks_signatures: !config.meta.app_secrets.is_empty(),
            declares_template: config.normalizer.is_template_declared(),
            api_token: if config.auth.api_tokens.is_empty() {
                format!("$(cat {}/api_token)", config.data_dir.display())
            } else {
                "$API_TOKEN".to_owned()
            },
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetupStep {
    pub title: Text,
    /// One sentence each.
    pub notes: Vec<Text>,
    pub fields: Vec<SetupField>,
    /// To be copied: commands for a shell, or a body.
    pub copy: Option<String>,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetupField {
    pub name: Text,
    pub value: Text,
}

/// Everything to do until the first message arrives, in order.
pub(crate) fn steps(situation: &Situation) -> Vec<SetupStep> {
    vec![
        reachable(situation),
        secret(situation),
        request(situation),
        body(situation),
        first_message(situation),
    ]
}

fn reachable(situation: &Situation) -> SetupStep {
    let title = Text::new("setup-reachable");
    if let Some(url) = &situation.webhook_url {
        return SetupStep {
            title,
            notes: vec![
                Text::new("setup-public-url").with("url", url.as_str()),
                Text::new("setup-doctor-checks"),
            ],
            fields: Vec::new(),
            copy: None,
        };
    }
    let local = &situation.local;
    SetupStep {
        title,
        notes: vec![Text::new("setup-no-public-url"), Text::new("setup-tunnels")],
        fields: Vec::new(),
        copy: Some(format!(
            "cloudflared tunnel --url {local}\nngrok http {}",
            local.trim_start_matches("http://")
        )),
    }
}

fn secret(situation: &Situation) -> SetupStep {
    let generate = "(umask 077; echo \"WEBHOOK_SECRET=$(openssl rand -hex 32)\" >> .env)";
    let (note, copy) = if situation.has_secret {
        ("setup-secret-set", None)
    } else if situation.checks_signatures {
        ("setup-secret-needed", Some(generate.to_owned()))
    } else {
        ("setup-secret-unset", Some(generate.to_owned()))
    };
    SetupStep {
        title: Text::new("setup-secret"),
        notes: vec![Text::new(note)],
        fields: Vec::new(),
        copy,
    }
}

fn request(situation: &Situation) -> SetupStep {
    let field = |name, value| SetupField {
        name: Text::new(name),
        value,
    };
    let url = match &situation.webhook_url {
        Some(url) => url.clone().into(),
        None => Text::new("setup-public-address").with("path", WEBHOOK_PATH),
    };
    let json = "Content-Type: application/json".to_owned();
    SetupStep {
        title: Text::new("setup-request"),
        notes: vec![
            Text::new("setup-where"),
            Text::new("setup-no-dynamic-content"),
        ],
        fields: vec![
            field("setup-method", "POST".to_owned().into()),
            field("setup-url", url),
            field("setup-header", json.into()),
            field("setup-header", Text::new("setup-secret-header")),
        ],
        copy: None,
    }
}

fn body(situation: &Situation) -> SetupStep {
    let (note, fields) = if situation.declares_template {
        ("setup-template-set", Vec::new())
    } else {
        let line = SetupField {
            name: Text::new("setup-in-env"),
            value: format!("BODY_TEMPLATE='{}'", body_on_one_line()).into(),
        };
        ("setup-template", vec![line])
    };
    SetupStep {
        title: Text::new("setup-body"),
        notes: vec![
            Text::new("setup-no-contact-data"),
            Text::new("setup-pick-variables"),
            Text::new(note),
        ],
        fields,
        copy: Some(RECOMMENDED.to_owned()),
    }
}

fn first_message(situation: &Situation) -> SetupStep {
    let Situation {
        local, api_token, ..
    } = situation;
    SetupStep {
        title: Text::new("setup-first-message"),
        notes: vec![Text::new("setup-wait"), Text::new("setup-write")],
        fields: Vec::new(),
        copy: Some(format!(
            "curl -H \"Authorization: Bearer {api_token}\" \"{local}/instagram/messages?wait=30\"\n\
             chatrace-webhook send-test --shape template\n\
             chatrace-webhook doctor"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_in_a_url_is_shown() {
        let url = "https://user:canary@shop.example/base/?token=canary"
            .parse()
            .unwrap();
        assert_eq!(
            webhook_url(&url),
            "https://shop.example/base/instagram/webhook"
        );
    }

    fn situation(webhook_url: Option<&str>, has_secret: bool) -> Situation {
        Situation {
            webhook_url: webhook_url.map(str::to_owned),
            local: "http://127.0.0.1:3000".to_owned(),
            has_secret,
            checks_signatures: false,
            declares_template: false,
            api_token: "$API_TOKEN".to_owned(),
        }
    }

    fn text(webhook_url: Option<&str>, has_secret: bool) -> String {
        serde_json::to_string(&steps(&situation(webhook_url, has_secret))).unwrap()
    }

    #[test]
    fn with_the_app_secret_alone_nobody_is_told_that_anybody_can_send() {
        let step = secret(&Situation {
            webhook_url: None,
            local: String::new(),
            has_secret: false,
            checks_signatures: true,
            declares_template: false,
            api_token: String::new(),
        });
        assert!(
            step.notes[0].contains("what Chatrace sends is refused"),
            "{step:?}"
        );
        assert!(step.copy.is_some_and(|copy| copy.contains("openssl")));
    }

    #[test]
    fn the_steps_name_the_url_and_how_to_get_one() {
        let known = text(Some("https://shop.example/instagram/webhook"), true);
        assert!(known.contains("https://shop.example/instagram/webhook"));
        assert!(!known.contains("cloudflared") && !known.contains("openssl"));
        let unknown = text(None, false);
        assert!(unknown.contains("cloudflared tunnel --url http://127.0.0.1:3000"));
        assert!(unknown.contains("ngrok http 127.0.0.1:3000") && unknown.contains("openssl"));
    }

    /// As dotenvy reads it.
    #[test]
    fn the_line_that_declares_a_body_is_one_of_env() {
        let step = body(&situation(None, true));
        let line = step.fields[0].value.to_string();
        let [(name, value)] = &*dotenvy::from_read_iter(line.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .unwrap()
        else {
            panic!("one variable")
        };
        assert_eq!(name, "BODY_TEMPLATE");
        assert!(crate::normalize::Template::new(value).is_ok());
        assert_eq!(*value, body_on_one_line());
        let declared = Situation {
            declares_template: true,
            ..situation(None, true)
        };
        assert!(body(&declared).fields.is_empty());
    }

    #[test]
    fn the_readme_shows_the_same_body() {
        let indented = RECOMMENDED.replace('\n', "\n   ");
        assert!(include_str!("../README.md").contains(&indented));
    }
}
