//! Is the Chatrace token valid, and whose is it?
//!
//! Messages are pushed, so they arrive without it: a fault here is a warning, never the cause of silence.

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::chatrace_api::{ChatraceApi, Reply};
use crate::config::Chatrace;
use crate::diagnose::Check;
use crate::http_client::RequestError;
use crate::text;

/// The name of the check.
pub const NAME: &str = "chatrace_account";

const NO_HARM: &str = "A flow pushes messages, so they arrive without it. Sending would fail.";
const COPY_AGAIN: &str = "Copy the whole token from the panel of this account into INSTAGRAM_ACCESS_TOKEN again, including the account's number and the dot.";

/// Checks the form of the token, then asks `GET /accounts/me` with it.
pub async fn check_account(chatrace: &Chatrace) -> Check {
    let Some(token) = &chatrace.access_token else {
        return Check::unknown(
            NAME,
            "INSTAGRAM_ACCESS_TOKEN is not set, so the Chatrace account was not asked.",
            "A flow pushes messages, so they arrive without it.",
            "",
        );
    };
    let Some(account) = account_of(token.expose_secret()) else {
        return Check::warning(
            NAME,
            "INSTAGRAM_ACCESS_TOKEN is not in the form <account id>.<secret>; skipped.",
            NO_HARM,
            COPY_AGAIN,
        );
    };
    match ChatraceApi::new(&chatrace.api_url, token) {
        Ok(api) => explain(account, &chatrace.api_url, &api.account().await),
        Err(_) => Check::unknown(
            NAME,
            "The Chatrace account could not be asked: no CA certificates found.",
            NO_HARM,
            "Install the package ca-certificates.",
        ),
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
    let api = host(api_url);
    let look_up_url = format!(
        "Check INSTAGRAM_API_URL ({api}): Chatrace itself is at https://api.chatrace.com, a white-label panel at https://<panel>/api."
    );
    match reply {
        Reply::Data(data) => compare(account, &api, data, look_up_url),
        Reply::Unauthorized(message) => Check::warning(
            NAME,
            format!("{api} refuses the token with 401{}.", quoted(message)),
            NO_HARM,
            COPY_AGAIN,
        ),
        Reply::RateLimited => Check::unknown(
            NAME,
            "The account is over its limit of 100 requests per 60 seconds.",
            "Another program is using the account's API. Messages arrive without it.",
            "Try again in a minute, and stop any program that polls the API: it has no messages.",
        ),
        Reply::Refused { code, message } => Check::warning(
            NAME,
            format!(
                "{api} answers 200 with {} in the body{}.",
                if code.is_empty() {
                    "an error".to_owned()
                } else {
                    format!("error {code}")
                },
                quoted(message)
            ),
            NO_HARM,
            "Follow what the error says in the panel of the account.",
        ),
        Reply::NotJson => Check::warning(
            NAME,
            format!("{api} answers something that is not JSON."),
            "This is not Chatrace's API.",
            look_up_url,
        ),
        Reply::Redirected(status) => Check::warning(
            NAME,
            format!(
                "{api} answers with a redirect ({status}), which was not followed because it would receive the token."
            ),
            "This is not the address of the API itself.",
            look_up_url,
        ),
        Reply::Status(status) if *status >= 500 => Check::unknown(
            NAME,
            format!("{api} answers {status}."),
            "The API has a problem; flows may be affected as well.",
            "Try again in a few minutes.",
        ),
        Reply::Status(status) => Check::warning(
            NAME,
            format!("{api} answers {status} to GET /accounts/me."),
            "This is not Chatrace's API.",
            look_up_url,
        ),
        Reply::TooLarge => Check::warning(
            NAME,
            format!("{api} answers far more than the data of an account."),
            "This is not Chatrace's API.",
            look_up_url,
        ),
        Reply::None(RequestError::TimedOut) => Check::unknown(
            NAME,
            format!("{api} did not answer in time."),
            "The API is slow, or a firewall drops the requests.",
            "Try again in a few minutes. If it fails again, check that this machine may connect to the internet.",
        ),
        Reply::None(error) => Check::unknown(
            NAME,
            format!("{api} cannot be reached: {error}."),
            "The token could not be checked. Messages arrive without it.",
            format!("Check that this machine may connect to the internet. {look_up_url}"),
        ),
    }
}

/// Compares the token's account with the one in an answer without an error.
fn compare(account: &str, api: &str, data: &Value, look_up_url: String) -> Check {
    match ids(data).as_slice() {
        answered if answered.iter().any(|id| id == account) => Check::ok(
            NAME,
            format!("The token is valid for account {account}."),
            "Chatrace knows the account.",
        ),
        [answered, ..] => Check::warning(
            NAME,
            format!(
                "The token names account {account}, but {api} answers for account {}.",
                text::excerpt(answered)
            ),
            "The flow that sends may be in another account.",
            format!("Use the token of the account whose flow sends the messages. {COPY_AGAIN}"),
        ),
        [] => Check::unknown(
            NAME,
            format!("{api} accepts the token, but names no account in its answer."),
            "Whether it is the right account is unknown.",
            look_up_url,
        ),
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

fn host(api_url: &str) -> String {
    let url = url::Url::parse(api_url).ok();
    let host = url.as_ref().and_then(url::Url::host_str);
    host.unwrap_or("the Chatrace API").to_owned()
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
