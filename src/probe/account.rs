//! Is the Chatrace token valid, and whose is it?
//!
//! Messages are pushed, so they arrive without it: a fault here is a warning, never the cause of silence.

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::chatrace_api::{ChatraceApi, Reply};
use crate::config::Chatrace;
use crate::diagnose::Check;
use crate::http_client::RequestError;
use crate::i18n::{Argument, Text};
use crate::text;

/// The name of the check.
pub const NAME: &str = "chatrace_account";

/// Checks the form of the token, then asks `GET /accounts/me` with it.
pub async fn check_account(chatrace: &Chatrace) -> Check {
    let Some(token) = &chatrace.access_token else {
        return Check::unknown(NAME, Text::new("account-unset"));
    };
    let Some(account) = account_of(token.expose_secret()) else {
        return Check::warning(NAME, Text::new("account-malformed"));
    };
    match ChatraceApi::new(&chatrace.api_url, token) {
        Ok(api) => explain(account, &chatrace.api_url, &api.account().await),
        Err(_) => Check::unknown(NAME, Text::new("account-no-authorities")),
    }
}

/// The account that a token of the right form names.
fn account_of(token: &str) -> Option<&str> {
    let (account, secret) = token.split_once('.')?;
    let digits = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
    let plain = !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic());
    (digits && plain).then_some(account)
}

/// What the answer means for the token of `account`.
fn explain(account: &str, api_url: &str, reply: &Reply) -> Check {
    let about = |id| Text::new(id).with("api", host(api_url));
    let warning = |observed| Check::warning(NAME, observed);
    let unknown = |observed| Check::unknown(NAME, observed);
    match reply {
        Reply::Data(data) => compare(account, data, about),
        Reply::Unauthorized(message) => {
            warning(about("account-refused").with("quote", quoted(message)))
        }
        Reply::RateLimited => unknown(about("account-limited")),
        Reply::Refused { code, message } if code.is_empty() => {
            warning(about("account-error").with("quote", quoted(message)))
        }
        Reply::Refused { code, message } => warning(
            about("account-error-code")
                .with("code", code.as_str())
                .with("quote", quoted(message)),
        ),
        Reply::NotJson => warning(about("account-not-json")),
        Reply::Redirected(status) => warning(about("account-redirect").with("status", *status)),
        Reply::Status(status) if *status >= 500 => {
            unknown(about("account-5xx").with("status", *status))
        }
        Reply::Status(status) => warning(about("account-status").with("status", *status)),
        Reply::TooLarge => warning(about("account-too-large")),
        Reply::None(RequestError::TimedOut) => unknown(about("account-timed-out")),
        Reply::None(error) => unknown(about("account-unreachable").with("cause", error.text())),
    }
}

/// Compares the token's account with the one in an answer without an error.
fn compare(account: &str, data: &Value, about: impl Fn(&'static str) -> Text) -> Check {
    match ids(data).as_slice() {
        answered if answered.iter().any(|id| id == account) => {
            Check::ok(NAME, about("account-valid").with("account", account))
        }
        [answered, ..] => Check::warning(
            NAME,
            about("account-other")
                .with("account", account)
                .with("answered", text::excerpt(answered)),
        ),
        [] => Check::unknown(NAME, about("account-unnamed")),
    }
}

/// What may be the account's id in an answer: as a number or as text, also in a wrapper.
fn ids(data: &Value) -> Vec<String> {
    let wrapped = ["data", "account"].iter().filter_map(|key| data.get(*key));
    let as_text = |id: &Value| match id {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    std::iter::once(data)
        .chain(wrapped)
        .flat_map(|record| ["id", "account_id", "page_id"].map(|key| record.get(key)))
        .flatten()
        .filter_map(as_text)
        .collect()
}

fn host(api_url: &str) -> Argument {
    let url = url::Url::parse(api_url).ok();
    match url.as_ref().and_then(url::Url::host_str) {
        Some(host) => host.into(),
        None => Text::new("the-chatrace-api").into(),
    }
}

fn quoted(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(" (\"{message}\")")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_an_account_a_dot_and_a_secret() {
        assert_eq!(account_of("1700001.aB3"), Some("1700001"));
        for wrong in [
            "aB3",
            "1700001",
            ".aB3",
            "1700001.",
            "abc.def",
            "Bearer 1.a",
            "1.a b",
        ] {
            assert_eq!(account_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_id_is_found_as_number_and_text_and_in_a_wrapper() {
        assert_eq!(ids(&json!({ "id": 1_700_001 })), ["1700001"]);
        assert_eq!(ids(&json!({ "data": { "id": "17" } })), ["17"]);
        assert!(ids(&json!({ "name": "x" })).is_empty());
    }
}
