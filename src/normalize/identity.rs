//! What makes two items the same message: `docs/chatrace.md`, section 4.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::extracted::{Action, Extracted, Origin};
use crate::message::{Identity, Kind};

/// Changes when the parts or their order do, so that an old key never equals a new one by accident.
const VERSION: &str = "v1";

/// The identity of a message of this contact. `time` is the body's own, if it has one that can be believed.
pub(super) fn identify(
    extracted: &Extracted,
    kind: Kind,
    contact: &str,
    time: Option<Timestamp>,
) -> Identity {
    let mut key = KeyHash::new();
    key.part(extracted.channel.as_str());
    let written = time.map(|time| time.as_nanosecond().to_string());
    if let Some((id, Origin::Meta)) = &extracted.id {
        // Unique worldwide, so neither sender nor content are part of the key; but a reaction, an edit and a
        // deletion carry the id of the message they are about.
        key.part("meta");
        key.part(kind.as_str());
        key.part(id);
        return match &extracted.action {
            Some(Action::Reaction { action }) => {
                // The same person may react, take it back and react again: only the time differs.
                key.part(contact);
                key.part(action);
                key.option(extracted.payload.as_deref());
                key.option(written.as_deref());
                key.finish(time.is_some())
            }
            Some(Action::Edit { number }) => {
                key.option(number.as_deref());
                if number.is_none() {
                    key.option(extracted.text.as_deref());
                }
                key.finish(true)
            }
            _ => key.finish(true),
        };
    }
    key.part(extracted.direction.as_str());
    key.part(contact);
    key.part(kind.as_str());
    key.option(extracted.text.as_deref());
    key.option(extracted.payload.as_deref());
    key.option(extracted.reply_to.as_deref());
    key.part(&extracted.attachments.len().to_string());
    for attachment in &extracted.attachments {
        key.part(&attachment.kind);
        key.option(attachment.url.as_deref());
    }
    // Owners type constants as ids, so an id only adds to what is compared.
    if let Some((id, Origin::Owner)) = &extracted.id {
        key.part("owner");
        key.part(id);
        if matches!(extracted.action, Some(Action::Reaction { .. })) {
            key.option(written.as_deref());
            return key.finish(time.is_some());
        }
        return key.finish(true);
    }
    key.part("time");
    key.option(written.as_deref());
    if let Some(time) = extracted.fine_time {
        key.part(&time.as_nanosecond().to_string());
    }
    key.finish(time.is_some())
}

/// A hash over parts, each after its length, so that no two lists of parts run together.
struct KeyHash(Sha256);

impl KeyHash {
    fn new() -> Self {
        let mut key = Self(Sha256::new());
        key.part(VERSION);
        key
    }

    fn part(&mut self, part: &str) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    fn option(&mut self, part: Option<&str>) {
        match part {
            Some(part) => self.part(part),
            None => self.0.update(u64::MAX.to_be_bytes()),
        }
    }

    fn finish(self, is_certain: bool) -> Identity {
        let digest = self.0.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        let key = Uuid::from_bytes(bytes);
        if is_certain {
            Identity::Key(key)
        } else {
            Identity::Window(key)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parts: &[Option<&str>]) -> Identity {
        let mut key = KeyHash::new();
        for part in parts {
            key.option(*part);
        }
        key.finish(true)
    }

    #[test]
    fn parts_never_run_together() {
        let keys = [
            key(&[Some("ab"), Some("c")]),
            key(&[Some("a"), Some("bc")]),
            key(&[Some("abc")]),
            key(&[Some("abc"), None]),
            key(&[Some("abc"), Some("")]),
        ];
        for (at, identity) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(identity), "{at}");
        }
    }

    #[test]
    fn a_key_never_changes_between_releases() {
        // A new value here makes every late retry a second message: change `VERSION` on purpose only.
        let Identity::Key(key) = key(&[Some("instagram"), None]) else {
            panic!()
        };
        assert_eq!(key.to_string(), "346b7fa8-b232-6a6d-07d9-c9967c82d76a");
    }
}
