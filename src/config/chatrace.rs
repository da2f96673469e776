//! Chatrace's API and Meta's webhooks.

use secrecy::SecretString;

use super::Env;

/// Chatrace's API. It cannot be asked for messages; the token is for the diagnosis.
#[derive(Debug, Clone)]
pub struct Chatrace {
    /// The account's token, `<account id>.<secret>`.
    pub access_token: Option<SecretString>,
    /// The address of the API; white-label panels have their own.
    pub api_url: String,
}

impl Chatrace {
    pub fn read(env: &mut Env<'_>) -> Self {
        Self {
            access_token: env.secret("INSTAGRAM_ACCESS_TOKEN"),
            api_url: env.http_url("INSTAGRAM_API_URL").map_or_else(
                || "https://api.chatrace.com".to_owned(),
                |url| url.as_str().trim_end_matches('/').to_owned(),
            ),
        }
    }
}

/// Meta's own webhooks, if a Meta app sends to this service as well.
#[derive(Debug, Clone)]
pub struct Meta {
    /// The app secrets, with one of which Meta signs bodies: with Instagram Login an app has two.
    pub app_secrets: Vec<SecretString>,
    /// The text that Meta repeats when it verifies the URL.
    pub verify_token: Option<SecretString>,
}

impl Meta {
    pub fn read(env: &mut Env<'_>) -> Self {
        Self {
            app_secrets: env.keys("META_APP_SECRET"),
            verify_token: env.secret("META_VERIFY_TOKEN"),
        }
    }
}
