//! Who may send, and who may read.

use secrecy::SecretString;

use super::Env;
use crate::i18n::Text;

#[derive(Debug, Clone)]
pub struct Auth {
    /// Bearer tokens for reading. Only with the embedded database there may be none; then the start generates one.
    pub api_tokens: Vec<SecretString>,
    /// Secrets of senders. Without any, and without `META_APP_SECRET`, anybody may send.
    pub webhook_secrets: Vec<SecretString>,
    pub webhook_auth: WebhookAuth,
    /// The bearer token for metrics, if they need one.
    pub metrics_token: Option<SecretString>,
}

/// What happens to a sender without a valid credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookAuth {
    /// Refused with 401.
    Enforce,
    /// Accepted with a warning in the log, to find out who would be refused.
    Observe,
}

impl Auth {
    /// With an `embedded` database a token can be generated, because there are no other replicas.
    pub fn read(env: &mut Env<'_>, embedded: bool) -> Self {
        let api_tokens = env.secrets("API_TOKEN");
        if env.text("API_TOKEN").is_none() && !embedded {
            env.mistake("API_TOKEN", Text::new("config-token-required"));
        }
        Self {
            api_tokens,
            webhook_secrets: env.secrets("WEBHOOK_SECRET"),
            webhook_auth: env
                .one_of(
                    "WEBHOOK_AUTH",
                    &[
                        ("enforce", WebhookAuth::Enforce),
                        ("observe", WebhookAuth::Observe),
                    ],
                )
                .unwrap_or(WebhookAuth::Enforce),
            metrics_token: env.header_secret("METRICS_TOKEN"),
        }
    }
}
