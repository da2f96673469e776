//! The suppression list: it keeps away what was erased or deleted.
//!
//! Two things could bring it back. The first is a **late retry** of a deleted message: its dedupe key outlives it for
//! 48 h as a tombstone, and the retry is a duplicate. The second is a **delivery that arrived before** its person was
//! erased and is committed afterwards, from the queue or from a replica's spool: who was erased is remembered for 90
//! days, as hashes, and such an item is ignored. In both cases the raw body of an erased person is not kept either.
//!
//! The arrival is by the clock of a replica, the erasure by that of the database. One that is wrong must not keep away
//! what the person writes afterwards. So what comes straight from the queue is compared only for as long as it may have
//! waited there.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Attempt;
use crate::delivery::{Item, Reason, ReasonCode, Record};
use crate::message::{Contact, Identity};

/// How long the dedupe key of a deleted message outlives it.
const TOMBSTONE: SignedDuration = SignedDuration::from_hours(48);
/// How long it is remembered who was erased: longer than a delivery waits in any spool.
const ERASURE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How far from an erasure what the queue commits is compared with it: longer than a delivery waits in the queue.
const QUEUE: Duration = Duration::from_mins(1);
/// Why an item is not kept, or no longer.
pub(super) const ERASED: &str = "erased on request, together with the body that held it";

/// Until when a tombstone that is set now is kept.
pub(super) fn tombstone_expiry(now: Timestamp) -> Timestamp {
    now.checked_add(TOMBSTONE).unwrap_or(Timestamp::MAX)
}

/// Until when it is remembered who was erased.
pub(super) fn erasure_expiry(now: Timestamp) -> Timestamp {
    now.checked_add(ERASURE).unwrap_or(Timestamp::MAX)
}

/// How far from now the erasures are with which a delivery is compared, by the database's clock. `None`: with all.
pub(super) fn compared_within(attempt: Attempt) -> Option<Duration> {
    match attempt {
        Attempt::First | Attempt::Again => Some(QUEUE),
        Attempt::Spooled => None,
    }
}

/// What is kept of an erased id: 16 bytes of a hash. Without a channel, it is erased on all of them.
pub(super) fn fingerprint(channel: Option<&str>, id: &str) -> Uuid {
    let mut hash = Sha256::new();
    hash.update("erased");
    if let Some(channel) = channel {
        hash.update((channel.len() as u64).to_be_bytes());
        hash.update(channel);
    }
    hash.update(u64::MAX.to_be_bytes());
    hash.update(id);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    Uuid::from_bytes(bytes)
}

/// Hashes of the ids that records name, each with the arrival of its delivery.
pub(super) fn people(records: &[Record]) -> impl Iterator<Item = (Uuid, Timestamp)> {
    records.iter().flat_map(|record| {
        let contacts = record.items.iter().filter_map(Item::contact);
        let people = contacts.flat_map(|contact| fingerprints(&contact));
        people.map(|person| (person, record.delivery.received_at))
    })
}

/// What the list says about a batch. Nearly always nothing.
#[derive(Debug, Default)]
pub(super) struct Suppression {
    erasures: HashMap<Uuid, Timestamp>,
    /// Whether the person of a deleted message was erased.
    keys: HashMap<Uuid, bool>,
    /// The same with the arrivals.
    windows: HashMap<Uuid, Vec<(Timestamp, bool)>>,
}

/// What the list says about an item.
enum ListEntry {
    /// Nothing.
    Free,
    /// Its person was erased after it arrived.
    Erased,
    /// Its message was deleted not long ago; whether because its person was erased.
    Deleted { erased: bool },
}

impl Suppression {
    pub(super) fn add_erasure(&mut self, person: Uuid, at: Timestamp) {
        self.erasures.insert(person, at);
    }

    pub(super) fn add_tombstone(
        &mut self,
        dedupe_key: Uuid,
        window_key: Option<Uuid>,
        received_at: Timestamp,
        erased: bool,
    ) {
        match window_key {
            Some(key) => self
                .windows
                .entry(key)
                .or_default()
                .push((received_at, erased)),
            None => {
                self.keys.insert(dedupe_key, erased);
            }
        }
    }

    /// The records without what does not come back.
    pub(super) fn screen<'a>(&self, records: &'a [Record], window: Duration) -> Cow<'a, [Record]> {
        if self.erasures.is_empty() && self.keys.is_empty() && self.windows.is_empty() {
            return Cow::Borrowed(records);
        }
        records
            .iter()
            .map(|record| self.screened(record.clone(), window))
            .collect()
    }

    fn screened(&self, mut record: Record, window: Duration) -> Record {
        let arrival = record.delivery.received_at;
        let mut erased_any = false;
        for item in &mut record.items {
            match self.listed(item, arrival, window) {
                ListEntry::Free => {}
                ListEntry::Erased => {
                    erased_any = true;
                    *item = erased(None);
                }
                ListEntry::Deleted { erased } => {
                    erased_any |= erased;
                    let contact = item.contact().filter(|_| !erased).map(Box::new);
                    *item = Item::Duplicate { contact };
                }
            }
        }
        if erased_any {
            record.delivery.body = Bytes::new();
            record.delivery.headers.clear();
            for item in &mut record.items {
                // Without its body it can never be read again.
                if let Item::Quarantined { contact, .. } = item {
                    *item = erased(contact.take());
                }
            }
        }
        record
    }

    fn listed(&self, item: &Item, arrival: Timestamp, window: Duration) -> ListEntry {
        let is_erased = |person: Uuid| self.erasures.get(&person).is_some_and(|at| arrival <= *at);
        if item.contact().iter().flat_map(fingerprints).any(is_erased) {
            return ListEntry::Erased;
        }
        let Item::Message(draft) = item else {
            return ListEntry::Free;
        };
        let erased = match draft.identity {
            Identity::Key(key) => self.keys.get(&key).copied(),
            Identity::Window(key) => self
                .windows
                .get(&key)
                .into_iter()
                .flatten()
                .find(|(other, _)| arrival.duration_since(*other).unsigned_abs() < window)
                .map(|(_, erased)| *erased),
        };
        match erased {
            Some(erased) => ListEntry::Deleted { erased },
            None => ListEntry::Free,
        }
    }
}

fn erased(contact: Option<Box<Contact>>) -> Item {
    Item::Ignored {
        reason: Reason::new(ReasonCode::Erased, ERASED),
        contact,
    }
}

/// Each id of a person, on their channel and on all of them.
fn fingerprints(contact: &Contact) -> Vec<Uuid> {
    let channel = contact.channel.as_str();
    let ids = std::iter::once(&contact.id).chain(&contact.aliases);
    ids.flat_map(|id| [fingerprint(Some(channel), id), fingerprint(None, id)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::normalize::Normalizer;
    use crate::time::new_id;

    fn record(body: &'static str, arrival: &str) -> Record {
        let delivery = Delivery {
            id: new_id(),
            received_at: arrival.parse().unwrap(),
            method: "POST".to_owned(),
            content_type: None,
            headers: vec![("user-agent".to_owned(), "test".to_owned())],
            body: body.into(),
            is_query: false,
        };
        Normalizer::default().to_record(delivery)
    }

    const WINDOW: Duration = Duration::from_secs(10);

    #[test]
    fn only_what_arrived_before_the_erasure_is_kept_away() {
        let mut suppression = Suppression::default();
        let erased_at = "2026-07-09T12:00:00Z".parse().unwrap();
        suppression.add_erasure(fingerprint(None, "ext-9"), erased_at);
        let body = r#"[{"contact_id":"1","ext":0,"external_id":"ext-9","text":"a"},{"contact_id":"2","text":"b"},{"contact_id":"3"}]"#;
        let records = [
            record(body, "2026-07-09T12:00:00Z"),
            record(body, "2026-07-09T12:00:00.001Z"),
        ];
        let screened = suppression.screen(&records, WINDOW);
        let [before, after] = &*screened else {
            panic!("two records")
        };
        assert!(before.delivery.body.is_empty() && before.delivery.headers.is_empty());
        assert!(
            matches!(&before.items[0], Item::Ignored { reason, contact: None } if reason.code == ReasonCode::Erased)
        );
        assert_eq!(before.items[1], records[0].items[1], "another person's");
        assert!(
            matches!(
                &before.items[2],
                Item::Ignored {
                    contact: Some(_),
                    ..
                }
            ),
            "nothing stays in quarantine without a body"
        );
        assert_eq!(after.items, records[1].items);
        assert_eq!(after.delivery, records[1].delivery);
    }

    #[test]
    fn a_retry_within_the_window_of_a_deleted_message_is_a_duplicate() {
        let body = r#"{"contact_id":"1","text":"a"}"#;
        let records = [
            record(body, "2026-07-09T12:00:09.999Z"),
            record(body, "2026-07-09T12:00:10Z"),
        ];
        let mut suppression = Suppression::default();
        for record in &records {
            let Item::Message(draft) = &record.items[0] else {
                panic!("a message")
            };
            let Identity::Window(key) = draft.identity else {
                panic!("without id and time")
            };
            let arrival = "2026-07-09T12:00:00Z".parse().unwrap();
            suppression.add_tombstone(new_id(), Some(key), arrival, false);
        }
        let screened = suppression.screen(&records, WINDOW);
        assert!(matches!(
            &screened[0].items[0],
            Item::Duplicate { contact: Some(_) }
        ));
        assert!(!screened[0].delivery.body.is_empty());
        assert_eq!(screened[1].items, records[1].items);
    }

    #[test]
    fn a_fingerprint_tells_channels_apart() {
        assert_ne!(
            fingerprint(Some("instagram"), "1"),
            fingerprint(Some("whatsapp"), "1")
        );
        assert_ne!(fingerprint(Some("instagram"), "1"), fingerprint(None, "1"));
    }
}
