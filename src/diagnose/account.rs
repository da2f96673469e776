//! Is the Chatrace token valid, and whose is it?
//!
//! Messages are pushed, so they arrive without it: whatever is wrong here is a warning, never the cause of silence.

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::chatrace_api::{ChatraceApi, Reply};
use super::{Check, Status};
use crate::config::Chatrace;
use crate::outside::{Trouble, shown};

/// The name of the check.
pub const NAME: &str = "chatrace_account";

const NO_HARM: &str =
    "Messages are pushed by a flow and arrive without it; sending would not work.";
const COPY_AGAIN: &str = "Copy the whole token again from the panel of this account, the account's number and the dot included, into INSTAGRAM_ACCESS_TOKEN.";

/// Looks at the token's form, then asks `GET /accounts/me` with it.
pub async fn check(chatrace: &Chatrace) -> Check {
    let Some(token) = &chatrace.access_token else {
        return Check::new(
            NAME,
            Status::Unknown,
            "INSTAGRAM_ACCESS_TOKEN is not set, so the Chatrace account was not asked.",
            "Messages are pushed by a flow and arrive without it.",
            "",
        );
    };
    let Some(account) = account_of(token.expose_secret()) else {
        return Check::new(
            NAME,
            Status::Warning,
            "INSTAGRAM_ACCESS_TOKEN has not the form <account id>.<secret>, so it was not tried.",
            NO_HARM,
            COPY_AGAIN,
        );
    };
    match ChatraceApi::new(&chatrace.api_url, token) {
        Ok(api) => judge(account, &chatrace.api_url, &api.account().await),
        Err(_) => Check::new(
            NAME,
            Status::Unknown,
            "The Chatrace account could not be asked: this system has no certificates of authorities.",
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
fn judge(account: &str, api_url: &str, reply: &Reply) -> Check {
    let api = host(api_url);
    let look_up_url = format!(
        "Check INSTAGRAM_API_URL ({api}): Chatrace itself is at https://api.chatrace.com, a white label at https://<panel>/api."
    );
    match reply {
        Reply::Data(data) => whose(account, &api, data, look_up_url),
        Reply::Unauthorized(message) => Check::new(
            NAME,
            Status::Warning,
            format!("{api} refuses the token with 401{}.", quoted(message)),
            NO_HARM,
            COPY_AGAIN,
        ),
        Reply::RateLimited => Check::new(
            NAME,
            Status::Unknown,
            "The account has used up its 100 requests per 60 seconds.",
            "Something else uses the account's API at this moment; messages arrive without it.",
            "Ask again in a minute, and stop whatever polls the API: it has no messages to give.",
        ),
        Reply::Refused { code, message } => Check::new(
            NAME,
            Status::Warning,
            format!(
                "{api} answers 200 with {} inside{}.",
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
        Reply::NotJson => Check::new(
            NAME,
            Status::Warning,
            format!("{api} answers something that is no JSON."),
            "It is not Chatrace's API that answers there.",
            look_up_url,
        ),
        Reply::Redirected(status) => Check::new(
            NAME,
            Status::Warning,
            format!(
                "{api} answers with a redirect ({status}), which was not followed: the token would go along."
            ),
            "It is not the address of the API itself.",
            look_up_url,
        ),
        Reply::Status(status) if *status >= 500 => Check::new(
            NAME,
            Status::Unknown,
            format!("{api} answers {status}."),
            "The API has trouble of its own; flows may be disturbed as well.",
            "Ask again in a few minutes.",
        ),
        Reply::Status(status) => Check::new(
            NAME,
            Status::Warning,
            format!("{api} answers {status} to GET /accounts/me."),
            "It is not Chatrace's API that answers there.",
            look_up_url,
        ),
        Reply::TooLarge => Check::new(
            NAME,
            Status::Warning,
            format!("{api} answers far more than an account."),
            "It is not Chatrace's API that answers there.",
            look_up_url,
        ),
        Reply::None(Trouble::TimedOut) => Check::new(
            NAME,
            Status::Unknown,
            format!("{api} did not answer in time."),
            "The API is slow, or a firewall holds requests back.",
            "Ask again in a few minutes; then check that this machine may connect to the outside.",
        ),
        Reply::None(trouble) => Check::new(
            NAME,
            Status::Unknown,
            format!("{api} cannot be reached: {trouble}."),
            "The token could not be checked; messages arrive without it.",
            format!("Check that this machine may connect to the outside. {look_up_url}"),
        ),
    }
}

/// Whose the token is, by an answer without an error.
fn whose(account: &str, api: &str, data: &Value, look_up_url: String) -> Check {
    match ids(data).as_slice() {
        answered if answered.iter().any(|id| id == account) => Check::ok(
            NAME,
            format!("The token is valid for account {account}."),
            "Chatrace knows the account.",
        ),
        [answered, ..] => Check::new(
            NAME,
            Status::Warning,
            format!(
                "The token names account {account}, but {api} answers for account {}.",
                shown(answered)
            ),
            "The flow that sends may stand in another account than the one that is looked at.",
            format!("Use the token of the account whose flow sends the messages. {COPY_AGAIN}"),
        ),
        [] => Check::new(
            NAME,
            Status::Unknown,
            format!("{api} accepts the token, but its answer names no account."),
            "Whether it is the right account cannot be told.",
            look_up_url,
        ),
    }
}

/// What may be the account's id in an answer: as a number or as text, also in a wrapper.
fn ids(data: &Value) -> Vec<String> {
    let wrapped = ["data", "account"].iter().filter_map(|key| data.get(*key));
    let text = |id: &Value| match id {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    std::iter::once(data)
        .chain(wrapped)
        .flat_map(|record| ["id", "account_id", "page_id"].map(|key| record.get(key)))
        .flatten()
        .filter_map(text)
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
