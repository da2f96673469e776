//! Can messages be polled from Chatrace's API? This tries it.
//!
//! People tried seven paths and six ways to send the token for years, and every answer was 401. Here they are tried
//! once more beside the documented way, so that everybody can see on their own account that no token was ever wrong:
//! there is nothing to poll.

use std::time::Duration;

use serde::{Serialize, Serializer};
use tokio::time::sleep;

use super::chatrace_api::{ChatraceApi, DOCUMENTED, PLACEMENTS, POLLING_PATHS, Reply};
use crate::diagnose::Status;

/// How fast to ask. 49 requests are half of the limit for an account and a minute.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two requests.
    pub pause: Duration,
    /// After the API refused a request because of its limit; then the request is repeated once.
    pub after_limit: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            pause: Duration::from_millis(100),
            after_limit: Duration::from_secs(61),
        }
    }
}

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    pub path: &'static str,
    #[serde(rename = "key")]
    pub placement: &'static str,
    #[serde(rename = "answer", serialize_with = "as_cell")]
    pub reply: Reply,
}

fn as_cell<S: Serializer>(reply: &Reply, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&reply.cell())
}

/// Every path with every way to send the token, and the conclusion.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Matrix {
    /// Ok: the question is answered. Problem: something must be done before it can be.
    pub status: Status,
    pub verdict: String,
    pub next_step: String,
    pub tried: Vec<Tried>,
}

/// How many requests are sent.
pub const REQUESTS: usize = POLLING_PATHS.len() * PLACEMENTS.len();

/// Sends every request, one after the other, and calls `progress` with the number done. Begins with
/// `GET /accounts/me`, which exists: what the others prove depends on whether the token is valid there.
pub async fn probe_polling(
    api: &ChatraceApi,
    pace: Pace,
    mut progress: impl FnMut(usize),
) -> Matrix {
    let account = ask_within_limit(api, "/accounts/me", DOCUMENTED, pace).await;
    let is_answered = matches!(account, Reply::Data(_)) || is_refusal(&account);
    if !is_answered {
        return Matrix {
            status: Status::Problem,
            verdict: format!(
                "The API did not answer whether the token is valid ({}), so other paths would prove nothing.",
                account.cell()
            ),
            next_step: "Try again in a few minutes. `chatrace-webhook doctor` checks the API."
                .to_owned(),
            tried: Vec::new(),
        };
    }
    let mut tried = Vec::with_capacity(REQUESTS);
    for path in POLLING_PATHS {
        for placement in PLACEMENTS {
            sleep(pace.pause).await;
            let reply = ask_within_limit(api, path, placement, pace).await;
            tried.push(Tried {
                path,
                placement,
                reply,
            });
            progress(tried.len());
        }
    }
    let (status, verdict, next_step) = conclusion(&account, &tried);
    Matrix {
        status,
        verdict,
        next_step,
        tried,
    }
}

async fn ask_within_limit(
    api: &ChatraceApi,
    path: &str,
    placement: &'static str,
    pace: Pace,
) -> Reply {
    match api.ask(path, placement).await {
        Reply::RateLimited => {
            sleep(pace.after_limit).await;
            api.ask(path, placement).await
        }
        reply => reply,
    }
}

const PUSH: &str = "Let Chatrace push: `chatrace-webhook setup` shows the External API Request to add to the flow.";

fn is_refusal(reply: &Reply) -> bool {
    matches!(reply, Reply::Unauthorized(_) | Reply::Refused { .. })
}

fn conclusion(account: &Reply, tried: &[Tried]) -> (Status, String, String) {
    if let Some(found) = tried.iter().find(|one| matches!(one.reply, Reply::Data(_))) {
        return (
            Status::Problem,
            format!(
                "GET {} with {} answers with data, which has never happened before: look at it yourself.",
                found.path,
                found.placement
            ),
            "Please report it: according to the documentation of this service, there is no such path."
                .to_owned(),
        );
    }
    let unclear = tried
        .iter()
        .filter(|one| {
            matches!(
                one.reply,
                Reply::None(_) | Reply::RateLimited | Reply::Status(500..)
            )
        })
        .count();
    if unclear > 0 {
        return (
            Status::Problem,
            format!(
                "{unclear} of {} requests got no real answer, so nothing is proved.",
                tried.len()
            ),
            "Try again in a few minutes.".to_owned(),
        );
    }
    let refused = tried.iter().filter(|one| is_refusal(&one.reply)).count();
    if is_refusal(account) {
        return (
            Status::Problem,
            format!(
                "The token itself is refused: GET /accounts/me, which exists, answers {} to it. None of {} requests was answered with messages ({refused} refused it too), so no other path or header makes it valid. Whether these paths exist, only a valid token shows.",
                account.cell(),
                tried.len()
            ),
            format!(
                "Run `chatrace-webhook doctor`: it explains what is wrong with the token. Messages do not need it. {PUSH}"
            ),
        );
    }
    (
        Status::Ok,
        format!(
            "Polling cannot work: the token is valid, and none of {} requests was answered with messages ({refused} times 401). There is no such endpoint; the token was never the reason.",
            tried.len()
        ),
        PUSH.to_owned(),
    )
}
