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
use crate::i18n::Text;

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
    serializer.collect_str(&reply.cell())
}

/// Every path with every way to send the token, and the conclusion.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Matrix {
    /// Ok: the question is answered. Problem: something must be done before it can be.
    pub status: Status,
    pub verdict: Text,
    pub next_step: Text,
    pub tried: Vec<Tried>,
}

impl Matrix {
    /// The next step is an attribute of the verdict.
    fn new(status: Status, verdict: Text, tried: Vec<Tried>) -> Self {
        Self {
            status,
            next_step: verdict.attribute("next"),
            verdict,
            tried,
        }
    }
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
        let verdict = Text::new("polling-unknown").with("reply", account.cell());
        return Matrix::new(Status::Problem, verdict, Vec::new());
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
    let (status, verdict) = conclusion(&account, &tried);
    Matrix::new(status, verdict, tried)
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

fn is_refusal(reply: &Reply) -> bool {
    matches!(reply, Reply::Unauthorized(_) | Reply::Refused { .. })
}

fn conclusion(account: &Reply, tried: &[Tried]) -> (Status, Text) {
    if let Some(found) = tried.iter().find(|one| matches!(one.reply, Reply::Data(_))) {
        let verdict = Text::new("polling-data")
            .with("path", found.path)
            .with("placement", found.placement);
        return (Status::Problem, verdict);
    }
    let about = |id| Text::new(id).with("count", tried.len());
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
        let verdict = about("polling-unclear").with("unclear", unclear);
        return (Status::Problem, verdict);
    }
    let refused = tried.iter().filter(|one| is_refusal(&one.reply)).count();
    if is_refusal(account) {
        let verdict = about("polling-refused").with("reply", account.cell());
        return (Status::Problem, verdict.with("refused", refused));
    }
    (
        Status::Ok,
        about("polling-impossible").with("refused", refused),
    )
}
