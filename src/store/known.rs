//! What a process knows of the database: which contacts are surely in it, so that a message of a known customer need not
//! write them again, and whether something was deleted not long ago.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::message::{Contact, Draft};

/// How many contacts are remembered; forgetting them all costs one extra write for each.
const CAPACITY: usize = 100_000;
/// How long they are believed: a bound on what a mistake costs.
const BELIEVED_FOR: Duration = Duration::from_mins(5);

/// A bounded memory of contacts exactly as they were written, names included.
#[derive(Debug)]
pub(super) struct Known {
    /// What was written last, by who it is.
    contacts: HashMap<u64, u64>,
    hasher: RandomState,
    since: Instant,
    /// Counts the deletions of contacts in the database, as far as this process has seen.
    generation: i64,
    /// Whether something was deleted not long ago that must not come back, when that was looked at last.
    guarded: bool,
}

impl Known {
    pub(super) fn new() -> Self {
        Self {
            contacts: HashMap::new(),
            hasher: RandomState::new(),
            since: Instant::now(),
            generation: 0,
            guarded: false,
        }
    }

    /// How often contacts had been deleted when [`see`](Self::see) was last told.
    pub(super) fn generation(&self) -> i64 {
        self.generation
    }

    /// Whether a batch has to be held against what was deleted, as far as this process has seen: then it is not worth
    /// trying without.
    pub(super) fn is_guarded(&self) -> bool {
        self.guarded
    }

    /// Remembers whether something was deleted not long ago.
    pub(super) fn guard(&mut self, guarded: bool) {
        self.guarded = guarded;
    }

    /// Forgets everything if contacts were deleted since the last time.
    pub(super) fn see(&mut self, generation: i64) {
        if self.generation != generation {
            self.clear();
            self.generation = generation;
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.contacts.clear();
    }

    /// Whether this contact was written, with these names, not long ago.
    pub(super) fn contains(&self, contact: &impl NamesContact) -> bool {
        let (who, what) = self.hash(contact);
        self.since.elapsed() < BELIEVED_FOR && self.contacts.get(&who) == Some(&what)
    }

    /// Remembers contacts that are committed.
    pub(super) fn remember<'a>(&mut self, contacts: impl IntoIterator<Item = &'a Contact>) {
        if self.since.elapsed() >= BELIEVED_FOR || self.contacts.len() >= CAPACITY {
            self.contacts.clear();
            self.since = Instant::now();
        }
        for contact in contacts {
            let (who, what) = self.hash(contact);
            self.contacts.insert(who, what);
        }
    }

    /// Who it is, and everything that is written.
    fn hash(&self, contact: &impl NamesContact) -> (u64, u64) {
        let parts = contact.parts();
        let who = self.hasher.hash_one((parts.0, parts.1));
        (who, self.hasher.hash_one(parts))
    }
}

/// What is written of a contact: channel, id, handle, name and other ids.
type Parts<'a> = (
    &'a str,
    &'a str,
    Option<&'a str>,
    Option<&'a str>,
    &'a [String],
);

/// Something that names a contact: to ask whether it is known, nothing is copied.
pub(super) trait NamesContact {
    fn parts(&self) -> Parts<'_>;
}

impl NamesContact for Contact {
    fn parts(&self) -> Parts<'_> {
        (
            self.channel.as_str(),
            &self.id,
            self.username.as_deref(),
            self.display_name.as_deref(),
            &self.aliases,
        )
    }
}

impl NamesContact for Draft {
    fn parts(&self) -> Parts<'_> {
        (
            self.channel.as_str(),
            &self.contact_id,
            self.username.as_deref(),
            self.display_name.as_deref(),
            &self.aliases,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Channel;

    #[test]
    fn a_contact_with_a_new_name_is_written_again() {
        let mut contact = Contact {
            channel: Channel::Instagram,
            id: "1".to_owned(),
            username: None,
            display_name: Some("Ana".to_owned()),
            aliases: Vec::new(),
        };
        let mut known = Known::new();
        assert!(!known.contains(&contact));
        known.remember([&contact]);
        assert!(known.contains(&contact));
        let before = contact.clone();
        contact.display_name = Some("Ana Ruiz".to_owned());
        assert!(!known.contains(&contact));
        known.remember([&contact]);
        assert!(!known.contains(&before), "the old name is news again");
    }
}
