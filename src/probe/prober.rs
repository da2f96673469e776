//! Asks others for the service when somebody wants its diagnosis, and keeps the answers: however often that is, others
//! are asked at most once a minute, and nobody waits for them longer than a few seconds.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout};
use url::Url;

use super::ExternalChecks;
use super::public_url::ProbeCredentials;
use crate::config::{Chatrace, Config};
use crate::time::Clock;

/// Answers younger than this are not asked for again.
const FRESH: Duration = Duration::from_mins(1);
/// Answers older than this are not shown, even if there are no newer ones.
const SHOWN: Duration = Duration::from_mins(10);
/// Answers younger than this are good enough for who asks all the time.
const RECENT: Duration = Duration::from_mins(5);
/// How long a caller waits for answers.
const WAIT_TIMEOUT: Duration = Duration::from_secs(3);

/// Asks others for the service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prober(Arc<ProberShared>);

#[derive(Debug)]
struct ProberShared {
    clock: Clock,
    public_url: Option<Url>,
    credentials: ProbeCredentials,
    chatrace: Chatrace,
    answers: watch::Sender<Option<Answers>>,
    /// Held while others are asked.
    asking: Arc<Mutex<()>>,
}

#[derive(Debug)]
struct Answers {
    at: Instant,
    checks: ExternalChecks,
}

impl Prober {
    /// `api_tokens` are those that the service accepts. Asks nobody yet.
    pub fn new(config: &Config, api_tokens: &[SecretString], clock: Clock) -> Self {
        Self(Arc::new(ProberShared {
            clock,
            public_url: config.server.public_url.clone(),
            credentials: ProbeCredentials::new(
                api_tokens.first().cloned(),
                &config.auth,
                &config.meta,
            ),
            chatrace: config.chatrace.clone(),
            answers: watch::Sender::new(None),
            asking: Arc::default(),
        }))
    }

    /// The answers of others, not older than a minute if they come in time.
    pub async fn ask(&self) -> ExternalChecks {
        self.begin(FRESH);
        let mut answers = self.0.answers.subscribe();
        let fresh = answers.wait_for(|answers| younger(answers.as_ref(), FRESH).is_some());
        // After the timeout, whatever is there: fresh answers, older ones, or none.
        timeout(WAIT_TIMEOUT, fresh).await.ok();
        self.known().unwrap_or_else(ExternalChecks::waiting)
    }

    /// The answers of the last minutes, without waiting. Who calls this again and again makes it ask every five
    /// minutes.
    pub fn recent(&self) -> Option<ExternalChecks> {
        self.begin(RECENT);
        self.known()
    }

    /// The answers of the last minutes, without asking.
    pub fn known(&self) -> Option<ExternalChecks> {
        younger(self.0.answers.borrow().as_ref(), SHOWN)
    }

    /// Asks in the background, unless the answers are younger or are being asked for.
    fn begin(&self, age: Duration) {
        let Ok(asking) = self.0.asking.clone().try_lock_owned() else {
            return;
        };
        if younger(self.0.answers.borrow().as_ref(), age).is_some() {
            return;
        }
        let shared = self.0.clone();
        tokio::spawn(async move {
            let public_url = shared.public_url.as_ref();
            let now = shared.clock.now();
            let checks =
                ExternalChecks::run(public_url, &shared.credentials, &shared.chatrace, now).await;
            let at = Instant::now();
            shared.answers.send_replace(Some(Answers { at, checks }));
            drop(asking);
        });
    }
}

fn younger(answers: Option<&Answers>, age: Duration) -> Option<ExternalChecks> {
    answers
        .filter(|answers| answers.at.elapsed() < age)
        .map(|answers| answers.checks.clone())
}
