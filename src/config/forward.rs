//! The destinations to which messages or deliveries are forwarded.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use strum::VariantArray as _;
use url::Url;

use super::Env;
use super::urls::hook_credentials;
use crate::crypto;
use crate::filter::parse_fixed_moment;
use crate::i18n::Text;
use crate::selector::MessageSelector;

/// The name of the destination that `FORWARD_URL` makes.
const DEFAULT_NAME: &str = "default";
/// How many attempts at one destination may be open at once.
const CONCURRENCY: usize = 16;
/// How long an attempt may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Header values with fewer bytes than this are words, not credentials.
const SHORTEST_CREDENTIAL: usize = 8;

/// One destination. Printing it shows only the host: the rest of such a URL is often a credential.
#[derive(Clone)]
pub struct Destination {
    /// In lower case.
    pub name: String,
    pub url: SecretString,
    host: String,
    /// The keys of the signatures: several while one replaces another.
    pub secrets: Vec<SecretString>,
    /// Sent with each attempt.
    pub headers: HeaderMap,
    /// What in those headers and in the URL looks like a credential.
    hidden: Vec<SecretString>,
    pub content: ForwardContent,
    pub start: Start,
    /// How many attempts may be open at once.
    pub concurrency: usize,
    /// How long an attempt may take.
    pub timeout: Duration,
    /// How many attempts there may be in a second.
    pub rate: Option<u32>,
}

/// What a destination gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForwardContent {
    /// Messages, as the API gives them.
    Messages {
        format: MessageFormat,
        selector: MessageSelector,
    },
    /// Deliveries, as they arrived.
    Deliveries,
}

/// How a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageFormat {
    /// As Standard Webhooks recommends.
    Standard,
    /// An event of `CloudEvents` 1.0.
    CloudEvents,
}

/// Where a destination begins that is seen for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With what arrives from now on.
    Now,
    /// With the oldest that is kept.
    Beginning,
    /// With what arrived at this time or later.
    At(Timestamp),
}

impl Destination {
    /// The name of the destination of alerts, and their variable. No other can have it: names are in lower case.
    pub const OF_ALERTS: &str = "ALERT_URL";

    /// Where alerts go.
    pub(super) fn of_alerts(url: &Url, secrets: Vec<SecretString>) -> Self {
        Self {
            name: Self::OF_ALERTS.to_owned(),
            host: url.host_str().unwrap_or_default().to_owned(),
            hidden: hook_credentials(url),
            url: SecretString::from(url.as_str()),
            secrets,
            headers: HeaderMap::new(),
            content: ForwardContent::Messages {
                format: MessageFormat::Standard,
                selector: MessageSelector::default(),
            },
            start: Start::Now,
            concurrency: 1,
            timeout: TIMEOUT,
            rate: None,
        }
    }

    /// The secrets, which must never be shown.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        self.secrets.iter().chain([&self.url]).chain(&self.hidden)
    }

    /// The host of its URL.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Destination({} at {})", self.name, self.host)
    }
}

/// The options of a destination, behind `FORWARD_` or `FORWARD_<NAME>_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "UPPERCASE")]
enum DestinationOption {
    Url,
    Secret,
    Headers,
    Content,
    Format,
    Filter,
    Start,
    Concurrency,
    Timeout,
    Rate,
}

impl DestinationOption {
    fn word(self) -> &'static str {
        self.into()
    }

    /// The variable of a destination, whose name is empty for the default one.
    fn variable(self, name: &str) -> String {
        match name {
            "" => format!("FORWARD_{}", self.word()),
            name => format!("FORWARD_{name}_{}", self.word()),
        }
    }
}

/// Reads every destination, in the order of their names.
pub(super) fn read(env: &mut Env<'_>) -> Vec<Destination> {
    let mut names = BTreeSet::from([String::new()]);
    let set: Vec<_> = env.names().collect();
    for variable in set {
        let Some(rest) = variable.strip_prefix("FORWARD_") else {
            continue;
        };
        let is_option = |word: &str| {
            DestinationOption::VARIANTS
                .iter()
                .any(|one| one.word() == word)
        };
        match rest.rsplit_once('_') {
            None if is_option(rest) => {}
            Some((name, option)) if is_option(option) && is_name(name) && !is_option(name) => {
                names.insert(name.to_owned());
            }
            _ => env.mistake(variable, Text::new("config-unknown-destination")),
        }
    }
    names
        .iter()
        .filter_map(|name| destination(env, name))
        .collect()
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        // The destination of FORWARD_URL has this name.
        && !name.eq_ignore_ascii_case(DEFAULT_NAME)
}

/// `None` without a URL, and after a mistake in it.
fn destination(env: &mut Env<'_>, name: &str) -> Option<Destination> {
    let variable = |option: DestinationOption| option.variable(name);
    let url = env.http_url(&variable(DestinationOption::Url));
    let options = DestinationOption::VARIANTS.iter();
    let given = options
        .map(|option| variable(*option))
        .find(|one| env.text(one).is_some());
    if let (None, Some(given)) = (&url, given)
        && env.text(&variable(DestinationOption::Url)).is_none()
    {
        let needed = variable(DestinationOption::Url);
        let problem = Text::new("config-no-effect").with("variable", needed);
        env.mistake(&given, problem);
    }
    let secrets = signing_keys(env, &variable(DestinationOption::Secret));
    let concurrency = env.parsed_if(
        &variable(DestinationOption::Concurrency),
        Text::new("expected-concurrency"),
        |number: &usize| (1..=256).contains(number),
    );
    let rate = env.parsed_if(
        &variable(DestinationOption::Rate),
        Text::new("expected-rate"),
        |number: &u32| (1..=100_000).contains(number),
    );
    let timeout = env.duration(&variable(DestinationOption::Timeout));
    if timeout.is_some_and(|timeout| !(1..=120).contains(&timeout.as_secs())) {
        env.mistake(
            &variable(DestinationOption::Timeout),
            Text::new("config-timeout"),
        );
    }
    let headers = headers(env, &variable(DestinationOption::Headers));
    let content = content(env, name);
    let start = start(env, &variable(DestinationOption::Start));
    let url = url?;
    Some(Destination {
        name: match name {
            "" => DEFAULT_NAME.to_owned(),
            name => name.to_ascii_lowercase(),
        },
        host: url.host_str().unwrap_or_default().to_owned(),
        hidden: [credentials(&headers), hook_credentials(&url)].concat(),
        url: SecretString::from(String::from(url)),
        secrets,
        headers,
        content,
        start,
        concurrency: concurrency.unwrap_or(CONCURRENCY),
        timeout: timeout.unwrap_or(TIMEOUT),
        rate,
    })
}

/// The keys of the signatures: several while one replaces another.
pub(super) fn signing_keys(env: &mut Env<'_>, variable: &str) -> Vec<SecretString> {
    let keys = env.keys(variable);
    if keys
        .iter()
        .any(|key| crypto::webhook_key(key.expose_secret()).is_none())
    {
        env.mistake(variable, Text::new("config-no-base64"));
    }
    keys
}

fn content(env: &mut Env<'_>, name: &str) -> ForwardContent {
    let (format_variable, filter_variable) = (
        DestinationOption::Format.variable(name),
        DestinationOption::Filter.variable(name),
    );
    let format = env.one_of(
        &format_variable,
        &[
            ("standard", MessageFormat::Standard),
            ("cloudevents", MessageFormat::CloudEvents),
        ],
    );
    let is_relay = env.one_of(
        &DestinationOption::Content.variable(name),
        &[("message", false), ("delivery", true)],
    );
    let filter = env.text(&filter_variable);
    if is_relay == Some(true) {
        for (variable, is_given) in [
            (format_variable, format.is_some()),
            (filter_variable, filter.is_some()),
        ] {
            if is_given {
                env.mistake(&variable, Text::new("config-relay-option"));
            }
        }
        return ForwardContent::Deliveries;
    }
    let selector = filter.map(|text| text.parse::<MessageSelector>());
    ForwardContent::Messages {
        format: format.unwrap_or(MessageFormat::Standard),
        selector: match selector.unwrap_or_else(|| Ok(MessageSelector::default())) {
            Ok(selector) => selector,
            Err(problem) => {
                env.mistake(&filter_variable, problem);
                MessageSelector::default()
            }
        },
    }
}

fn start(env: &mut Env<'_>, variable: &str) -> Start {
    match env.text(variable).as_deref() {
        None | Some("now") => Start::Now,
        Some("beginning") => Start::Beginning,
        Some(time) => {
            let Ok(time) = parse_fixed_moment(time) else {
                env.mistake(variable, Text::new("config-start"));
                return Start::Now;
            };
            Start::At(time)
        }
    }
}

/// The last word of each value, such as the token behind `Bearer`, if it is long enough to be a credential.
fn credentials(headers: &HeaderMap) -> Vec<SecretString> {
    let values = headers.values().filter_map(|value| value.to_str().ok());
    let words = values.filter_map(|value| value.split_whitespace().next_back());
    words
        .filter(|word| word.len() >= SHORTEST_CREDENTIAL)
        .map(SecretString::from)
        .collect()
}

/// Reads `Name: value`, one in each line or with semicolons between them. A mistake never shows a value.
fn headers(env: &mut Env<'_>, variable: &str) -> HeaderMap {
    const SET_HERE: [&str; 6] = [
        "connection",
        "content-length",
        "host",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    ];
    let mut headers = HeaderMap::new();
    let text = env.text(variable).unwrap_or_default();
    let parts = text.split(['\n', ';']).map(str::trim);
    for (number, part) in parts.filter(|part| !part.is_empty()).enumerate() {
        let pair = part.split_once(':');
        let parsed = pair.and_then(|(name, value)| {
            let name: HeaderName = name.trim().parse().ok()?;
            let mut value = HeaderValue::from_str(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        });
        match parsed {
            Some((name, _)) if SET_HERE.contains(&name.as_str()) => {
                let problem = Text::new("config-header-of-service");
                env.mistake(variable, problem.with("name", name.as_str()));
            }
            Some((name, value)) => {
                headers.append(name, value);
            }
            None => env.mistake(
                variable,
                Text::new("config-no-header").with("number", number + 1),
            ),
        }
    }
    headers
}
