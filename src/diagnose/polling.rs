//! The polling question, settled by trying: can messages be read from Chatrace's API by asking for them?
//!
//! Seven paths and six ways to send the token were tried for years, and every answer was 401. Here they are tried once
//! more beside the documented way, so that everybody can see on their own account that no token was ever wrong: there
//! is nothing to poll.

use std::time::Duration;

use serde::{Serialize, Serializer};
use tokio::time::sleep;

use super::Status;
use super::chatrace_api::{ChatraceApi, Key, POLLING_PATHS, Reply};

/// How fast to ask. 49 questions are half of what an account may ask in a minute.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two questions.
    pub pause: Duration,
    /// After the API said that it was asked too often; then the question is repeated once.
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

/// What became of one question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    /// What was asked for.
    pub path: &'static str,
    /// How the token was sent.
    pub key: Key,
    /// The answer.
    #[serde(rename = "answer", serialize_with = "as_cell")]
    pub reply: Reply,
}

fn as_cell<S: Serializer>(reply: &Reply, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&reply.cell())
}

/// Every path with every way, and what they come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Matrix {
    /// Ok: the question is answered. Problem: something must be done before it can be.
    pub status: Status,
    /// The answer in one sentence or two.
    pub verdict: String,
    /// What to do instead.
    pub next_step: String,
    /// Path by path.
    pub tried: Vec<Tried>,
}

/// How many questions are asked.
pub const QUESTIONS: usize = POLLING_PATHS.len() * Key::ALL.len();

/// Asks every path in every way, one after the other; `progress` is told how many are done. Begins with
/// `GET /accounts/me`: a token that is not valid there can prove nothing.
pub async fn probe(api: &ChatraceApi, pace: Pace, mut progress: impl FnMut(usize)) -> Matrix {
    let account = patiently(api, "/accounts/me", Key::Documented, pace).await;
    let unproven = |verdict, next_step: &str| Matrix {
        status: Status::Problem,
        verdict,
        next_step: next_step.to_owned(),
        tried: Vec::new(),
    };
    match account {
        Reply::Data(_) => {}
        Reply::Unauthorized(_) | Reply::Refused { .. } => {
            return unproven(
                format!(
                    "The token is not accepted at /accounts/me ({}), so the answers of other paths would prove nothing.",
                    account.cell()
                ),
                "Run `chatrace-webhook doctor`: it says what is wrong with the token.",
            );
        }
        account => {
            return unproven(
                format!(
                    "The API gave no answer about the token ({}), so the answers of other paths would prove nothing.",
                    account.cell()
                ),
                "Run it again in a few minutes; `chatrace-webhook doctor` says what is known of the API.",
            );
        }
    }
    let mut tried = Vec::with_capacity(QUESTIONS);
    for path in POLLING_PATHS {
        for key in Key::ALL {
            sleep(pace.pause).await;
            let reply = patiently(api, path, key, pace).await;
            tried.push(Tried { path, key, reply });
            progress(tried.len());
        }
    }
    let (status, verdict, next_step) = conclusion(&tried);
    Matrix {
        status,
        verdict,
        next_step,
        tried,
    }
}

async fn patiently(api: &ChatraceApi, path: &str, key: Key, pace: Pace) -> Reply {
    match api.ask(path, key).await {
        Reply::RateLimited => {
            sleep(pace.after_limit).await;
            api.ask(path, key).await
        }
        reply => reply,
    }
}

const PUSH: &str = "Let Chatrace push: `chatrace-webhook setup` shows the External API Request to add to the flow.";

fn conclusion(tried: &[Tried]) -> (Status, String, String) {
    if let Some(found) = tried.iter().find(|one| matches!(one.reply, Reply::Data(_))) {
        return (
            Status::Problem,
            format!(
                "GET {} with {} answers data, which was never seen before: look at it by hand.",
                found.path,
                found.key.as_str()
            ),
            "Please report it: the documentation of this service says that such a path does not exist."
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
                "{unclear} of {} questions got no real answer, so nothing is proved.",
                tried.len()
            ),
            "Run it again in a few minutes.".to_owned(),
        );
    }
    let refused = tried
        .iter()
        .filter(|one| matches!(one.reply, Reply::Unauthorized(_)))
        .count();
    (
        Status::Ok,
        format!(
            "Polling cannot work: the token is valid, and still none of {} questions was answered with messages ({refused} times 401). No such endpoint exists; the token was never the reason.",
            tried.len()
        ),
        PUSH.to_owned(),
    )
}
