//! What the owner has to enter in Chatrace, step by step.
//!
//! An *External API Request* in a flow is filled in by hand (`docs/chatrace.md`, sections 1 and 8), so everything is
//! given here to be copied.

use serde::Serialize;
use url::Url;

use crate::config::Config;
use crate::config::server;
use crate::delivery::WEBHOOK_PATH;
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
    pub title: String,
    /// One sentence each.
    pub notes: Vec<String>,
    pub fields: Vec<SetupField>,
    /// To be copied: commands for a shell, or a body.
    pub copy: Option<String>,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetupField {
    pub name: String,
    pub value: String,
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
    if let Some(url) = &situation.webhook_url {
        return SetupStep {
            title: "Make the service reachable".to_owned(),
            notes: vec![
                format!("PUBLIC_URL is set: Chatrace will post to {url}."),
                "`chatrace-webhook doctor` checks whether this address leads here.".to_owned(),
            ],
            fields: Vec::new(),
            copy: None,
        };
    }
    let local = &situation.local;
    SetupStep {
        title: "Make the service reachable".to_owned(),
        notes: vec![
            "PUBLIC_URL is not set. Chatrace needs a public https address: a reverse proxy with a certificate, or a tunnel to try it from this machine.".to_owned(),
            "Each of these commands prints an https address. Put it into .env as PUBLIC_URL, restart, and run `chatrace-webhook setup` again.".to_owned(),
        ],
        fields: Vec::new(),
        copy: Some(format!(
            "cloudflared tunnel --url {local}\nngrok http {}",
            local.trim_start_matches("http://")
        )),
    }
}

fn secret(situation: &Situation) -> SetupStep {
    let title = "Protect the webhook with a secret".to_owned();
    if situation.has_secret {
        return SetupStep {
            title,
            notes: vec![
                "WEBHOOK_SECRET is set. Its value goes into a header below. It is not shown here: find it in .env or in the environment of the service.".to_owned(),
            ],
            fields: Vec::new(),
            copy: None,
        };
    }
    let without = if situation.checks_signatures {
        "WEBHOOK_SECRET is not set, and with META_APP_SECRET only requests signed by Meta are accepted: what Chatrace sends is refused."
    } else {
        "WEBHOOK_SECRET is not set: anybody who knows the URL can send messages."
    };
    SetupStep {
        title,
        notes: vec![format!(
            "{without} This command generates one in .env. Restart afterwards. In a container, set the variable where the container gets its environment."
        )],
        fields: Vec::new(),
        copy: Some(
            "(umask 077; echo \"WEBHOOK_SECRET=$(openssl rand -hex 32)\" >> .env)".to_owned(),
        ),
    }
}

fn request(situation: &Situation) -> SetupStep {
    let field = |name: &str, value: &str| SetupField {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let url = situation.webhook_url.clone();
    let url = url.unwrap_or_else(|| format!("https://<your public address>{WEBHOOK_PATH}"));
    SetupStep {
        title: "Add an External API Request in Chatrace".to_owned(),
        notes: vec![
            "Flow builder → Actions → External API Request, in every flow that runs for a message you want: the default reply, and each keyword or automation that replies.".to_owned(),
            "Do not select dynamic content: Chatrace would show the answer to the customer.".to_owned(),
        ],
        fields: vec![
            field("Method", "POST"),
            field("URL", &url),
            field("Header", "Content-Type: application/json"),
            field("Header", "X-Webhook-Secret: (the value of WEBHOOK_SECRET)"),
        ],
        copy: None,
    }
}

fn body(situation: &Situation) -> SetupStep {
    let (note, fields) = if situation.declares_template {
        let note = "BODY_TEMPLATE is set: bodies of that form are read by it. `chatrace-webhook doctor` says whether those that arrive match.";
        (note, Vec::new())
    } else {
        let note = "A body of your own works too. Declare it in .env, on one line and placeholders included, and restart: then nothing a customer types can change who wrote. If the platform escapes what it fills in, set BODY_TEMPLATE_ESCAPING=json as well.";
        let line = SetupField {
            name: "In .env".to_owned(),
            value: format!("BODY_TEMPLATE='{}'", body_on_one_line()),
        };
        (note, vec![line])
    };
    SetupStep {
        title: "Choose raw JSON and paste this body".to_owned(),
        notes: vec![
            "Do not use \"All Contact Data\": it has no text. Do not add {{api_key}}: it is a credential.".to_owned(),
            "If a message arrives with {{…}} in it, delete that variable and pick it from Chatrace's list.".to_owned(),
            note.to_owned(),
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
        title: "See the first message arrive".to_owned(),
        notes: vec![
            "The first command waits up to 30 s for the first message. Start it, and send a test message from a second terminal.".to_owned(),
            "Then write to the account on Instagram from another account, and ask again with the `nextCursor` of the answer: `&after=m1`. If nothing arrives, the doctor explains why.".to_owned(),
        ],
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
        let line = &step.fields[0].value;
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
