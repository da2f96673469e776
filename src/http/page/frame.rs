//! What every page has: its reader's language and time zone, its place, and the result of what was done before.

use std::borrow::Cow;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};

use super::super::AppState;
use super::assets;
use super::session::cookies_named;
use crate::crypto::{hmac_sha256, is_same};
use crate::i18n::{Argument, Locale, Text};
use crate::text::cut;

/// The cookie with the language that the reader chose.
const LOCALE: &str = "chatrace_webhook_locale";
/// The cookie with the reader's time zone, which the script sets.
const ZONE: &str = "chatrace_webhook_zone";
/// The parameter with what came of what was done before, always the last one.
const RESULT: &str = "done=";
/// The length of its signature, in bytes.
const SIGNATURE: usize = 32;
/// The longest text in a list, in characters.
const SHORT: usize = 600;

/// A view of the page, as the navigation shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Overview,
    Conversations,
    Messages,
    Deliveries,
    Quarantine,
    Forwarding,
    Setup,
}

impl View {
    const ALL: [Self; 7] = [
        Self::Overview,
        Self::Conversations,
        Self::Messages,
        Self::Deliveries,
        Self::Quarantine,
        Self::Forwarding,
        Self::Setup,
    ];

    /// Its address, relative to the root, and the message with its name.
    pub(super) fn link(self) -> (&'static str, &'static str) {
        match self {
            Self::Overview => (".", "view-overview"),
            Self::Conversations => ("conversations", "view-conversations"),
            Self::Messages => ("messages", "view-messages"),
            Self::Deliveries => ("deliveries", "view-deliveries"),
            Self::Quarantine => ("quarantine", "view-quarantine"),
            Self::Forwarding => ("forwarding", "view-forwarding"),
            Self::Setup => ("setup", "view-setup"),
        }
    }
}

/// What every page has.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) locale: Locale,
    pub(super) now: Timestamp,
    zone: TimeZone,
    zone_name: String,
    /// The path from this page to the root: a proxy may serve the page below a path, so all links are relative.
    pub(super) root: &'static str,
    /// This page, relative to the root.
    pub(super) place: String,
    pub(super) instance: Option<String>,
    pub(super) has_session: bool,
    pub(super) view: Option<View>,
    /// What came of what was done on the last page.
    pub(super) result: Option<String>,
    /// The address under which this page was opened, without a path.
    pub(super) address: Option<String>,
    signer: Option<SecretString>,
}

impl Frame {
    pub(super) fn new(state: &AppState, parts: &Parts, has_session: bool) -> Self {
        let path = parts.uri.path().trim_start_matches('/');
        let query = parts.uri.query().unwrap_or_default();
        let (query, result) = match query.rsplit_once(RESULT) {
            Some((query, result)) => (query.trim_end_matches('&'), result),
            None => (query, ""),
        };
        let place = if query.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{query}")
        };
        let (zone, zone_name) = zone(&parts.headers);
        Self {
            locale: locale(state, &parts.headers),
            now: state.clock.now(),
            zone,
            zone_name,
            root: root(path),
            place,
            instance: state.config.instance_name.clone(),
            has_session,
            view: None,
            result: signed_result(result, &state.api_tokens),
            address: address(&parts.headers),
            signer: state.api_tokens.first().cloned(),
        }
    }

    /// The address of a page with what came of something. It is signed, so that nobody else can make one.
    pub(super) fn with_result(&self, path: &str, result: &Text) -> String {
        let address = format!("{}{path}", self.root);
        let Some(token) = &self.signer else {
            return address;
        };
        let words = result.in_locale(self.locale);
        let signature = signature(token, &words);
        let encoded = URL_SAFE_NO_PAD.encode([&signature[..], words.as_bytes()].concat());
        let before = if path.contains('?') { '&' } else { '?' };
        format!("{address}{before}{RESULT}{encoded}")
    }

    /// The address under which this page was opened, if others could reach it there.
    pub(super) fn public_address(&self) -> Option<&str> {
        self.address
            .as_deref()
            .filter(|address| address.starts_with("https://"))
    }

    #[must_use]
    pub(super) fn of(mut self, view: View) -> Self {
        self.view = Some(view);
        self
    }

    pub(super) fn views(&self) -> impl Iterator<Item = (&'static str, String, bool)> {
        View::ALL.into_iter().map(|view| {
            let (path, name) = view.link();
            (path, self.t(name), self.view == Some(view))
        })
    }

    /// The address of the overview.
    pub(super) fn home(&self) -> &'static str {
        if self.root.is_empty() { "." } else { self.root }
    }

    /// The version in the addresses of style and script.
    #[expect(clippy::unused_self, reason = "templates call it on the frame")]
    pub(super) fn version(&self) -> &'static str {
        &assets::VERSION
    }

    /// The words of a message.
    pub(super) fn t(&self, id: &'static str) -> String {
        Text::new(id).in_locale(self.locale)
    }

    /// The words of a message about a number.
    pub(super) fn count(&self, id: &'static str, count: impl Into<Argument>) -> String {
        Text::new(id).with("count", count).in_locale(self.locale)
    }

    /// The words of a message about a name.
    pub(super) fn about(&self, id: &'static str, name: &str) -> String {
        Text::new(id).with("name", name).in_locale(self.locale)
    }

    /// The words of a text.
    pub(super) fn words(&self, text: &Text) -> String {
        text.in_locale(self.locale)
    }

    /// The words of a title that was made for the template.
    #[expect(clippy::needless_pass_by_value, reason = "templates pass it so")]
    pub(super) fn title(&self, title: Text) -> String {
        title.in_locale(self.locale)
    }

    /// A time for people, in their zone: without the date if that is today.
    pub(super) fn shown(&self, at: &Timestamp) -> String {
        let (at, today) = (self.zoned(at), self.zoned(&self.now).date());
        if at.date() == today {
            at.strftime("%H:%M").to_string()
        } else {
            format!("{} {}", self.date(at.date()), at.strftime("%H:%M"))
        }
    }

    /// The exact time in UTC, for people.
    #[expect(clippy::unused_self, reason = "templates call it on the frame")]
    pub(super) fn utc(&self, at: &Timestamp) -> String {
        at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    }

    /// For `<time datetime>`.
    #[expect(clippy::unused_self, reason = "templates call it on the frame")]
    pub(super) fn exact(&self, at: &Timestamp) -> String {
        format!("{at:.3}")
    }

    /// The day of a time: its name if it is today or yesterday.
    pub(super) fn day(&self, at: Timestamp) -> String {
        let (date, today) = (self.zoned(&at).date(), self.zoned(&self.now).date());
        if date == today {
            self.t("today")
        } else if today.yesterday().is_ok_and(|yesterday| yesterday == date) {
            self.t("yesterday")
        } else {
            self.date(date)
        }
    }

    pub(super) fn date(&self, date: jiff::civil::Date) -> String {
        let form = match self.locale {
            Locale::En => "%Y-%m-%d",
            Locale::Ru => "%d.%m.%Y",
        };
        date.strftime(form).to_string()
    }

    pub(super) fn zoned(&self, at: &Timestamp) -> jiff::Zoned {
        at.to_zoned(self.zone.clone())
    }

    /// The zone of all times on the page.
    pub(super) fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// The beginning of a text.
    #[expect(clippy::unused_self, reason = "templates call it on the frame")]
    pub(super) fn short<'a>(&self, text: &'a str) -> Cow<'a, str> {
        cut(text, SHORT)
    }
}

/// What was done, if this service signed it.
fn signed_result(encoded: &str, tokens: &[SecretString]) -> Option<String> {
    let decoded = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    let (claimed, words) = decoded.split_at_checked(SIGNATURE)?;
    let words = str::from_utf8(words).ok()?;
    let is_signed = |token| is_same(claimed, &signature(token, words));
    tokens.iter().any(is_signed).then(|| words.to_owned())
}

fn signature(token: &SecretString, words: &str) -> [u8; SIGNATURE] {
    hmac_sha256(
        token.expose_secret().as_bytes(),
        format!("result {words}").as_bytes(),
    )
}

/// The scheme and the host that a browser asked for, as far as the headers say.
fn address(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_tls = text("x-forwarded-proto").is_some_and(|scheme| scheme.starts_with("https"));
    let scheme = if is_tls { "https" } else { "http" };
    let host = text("x-forwarded-host").or_else(|| text("host"))?;
    let url = url::Url::parse(&format!("{scheme}://{host}")).ok()?;
    Some(url.origin().ascii_serialization())
}

/// The path from a page to the root.
fn root(path: &str) -> &'static str {
    match path.matches('/').count() {
        0 => "",
        1 => "../",
        _ => "../../",
    }
}

/// The language: the reader's choice, that of the browser, or that of the installation.
fn locale(state: &AppState, headers: &HeaderMap) -> Locale {
    let chosen = cookies_named(headers, LOCALE).find_map(Locale::named);
    let accepted = || Locale::accepted(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?);
    let chosen = chosen.or_else(accepted).or(state.config.locale);
    chosen.unwrap_or_default()
}

/// The time zone that the browser named, or UTC.
fn zone(headers: &HeaderMap) -> (TimeZone, String) {
    let named = cookies_named(headers, ZONE).find_map(|value| {
        let name = percent_decode_str(value).decode_utf8().ok()?;
        let zone = TimeZone::get(&name).ok()?;
        Some((zone, name.into_owned()))
    });
    named.unwrap_or_else(|| (TimeZone::UTC, "UTC".to_owned()))
}

/// The header that keeps the chosen language for a year.
pub(super) fn locale_cookie(locale: Locale) -> HeaderValue {
    let cookie = format!("{LOCALE}={locale}; HttpOnly; SameSite=Lax; Max-Age=31536000");
    // A name and digits.
    cookie
        .parse()
        .unwrap_or_else(|_| HeaderValue::from_static(""))
}
