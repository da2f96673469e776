//! Under which ids a person is known.
//!
//! Bodies name one person by several ids; those beside the chosen one are kept as aliases. Customers choose some of
//! them: a phone or an id that they type may be somebody else's. So an id that is a contact's is erased alone, and
//! more than one contact only after the caller confirmed their number.
//!
//! Erasing by another id goes from alias to contact and from contact to alias until nothing new is found. If no channel
//! is named, an id leads from one channel to the other: it is erased on all of them, so the ids beside it are the
//! person's on all of them. An alias that more than a few contacts of one channel share is not a person but a constant
//! that an owner typed into a template. It leads nowhere, or erasing one person would erase all.

use std::collections::BTreeSet;

use super::maintenance::PersonId;

/// An alias of more contacts than this in one channel is a constant.
///
/// So few, because the two mistakes do not weigh the same. One person rarely has more than two or three contacts in one
/// channel (the id of the channel, that of Chatrace, a phone); if one has more, those that are left over are still
/// there and can be erased by their own ids. But a constant that is followed erases other customers for ever, and in a
/// young installation, with a handful of customers, nothing but this number tells it from a person.
pub(super) const SHARED: i64 = 3;
/// How many rows an id may lead to. More do not belong to one person.
pub(super) const FAN_OUT: i64 = 64;
/// How many ids a person has at most.
const MOST: usize = 1000;

/// The search for the ids of a person: on the channel that is named, and else on every one.
#[derive(Debug)]
pub(super) struct IdSearch<'a> {
    person: &'a PersonId,
    found: BTreeSet<String>,
    asked: BTreeSet<String>,
}

impl<'a> IdSearch<'a> {
    pub(super) fn new(person: &'a PersonId) -> Self {
        Self {
            person,
            found: BTreeSet::from([person.id.clone()]),
            asked: BTreeSet::new(),
        }
    }

    /// The ids to ask about next: the rows of `contact_aliases` with one of them, as alias or as contact.
    pub(super) fn next(&mut self) -> Option<Vec<String>> {
        let next: Vec<_> = self.found.difference(&self.asked).cloned().collect();
        if next.is_empty() || self.found.len() > MOST {
            return None;
        }
        self.asked.extend(next.iter().cloned());
        Some(next)
    }

    /// Adds rows: channel, alias, contact.
    pub(super) fn learn(&mut self, rows: impl IntoIterator<Item = (String, String, String)>) {
        let named = self.person.channel.as_ref();
        for (channel, alias, contact) in rows {
            let is_wanted = named.is_none_or(|named| *named == channel);
            if is_wanted && (self.found.contains(&alias) || self.found.contains(&contact)) {
                self.found.extend([alias, contact]);
            }
        }
    }

    /// Every id that was found, the one that was asked for among them.
    pub(super) fn finish(self) -> Vec<(Option<String>, String)> {
        let channel = &self.person.channel;
        let ids = self.found.into_iter();
        ids.map(|id| (channel.clone(), id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(channel: Option<&str>) -> Vec<String> {
        let rows = [
            ("instagram", "ext", "1"),
            ("instagram", "phone", "1"),
            ("instagram", "phone", "2"),
            ("whatsapp", "other", "1"),
            ("whatsapp", "phone", "3"),
        ];
        let person = PersonId {
            channel: channel.map(str::to_owned),
            id: "1".to_owned(),
        };
        let mut search = IdSearch::new(&person);
        while let Some(ids) = search.next() {
            let asked = |id: &str| ids.iter().any(|one| one == id);
            let rows = rows
                .iter()
                .filter(|(_, alias, contact)| asked(alias) || asked(contact));
            search.learn(rows.map(|(channel, alias, contact)| {
                (
                    (*channel).to_owned(),
                    (*alias).to_owned(),
                    (*contact).to_owned(),
                )
            }));
        }
        let ids = search.finish().into_iter();
        ids.map(|(channel, id)| format!("{} {id}", channel.as_deref().unwrap_or("*")))
            .collect()
    }

    #[test]
    fn every_id_is_found_on_the_channel_that_is_named() {
        assert_eq!(
            search(Some("instagram")),
            [
                "instagram 1",
                "instagram 2",
                "instagram ext",
                "instagram phone"
            ]
        );
    }

    #[test]
    fn without_a_channel_an_id_is_the_same_person_on_each() {
        assert_eq!(
            search(None),
            ["* 1", "* 2", "* 3", "* ext", "* other", "* phone"]
        );
    }
}
