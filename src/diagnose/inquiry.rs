//! What only others can tell: whether the public way leads here, and whose the Chatrace token is.
//!
//! The service asks when somebody wants its diagnosis, and keeps the answers: however often that is, others are asked at
//! most once a minute, and nobody waits for them longer than a short time.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout};
use url::Url;

use super::public_url::Credentials;
use super::{Check, Status, account, public_url};
use crate::config::{Chatrace, Config};

/// How long answers are new enough, so that nobody is asked again.
const NEW: Duration = Duration::from_mins(1);
/// How long answers are told at all, where newer ones are not there yet.
const BELIEVED: Duration = Duration::from_mins(10);
/// How long somebody waits for answers.
const PATIENCE: Duration = Duration::from_secs(3);

/// What others told.
#[derive(Debug, Clone)]
pub struct Outside {
    public_url: Check,
    account: Check,
}

impl Outside {
    /// Asks both at once. Takes as long as they do, but no longer than the time limits of [`crate::outside`].
    pub async fn ask(
        public_url: Option<&Url>,
        credentials: &Credentials,
        chatrace: &Chatrace,
    ) -> Self {
        let (public_url, account) = tokio::join!(
            public_url::check(public_url, credentials),
            account::check(chatrace),
        );
        Self {
            public_url,
            account,
        }
    }

    /// They were asked, and take their time.
    fn not_yet() -> Self {
        let waiting = |name, whom: &str| {
            Check::new(
                name,
                Status::Unknown,
                format!("{whom} has not answered yet."),
                "The question takes longer than usual.",
                "Ask for the diagnosis again in ten seconds.",
            )
        };
        Self {
            public_url: waiting(public_url::NAME, "The public address"),
            account: waiting(account::NAME, "Chatrace's API"),
        }
    }

    /// Puts these checks around others, most upstream first: through the public way everything has to come, and without
    /// the account messages arrive all the same. A check of the same name among the others gives way, unless these
    /// could not tell.
    pub fn around(self, mut others: Vec<Check>) -> Vec<Check> {
        let mut better = |ours: Check| {
            let place = others.iter().position(|other| other.name == ours.name);
            match place.map(|place| others.remove(place)) {
                Some(theirs) if ours.status == Status::Unknown => theirs,
                _ => ours,
            }
        };
        let (first, last) = (better(self.public_url), better(self.account));
        std::iter::once(first).chain(others).chain([last]).collect()
    }
}

/// What the service asks others. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Inquiry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    public_url: Option<Url>,
    credentials: Credentials,
    chatrace: Chatrace,
    kept: watch::Sender<Option<Kept>>,
    /// Held by whoever asks.
    asking: Arc<Mutex<()>>,
}

#[derive(Debug)]
struct Kept {
    at: Instant,
    outside: Outside,
}

impl Inquiry {
    /// Nobody is asked yet. `api_tokens` are those that the service accepts.
    pub fn new(config: &Config, api_tokens: &[SecretString]) -> Self {
        Self(Arc::new(Shared {
            public_url: config.server.public_url.clone(),
            credentials: Credentials::of(api_tokens.first().cloned(), &config.auth, &config.meta),
            chatrace: config.chatrace.clone(),
            kept: watch::Sender::new(None),
            asking: Arc::default(),
        }))
    }

    /// What others tell now, or told within the last minute.
    pub async fn ask(&self) -> Outside {
        self.begin();
        let mut kept = self.0.kept.subscribe();
        let new = kept.wait_for(|kept| younger(kept.as_ref(), NEW).is_some());
        // What is there when the time is up: new answers, older ones, or none.
        timeout(PATIENCE, new).await.ok();
        self.known().unwrap_or_else(Outside::not_yet)
    }

    /// What others told lately, without asking them.
    pub fn known(&self) -> Option<Outside> {
        younger(self.0.kept.borrow().as_ref(), BELIEVED)
    }

    /// Asks in the background, unless the answers are new or somebody is asking.
    fn begin(&self) {
        let Ok(turn) = self.0.asking.clone().try_lock_owned() else {
            return;
        };
        if younger(self.0.kept.borrow().as_ref(), NEW).is_some() {
            return;
        }
        let shared = self.0.clone();
        tokio::spawn(async move {
            let public_url = shared.public_url.as_ref();
            let outside = Outside::ask(public_url, &shared.credentials, &shared.chatrace).await;
            let at = Instant::now();
            shared.kept.send_replace(Some(Kept { at, outside }));
            drop(turn);
        });
    }
}

fn younger(kept: Option<&Kept>, age: Duration) -> Option<Outside> {
    kept.filter(|kept| kept.at.elapsed() < age)
        .map(|kept| kept.outside.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, status: Status) -> Check {
        Check::new(name, status, "seen.", "", "")
    }

    #[test]
    fn a_check_appears_once_and_what_is_known_wins() {
        let outside = Outside {
            public_url: check(public_url::NAME, Status::Unknown),
            account: check(account::NAME, Status::Warning),
        };
        let others = vec![
            check(public_url::NAME, Status::Ok),
            check("arrival", Status::Ok),
            check(account::NAME, Status::Ok),
        ];
        let all = outside.around(others);
        let told: Vec<_> = all
            .iter()
            .map(|check| (check.name.as_str(), check.status))
            .collect();
        assert_eq!(
            told,
            [
                (public_url::NAME, Status::Ok),
                ("arrival", Status::Ok),
                (account::NAME, Status::Warning)
            ]
        );
    }
}
