//! Who may send, and who may read.

use secrecy::SecretString;

use super::Env;

/// Who may send, and who may read.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Bearer tokens for reading. Empty only with the embedded database, where one is generated at start.
    pub api_tokens: Vec<SecretString>,
    /// Secrets of senders. Empty together with `META_APP_SECRET`: anybody may send.
    pub webhook_secrets: Vec<SecretString>,
    /// What happens to a sender without a valid credential.
    pub webhook_auth: WebhookAuth,
    /// The bearer token for metrics, if they need one.
    pub metrics_token: Option<SecretString>,
}

/// What happens to a sender without a valid credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookAuth {
    /// Refused with 401.
    Enforce,
    /// Let in, with a warning in the log: for finding out who would be refused.
    Observe,
}

impl Auth {
    /// Reads the section. `embedded` says that a token can be generated, because no replica has to agree on it.
    pub fn read(env: &mut Env<'_>, embedded: bool) -> Self {
        let api_tokens = env.secrets("API_TOKEN");
        if env.text("API_TOKEN").is_none() && !embedded {
            env.mistake("API_TOKEN", "is required with Postgres, so that all replicas agree on it: set it to a long random text, for example from `openssl rand -hex 32`");
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
