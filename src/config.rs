//! The environment, read once at start into a [`Config`]. All mistakes are reported at once, each with its variable.
//!
//! Each section has a file and reads its own variables through an [`Env`], which collects the mistakes. The list of all
//! variables is [`variables::VARIABLES`]: the documentation is made from it, and a test keeps it equal to what is read
//! here.

pub mod alerts;
pub mod auth;
pub mod chatrace;
pub mod database;
mod env;
mod error;
pub mod forward;
pub mod server;
pub mod silence;
pub mod telemetry;
mod templates;
mod urls;
pub mod variables;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

pub use alerts::{AlertFormat, AlertTarget};
pub use auth::{Auth, WebhookAuth};
pub use chatrace::{Chatrace, Meta};
pub use database::Database;
pub use env::{Env, Variables, fits_a_header};
pub use error::{ConfigError, ConfigErrors};
pub use forward::Destination;
pub use server::{Limits, Server};
pub use silence::SilenceAfter;
pub use telemetry::{LogFormat, Telemetry};

use crate::i18n::{Locale, Text};
use crate::normalize::Normalizer;

/// Secrets with fewer bytes than this can be guessed.
const SHORTEST_SECRET: usize = 16;

/// Everything the environment says, validated.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: Server,
    /// The name of this installation on the page.
    pub instance_name: Option<String>,
    /// The language of the page and the commands, where the reader has not chosen one.
    pub locale: Option<Locale>,
    pub database: Database,
    /// The directory for the embedded database, the spool and a generated token.
    pub data_dir: PathBuf,
    pub auth: Auth,
    pub meta: Meta,
    /// The Chatrace API, for the diagnosis only: messages cannot be read there.
    pub chatrace: Chatrace,
    /// Identical messages without id and time that arrive within this time are one. Zero: never.
    pub dedupe_window: Duration,
    /// How many days deliveries and messages are kept; `None`: forever.
    pub retention_days: Option<u32>,
    /// Whether deliveries may wait on local disk while Postgres is away.
    pub spool: bool,
    /// Reads bodies by the templates that are declared.
    pub normalizer: Arc<Normalizer>,
    /// How long there may be no message; `None`: as long as it likes.
    pub silence_after: Option<SilenceAfter>,
    /// Where alerts go.
    pub alerts: Option<AlertTarget>,
    /// Where messages or deliveries are forwarded to, by their names.
    pub destinations: Vec<Destination>,
    pub telemetry: Telemetry,
    url_credentials: Vec<SecretString>,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// All mistakes together, never only the first.
    pub fn read(variables: &Variables) -> Result<Self, ConfigErrors> {
        let mut env = Env::new(variables);
        let config = Self::read_from(&mut env);
        let errors = env.into_errors();
        if errors.is_empty() {
            Ok(config)
        } else {
            Err(ConfigErrors(errors))
        }
    }

    /// What a mistake leaves out has a placeholder.
    fn read_from(env: &mut Env<'_>) -> Self {
        let data_dir = Self::data_dir(env);
        let database = Database::read(env, &data_dir);
        Self {
            server: Server::read(env),
            instance_name: env.text("INSTANCE_NAME"),
            locale: Self::locale(env),
            auth: Auth::read(env, database.as_ref().is_none_or(Database::is_embedded)),
            meta: Meta::read(env),
            chatrace: Chatrace::read(env),
            dedupe_window: env
                .duration("DEDUPE_WINDOW")
                .unwrap_or(Duration::from_secs(10)),
            retention_days: env.parsed_if(
                "RETENTION_DAYS",
                Text::new("expected-days"),
                |days: &u32| *days >= 2,
            ),
            spool: env
                .one_of("SPOOL", &[("on", true), ("off", false)])
                .unwrap_or(true),
            normalizer: Arc::new(Normalizer::new(templates::read(env))),
            silence_after: SilenceAfter::read(env),
            alerts: AlertTarget::read(env),
            destinations: forward::read(env),
            telemetry: Telemetry::read(env),
            url_credentials: urls::credentials(env),
            // The placeholder is never used: without a database there is a mistake, so no configuration.
            database: database.unwrap_or_else(|| Database::embedded_in(&data_dir)),
            data_dir,
        }
    }

    /// The directory for the embedded database, the spool and a generated token.
    pub fn data_dir(env: &mut Env<'_>) -> PathBuf {
        PathBuf::from(env.text("DATA_DIR").unwrap_or_else(|| "./data".to_owned()))
    }

    /// The language of the page and of the commands.
    pub fn locale(env: &mut Env<'_>) -> Option<Locale> {
        env.one_of("LOCALE", &[("en", Locale::En), ("ru", Locale::Ru)])
    }

    /// What is the same for all replicas of an installation, and another for any other. It tells nothing else.
    pub fn installation(&self) -> String {
        let named = self.instance_name.clone();
        let named = named.unwrap_or_else(|| self.database.identity());
        hex::encode(&Sha256::digest(named.as_bytes())[..4])
    }

    /// Whether senders need a credential.
    pub fn auth_configured(&self) -> bool {
        !self.auth.webhook_secrets.is_empty() || !self.meta.app_secrets.is_empty()
    }

    /// The variables with a secret that can be guessed.
    pub fn short_secrets(&self) -> Vec<&'static str> {
        let is_short = |secret: &SecretString| secret.expose_secret().len() < SHORTEST_SECRET;
        [
            ("API_TOKEN", &self.auth.api_tokens),
            ("WEBHOOK_SECRET", &self.auth.webhook_secrets),
            ("META_APP_SECRET", &self.meta.app_secrets),
        ]
        .into_iter()
        .filter(|(_, secrets)| secrets.iter().any(is_short))
        .map(|(variable, _)| variable)
        .collect()
    }

    /// Whatever this service posts to.
    fn receivers(&self) -> impl Iterator<Item = &Destination> {
        let alerts = self.alerts.iter().map(|alerts| &alerts.destination);
        self.destinations.iter().chain(alerts)
    }

    /// Every configured secret, so that none of them is shown in a body or a log.
    pub fn secrets(&self) -> Vec<&SecretString> {
        self.auth
            .api_tokens
            .iter()
            .chain(&self.auth.webhook_secrets)
            .chain(&self.auth.metrics_token)
            .chain(&self.meta.app_secrets)
            .chain(&self.meta.verify_token)
            .chain(&self.chatrace.access_token)
            .chain(self.receivers().flat_map(Destination::secrets))
            .chain(&self.url_credentials)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
        Config::read(&pairs.iter().copied().collect())
    }

    fn wrong(pairs: &[(&str, &str)]) -> Vec<String> {
        let errors = read(pairs).unwrap_err().0.into_iter();
        errors.map(|error| error.variable).collect()
    }

    #[test]
    fn nothing_configured_is_a_working_embedded_receiver() {
        let config = read(&[]).unwrap();
        assert!(config.database.is_embedded());
        assert_eq!(config.server.address().to_string(), "0.0.0.0:3000");
        assert_eq!(config.dedupe_window, Duration::from_secs(10));
        assert_eq!(config.server.max_body_bytes, 1024 * 1024);
        assert!(
            config.spool && config.auth.api_tokens.is_empty() && config.retention_days.is_none()
        );
    }

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        assert_eq!(
            read(&[("PORT", ""), ("WEBHOOK_SECRET", " ")])
                .unwrap()
                .server
                .port,
            3000
        );
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let variables = wrong(&[
            ("HOST", "nowhere"),
            ("PORT", "70000"),
            ("DATABASE_URL", "mysql://root@localhost/x"),
            ("WEBHOOK_AUTH", "maybe"),
            ("DEDUPE_WINDOW", "ten"),
            ("RETENTION_DAYS", "1"),
            ("SPOOL", "perhaps"),
            ("MAX_BODY_BYTES", "0"),
            ("PUBLIC_URL", "shop.example"),
            ("RUST_LOG", "a=b=c"),
        ]);
        assert_eq!(variables.len(), 10, "{variables:?}");
    }

    #[test]
    fn postgres_needs_a_token_that_replicas_share() {
        assert_eq!(
            wrong(&[("DATABASE_URL", "postgres://u:p@db/x")]),
            ["API_TOKEN"]
        );
        assert!(read(&[("DATABASE_URL", "postgres://u:p@db/x"), ("API_TOKEN", "t")]).is_ok());
    }

    #[test]
    fn a_database_in_memory_is_refused() {
        assert_eq!(
            wrong(&[("DATABASE_URL", "sqlite::memory:")]),
            ["DATABASE_URL"]
        );
        assert_eq!(
            wrong(&[("DATABASE_URL", "sqlite://x.db?mode=memory")]),
            ["DATABASE_URL"]
        );
    }

    #[test]
    fn no_error_and_no_debug_output_repeats_a_secret() {
        let canary = "canary-3f9c";
        let url = format!("postgres://u:{canary}@db:notaport/x");
        let errors = read(&[("DATABASE_URL", &url), ("API_TOKEN", "x")]).unwrap_err();
        assert!(!errors.to_string().contains(canary));
        let url = format!("postgres://u:{canary}@db/x");
        let config = read(&[
            ("DATABASE_URL", &url),
            ("API_TOKEN", canary),
            ("WEBHOOK_SECRET", canary),
            ("META_APP_SECRET", canary),
            ("META_VERIFY_TOKEN", canary),
            ("INSTAGRAM_ACCESS_TOKEN", canary),
            ("METRICS_TOKEN", canary),
        ])
        .unwrap();
        assert!(!format!("{config:?}").contains(canary));
        assert!(!config.database.to_string().contains(canary));
    }

    #[test]
    fn an_alert_is_always_signed_and_where_it_goes_is_never_printed() {
        let url = (
            "ALERT_URL",
            "https://u:canary-1@hooks.example/canary-2?key=canary-3",
        );
        assert_eq!(wrong(&[url]), ["ALERT_SECRET"]);
        assert_eq!(
            wrong(&[url, ("ALERT_SECRET", "whsec_%%")]),
            ["ALERT_SECRET"]
        );
        let config = read(&[url, ("ALERT_SECRET", "canary-4")]).unwrap();
        assert!(!format!("{config:?}").contains("canary"), "{config:?}");
        assert!(format!("{config:?}").contains("hooks.example"));
    }

    #[test]
    fn alerts_for_telegram_need_a_bot_and_a_chat_and_no_signature() {
        let bot = "https://api.telegram.org/bot110201543:canary-AAHdqTcvCH1v";
        let alerts = |url: &str, format| {
            let url = url.to_owned();
            read(&[("ALERT_URL", &url), ("ALERT_FORMAT", format)])
        };
        let config = alerts(&format!("{bot}/sendMessage?chat_id=7"), "telegram").unwrap();
        assert!(!format!("{config:?}").contains("canary"), "{config:?}");
        let is_token =
            |secret: &&&SecretString| secret.expose_secret() == "110201543:canary-AAHdqTcvCH1v";
        assert!(config.secrets().iter().any(|secret| is_token(&secret)));
        for wrong in [format!("{bot}/sendMessage"), format!("{bot}?chat_id=7")] {
            let errors = alerts(&wrong, "telegram").unwrap_err();
            assert_eq!(errors.0[0].variable, "ALERT_URL");
            assert!(!errors.to_string().contains("canary"), "{errors}");
        }
        assert!(alerts("https://hooks.slack.example/services/T/B/x", "slack").is_ok());
        let wrong = [("ALERT_FORMAT", "discord"), ("PORT", "http")];
        assert_eq!(self::wrong(&wrong), ["PORT", "ALERT_FORMAT"]);
    }

    #[test]
    fn a_list_of_no_secrets_is_a_mistake_and_not_an_open_door() {
        assert_eq!(wrong(&[("WEBHOOK_SECRET", " , ")]), ["WEBHOOK_SECRET"]);
        let postgres = ("DATABASE_URL", "postgres://u:p@db/x");
        assert_eq!(wrong(&[postgres, ("API_TOKEN", ",")]), ["API_TOKEN"]);
    }

    #[test]
    fn a_secret_that_no_header_can_carry_is_refused_and_not_repeated() {
        for unfit in [
            "canary-ü",
            "canary\u{200b}",
            "canary\ntoken",
            "canary\u{7f}",
        ] {
            let list = format!("right, {unfit}");
            let pairs = [
                ("API_TOKEN", list.as_str()),
                ("WEBHOOK_SECRET", list.as_str()),
                ("METRICS_TOKEN", unfit),
                ("PORT", "http"),
            ];
            let variables = ["PORT", "API_TOKEN", "WEBHOOK_SECRET", "METRICS_TOKEN"];
            assert_eq!(wrong(&pairs), variables, "{unfit:?}");
            let errors = read(&pairs).unwrap_err().to_string();
            assert!(!errors.contains("canary"), "{errors}");
        }
        // These are no headers: a part of a query, and keys.
        let any_text = read(&[
            ("META_VERIFY_TOKEN", "ü"),
            ("META_APP_SECRET", "ü"),
            ("API_TOKEN", "two words"),
        ]);
        assert!(any_text.is_ok());
    }

    #[test]
    fn a_password_that_is_not_encoded_never_becomes_a_part_that_is_printed() {
        for url in [
            "postgres://u:p@ss/canary@db/x",
            "postgres://u:1/canary@db/x",
            "postgres://u:1?canary@db/x",
        ] {
            assert_eq!(
                wrong(&[("DATABASE_URL", url), ("API_TOKEN", "t")]),
                ["DATABASE_URL"],
                "{url}"
            );
        }
        let url = "postgres://u@db/x?sslmode=disable&password=a@b";
        assert!(read(&[("DATABASE_URL", url), ("API_TOKEN", "t")]).is_ok());
    }

    #[test]
    fn destinations_have_names_and_options_of_their_own() {
        let config = read(&[
            ("FORWARD_URL", "http://hook.example/"),
            ("FORWARD_CRM_URL", "https://crm.example/in?key=canary-1"),
            ("FORWARD_CRM_SECRET", "canary-2, whsec_YQ=="),
            (
                "FORWARD_CRM_HEADERS",
                "Authorization: Bearer canary-3; X-Shop: 1",
            ),
            ("FORWARD_CRM_FILTER", "kind=text&direction=inbound"),
            ("FORWARD_CRM_TIMEOUT", "5s"),
            ("FORWARD_OLD_URL", "https://old.example/"),
            ("FORWARD_OLD_CONTENT", "delivery"),
        ])
        .unwrap();
        let names: Vec<_> = config.destinations.iter().map(|one| &*one.name).collect();
        assert_eq!(names, ["default", "crm", "old"]);
        let crm = &config.destinations[1];
        assert_eq!((crm.secrets.len(), crm.headers.len()), (2, 2));
        assert_eq!(
            config.destinations[2].content,
            forward::ForwardContent::Deliveries
        );
        assert!(!format!("{config:?}").contains("canary"), "{config:?}");
        let secrets = config.secrets();
        for canary in ["canary-2", "canary-3"] {
            let is_hidden = |secret: &&&SecretString| secret.expose_secret() == canary;
            assert!(secrets.iter().any(|secret| is_hidden(&secret)), "{canary}");
        }
    }

    #[test]
    fn mistakes_in_destinations_are_named_and_never_quote_a_credential() {
        let pairs = [
            ("FORWARD_URL", "hook"),
            ("FORWARD_A_URL", "http://a.example/"),
            ("FORWARD_A_SECRET", "whsec_%"),
            ("FORWARD_A_HEADERS", "canary"),
            ("FORWARD_A_CONTENT", "delivery"),
            ("FORWARD_A_FILTER", "kind=text"),
            ("FORWARD_B_SECRET", "x"),
            ("FORWARD_C_URL", "http://c.example/"),
            ("FORWARD_C_FILTER", "kind=word"),
            ("FORWARD_C_START", "tomorrow"),
            ("FORWARD_C_CONCURRENCY", "0"),
            ("FORWARD_C_TIMEOUT", "1h"),
            ("FORWARD_C_HEADERS", "Host: canary"),
            ("FORWARD_RATE_URL", "http://r.example/"),
            ("FORWARD_CRM_ULR", "http://r.example/"),
        ];
        let mut expected: Vec<_> = pairs
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| {
                !matches!(
                    *name,
                    "FORWARD_A_URL" | "FORWARD_A_CONTENT" | "FORWARD_C_URL"
                )
            })
            .collect();
        let mut found = wrong(&pairs);
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
        assert!(!read(&pairs).unwrap_err().to_string().contains("canary"));
    }

    #[test]
    fn lists_rotate_secrets() {
        let config = read(&[("API_TOKEN", "new, old ,"), ("WEBHOOK_SECRET", "a,b")]).unwrap();
        assert_eq!(config.auth.api_tokens.len(), 2);
        assert_eq!(config.auth.webhook_secrets.len(), 2);
    }

    #[test]
    fn the_list_of_variables_is_what_is_read() {
        let variables = Variables::default();
        let mut env = Env::new(&variables);
        Config::read_from(&mut env);
        let listed: BTreeSet<_> = variables::VARIABLES
            .iter()
            .map(|variable| variable.name.to_owned())
            .collect();
        // Further templates are described with the first one.
        let further = |name: &String| {
            name.strip_prefix("BODY_TEMPLATE_")
                .is_some_and(|end| end.parse::<u8>().is_ok())
        };
        let mut asked = env.asked();
        asked.retain(|name| !further(name));
        assert_eq!(asked, listed);
    }
}
