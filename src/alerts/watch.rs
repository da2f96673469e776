//! Notices when a check turns bad, and when it is well again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;

use super::AlertSender;
use super::text::{AlertText, Teller};
use crate::config::Config;
use crate::diagnose::WatchedCheck;
use crate::store::{Alert, AlertState, AlertStore, StoreError};
use crate::time::{Clock, new_id};

/// Notices when a check turns bad and when it is well again, and lets somebody know.
#[derive(Debug)]
pub struct AlertWatch {
    store: Arc<dyn AlertStore>,
    sender: AlertSender,
    clock: Clock,
    look_every: Duration,
    teller: Teller,
    /// How each check is, by its subject.
    seen: BTreeMap<String, Seen>,
    /// What this process has told of itself and its machine.
    told: BTreeMap<String, AlertState>,
}

/// How a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    is_bad: bool,
    /// Since when it is so without a break.
    since: Timestamp,
}

impl AlertWatch {
    /// `None`, if alerts go nowhere.
    ///
    /// # Errors
    /// When this machine has no CA certificates.
    pub fn new(
        config: &Config,
        store: Arc<dyn AlertStore>,
        clock: &Clock,
    ) -> anyhow::Result<Option<Self>> {
        let Some(target) = &config.alerts else {
            return Ok(None);
        };
        Ok(Some(Self {
            sender: AlertSender::new(target, config.secrets(), clock)?,
            store,
            clock: clock.clone(),
            look_every: target.look_every,
            teller: Teller {
                instance: config.instance_name.clone(),
                replica: replica_name(),
                locale: config.locale.unwrap_or_default(),
            },
            seen: BTreeMap::new(),
            told: BTreeMap::new(),
        }))
    }

    /// Never ends.
    pub async fn run<F>(mut self, look: impl Fn() -> F + Send)
    where
        F: Future<Output = Vec<WatchedCheck>> + Send,
    {
        loop {
            let checks = look().await;
            self.compare(&checks).await;
            if let Err(error) = self.sender.send_due(self.store.as_ref()).await {
                tracing::debug!(%error, "cannot read pending alerts");
            }
            sleep(self.look_every).await;
        }
    }

    /// Compares how the checks are with what was told of them.
    async fn compare(&mut self, checks: &[WatchedCheck]) {
        let agreed = self.store.alert_states().await;
        for check in checks {
            let Some(seen) = self.lasting(check) else {
                continue;
            };
            if !check.is_shared {
                self.tell_alone(check, seen);
            } else if let Ok(agreed) = &agreed
                && let Err(error) = self.tell_once(check, seen, agreed).await
            {
                tracing::debug!(%error, check = check.subject(), "cannot keep an alert");
            }
        }
    }

    /// How a check is, if it has been so for long enough. While that is not known, nothing changes.
    fn lasting(&mut self, check: &WatchedCheck) -> Option<Seen> {
        let is_bad = check.is_bad?;
        let now = self.clock.now();
        let new = Seen { is_bad, since: now };
        let seen = self.seen.entry(check.subject()).or_insert(new);
        if seen.is_bad != is_bad {
            *seen = new;
        }
        (now.duration_since(seen.since) >= check.lasts).then_some(*seen)
    }

    /// Tells what this process alone can see.
    fn tell_alone(&mut self, check: &WatchedCheck, seen: Seen) {
        let told = self.told.entry(check.subject()).or_default();
        if told.since.is_some() == seen.is_bad {
            return;
        }
        let began = told.since.unwrap_or(seen.since);
        told.since = seen.is_bad.then_some(seen.since);
        let alert = self.alert(check, seen.is_bad, began);
        self.sender.keep(alert);
    }

    /// Tells what all replicas see, unless another one has told it.
    async fn tell_once(
        &self,
        check: &WatchedCheck,
        seen: Seen,
        agreed: &[AlertState],
    ) -> Result<(), StoreError> {
        let subject = check.subject();
        let known = agreed.iter().find(|state| state.subject == subject);
        let known = known.cloned().unwrap_or(AlertState {
            subject,
            ..AlertState::default()
        });
        if known.since.is_some() == seen.is_bad {
            return Ok(());
        }
        let alert = self.alert(check, seen.is_bad, known.since.unwrap_or(seen.since));
        let since = seen.is_bad.then_some(seen.since);
        self.store
            .change_alert_state(&known, since, &alert)
            .await
            .map(drop)
    }

    fn alert(&self, check: &WatchedCheck, is_bad: bool, since: Timestamp) -> Alert {
        let now = self.clock.now();
        let text = AlertText::of(check, is_bad, since, &self.teller, now);
        tracing::info!(alert = text.name(), "{}", text.sentence());
        Alert {
            id: new_id(),
            body: text.to_json(),
            made_at: now,
            attempts: 0,
            next_at: now,
        }
    }
}

/// The name of this machine: in a container, that of the container.
fn replica_name() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::diagnose::{Check, Facts, Status, watched_checks};
    use crate::store::SqliteStore;

    struct Test {
        watch: AlertWatch,
        clock: Clock,
        _directory: tempfile::TempDir,
    }

    impl Test {
        async fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("test.db");
            let store = SqliteStore::open(&file, Duration::ZERO, true).await;
            let clock = Clock::manual("2026-11-28T14:00:00Z".parse().unwrap());
            let variables = [("ALERT_URL", "http://127.0.0.1:1/"), ("ALERT_SECRET", "x")];
            let config = Config::read(&variables.into_iter().collect()).unwrap();
            let watch = AlertWatch::new(&config, Arc::new(store.unwrap()), &clock);
            Self {
                watch: watch.unwrap().unwrap(),
                clock,
                _directory: directory,
            }
        }

        /// Looks again so many seconds later.
        async fn look(&mut self, seconds: i64, name: &str, status: Status) {
            self.clock.advance(SignedDuration::from_secs(seconds));
            let check = Check::new(name, status, "seen.".to_owned().into());
            let checks = watched_checks(&Facts::default(), vec![check], None);
            self.watch.compare(&checks).await;
        }

        /// What was told: from memory, and through the database.
        async fn told(&self) -> (Vec<String>, Option<String>) {
            let name = |alert: &Alert| {
                let body: serde_json::Value = serde_json::from_str(&alert.body).unwrap();
                body["type"].as_str().unwrap().to_owned()
            };
            let kept = self.watch.store.oldest_alert().await.unwrap();
            let waiting = self.watch.sender.waiting.iter().map(name).collect();
            (waiting, kept.as_ref().map(name))
        }
    }

    #[tokio::test]
    async fn what_is_over_within_a_minute_is_no_alert_and_neither_is_a_moment_of_rest() {
        let mut test = Test::new().await;
        for status in [Status::Problem, Status::Ok].repeat(5) {
            test.look(50, "disk", status).await;
        }
        assert!(test.told().await.0.is_empty());
        test.look(10, "disk", Status::Problem).await;
        test.look(30, "disk", Status::Unknown).await;
        test.look(30, "disk", Status::Problem).await;
        assert_eq!(test.told().await.0, ["disk.began"]);
        for status in [Status::Ok, Status::Problem].repeat(5) {
            test.look(50, "disk", status).await;
        }
        assert_eq!(test.told().await.0, ["disk.began"]);
        test.look(10, "disk", Status::Ok).await;
        test.look(60, "disk", Status::Ok).await;
        assert_eq!(
            test.told().await,
            (vec!["disk.began".into(), "disk.ended".into()], None)
        );
    }

    #[tokio::test]
    async fn what_all_replicas_see_is_kept_in_the_database() {
        let mut test = Test::new().await;
        test.look(0, "quarantine", Status::Warning).await;
        test.look(60, "quarantine", Status::Problem).await;
        let told = test.told().await;
        assert_eq!(told, (Vec::new(), Some("quarantine.began".to_owned())));
    }
}
