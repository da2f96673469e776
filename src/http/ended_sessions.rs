//! The sessions of the page that were logged out at this replica: streams learn of it at once, and it counts while the
//! database is away.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

/// Their ids, and until when they would have lasted.
#[derive(Debug, Default)]
pub(super) struct EndedSessions(watch::Sender<HashMap<Uuid, Timestamp>>);

impl EndedSessions {
    pub(super) fn add(&self, id: Uuid, until: Timestamp, now: Timestamp) {
        self.0.send_modify(|ended| {
            ended.retain(|_, until| *until > now);
            ended.insert(id, until);
        });
    }

    pub(super) fn contains(&self, id: Uuid) -> bool {
        self.0.borrow().contains_key(&id)
    }

    /// Announces each one that is added from now on.
    pub(super) fn subscribe(&self) -> watch::Receiver<HashMap<Uuid, Timestamp>> {
        self.0.subscribe()
    }
}
