//! Prints at the start: the webhook's URL, the token, and commands to paste.

use std::net::SocketAddr;

use secrecy::ExposeSecret as _;

use super::data_dir::GeneratedToken;
use crate::config::server::reachable;
use crate::config::{Config, LogFormat, WebhookAuth};
use crate::delivery::WEBHOOK_PATH;
use crate::setup::webhook_url;
use crate::telemetry;
use crate::version::{COMMIT, VERSION, version_and_commit};

/// Warns of what lets strangers in.
pub(super) fn warn(config: &Config) {
    if !config.auth_configured() {
        tracing::warn!("WEBHOOK_SECRET is not set: anybody who knows the URL can send messages");
    } else if config.auth.webhook_auth == WebhookAuth::Observe {
        tracing::warn!(
            "WEBHOOK_AUTH=observe: anybody who knows the URL can send messages; set `enforce` when the log has no more \
             warnings about senders"
        );
    }
    for variable in config.short_secrets() {
        tracing::warn!(
            "{variable} is short enough to be guessed: set it to a long random text, for example from `openssl rand \
             -hex 32`"
        );
    }
}

/// Prints how to use the service to standard output. In JSON logs it is one event instead, without the token.
pub(super) fn print(config: &Config, address: SocketAddr, generated: Option<&GeneratedToken>) {
    warn(config);
    if config.telemetry.format == LogFormat::Text {
        telemetry::print(&text(config, address, generated));
    }
    let commit = COMMIT.map(tracing::field::display);
    tracing::info!(%address, database = %config.database, version = %VERSION, commit, "listening");
}

fn text(config: &Config, address: SocketAddr, generated: Option<&GeneratedToken>) -> String {
    let local = format!("http://{}", reachable(address));
    let public = config.server.public_url.as_ref();
    let webhook = public.map_or_else(|| format!("{local}{WEBHOOK_PATH}"), webhook_url);
    let file = config.data_dir.join("api_token");
    let file = file.display();
    // The log may be kept for long and read by many: a token is in it once.
    let token = match generated {
        Some(generated) if generated.is_new => generated.token.expose_secret().to_owned(),
        Some(_) => format!("$(cat {file})"),
        None => "$API_TOKEN".to_owned(),
    };
    let secret = if config.auth.webhook_secrets.is_empty() {
        ""
    } else {
        " \\\n         -H \"X-Webhook-Secret: $WEBHOOK_SECRET\""
    };
    let made = match generated {
        Some(generated) if generated.is_new => {
            format!("\n  API token      {token}\n                 (generated, stored in {file})")
        }
        Some(_) => format!("\n  API token      stored in {file}"),
        None => String::new(),
    };
    let explanation = if generated.is_some() && secret.is_empty() {
        ""
    } else {
        "\n  Replace the names that begin with $ by their values in .env or in the environment.\n"
    };
    format!(
        "
  chatrace-webhook {version} stores messages in {database}

  Webhook URL    {webhook}{made}

  Send a message:
    curl -X POST {local}{WEBHOOK_PATH}{secret} \\
         -H 'Content-Type: application/json' \\
         -d '{{\"contact_id\":\"12345\",\"full_name\":\"Ana\",\"text\":\"hello\"}}'

  See what arrived:
    curl -H \"Authorization: Bearer {token}\" {local}/instagram/stats
  or open {local}/ in a browser, and log in with the token.
{explanation}
  Connect Chatrace:       chatrace-webhook setup
  If nothing arrives:     chatrace-webhook doctor

",
        version = version_and_commit(),
        database = config.database,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banner(pairs: &[(&str, &str)], generated: Option<&GeneratedToken>) -> String {
        let config = Config::read(&pairs.iter().copied().collect()).unwrap();
        text(&config, "0.0.0.0:3000".parse().unwrap(), generated)
    }

    fn generated(is_new: bool) -> GeneratedToken {
        GeneratedToken {
            token: "generated-token".into(),
            is_new,
        }
    }

    #[test]
    fn a_later_start_says_where_the_token_is_and_does_not_repeat_it() {
        let text = banner(&[], Some(&generated(false)));
        assert!(!text.contains("generated-token"), "{text}");
        assert!(
            text.contains("API token      stored in ./data/api_token"),
            "{text}"
        );
        assert!(text.contains("Bearer $(cat ./data/api_token)\""), "{text}");
    }

    #[test]
    fn a_first_start_shows_the_generated_token_and_two_commands() {
        let text = banner(&[], Some(&generated(true)));
        assert!(
            text.contains("http://127.0.0.1:3000/instagram/webhook"),
            "{text}"
        );
        assert!(
            text.contains("or open http://127.0.0.1:3000/ in a browser"),
            "{text}"
        );
        assert!(text.contains("curl -H \"Authorization: Bearer generated-token\" http://127.0.0.1:3000/instagram/stats"));
    }

    #[test]
    fn a_configured_secret_is_never_printed() {
        let text = banner(
            &[("API_TOKEN", "canary-1"), ("WEBHOOK_SECRET", "canary-2")],
            None,
        );
        assert!(!text.contains("canary"), "{text}");
        assert!(text.contains("$API_TOKEN") && text.contains("$WEBHOOK_SECRET"));
    }
}
