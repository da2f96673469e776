//! Under which ids a person is known: the behaviour that both backends share.
//!
//! Bodies name one person by several ids; those beside the chosen one are kept as aliases. Erasing goes from alias to
//! contact and from contact to alias until nothing new is found. An alias that many contacts share is no person but a
//! constant that an owner typed into a template: it leads nowhere, or the erasure of one would be that of all.

use std::collections::BTreeSet;

use super::upkeep::Person;

/// An alias of more contacts than this is a constant.
pub(super) const SHARED: i64 = 8;
/// How many rows an id may lead to. More do not belong to one person.
pub(super) const FAN_OUT: i64 = 64;
/// How many ids a person has at most.
const MOST: usize = 1000;

/// The search for the ids of a person.
#[derive(Debug)]
pub(super) struct Search<'a> {
    person: &'a Person,
    found: BTreeSet<(String, String)>,
    asked: BTreeSet<String>,
}

impl<'a> Search<'a> {
    pub(super) fn new(person: &'a Person) -> Self {
        Self {
            person,
            found: BTreeSet::new(),
            asked: BTreeSet::new(),
        }
    }

    /// The ids to ask about next: the rows of `contact_aliases` with one of them, as alias or as contact.
    pub(super) fn next(&mut self) -> Option<Vec<String>> {
        let ids = self.found.iter().map(|(_, id)| id);
        let next: BTreeSet<_> = ids
            .chain([&self.person.id])
            .filter(|id| !self.asked.contains(*id))
            .cloned()
            .collect();
        if next.is_empty() || self.found.len() > MOST {
            return None;
        }
        self.asked.extend(next.iter().cloned());
        Some(next.into_iter().collect())
    }

    /// Takes in rows: channel, alias, contact.
    pub(super) fn learn(&mut self, rows: impl IntoIterator<Item = (String, String, String)>) {
        for (channel, alias, contact) in rows {
            if self.is_theirs(&channel, &alias) || self.is_theirs(&channel, &contact) {
                self.found.insert((channel.clone(), alias));
                self.found.insert((channel, contact));
            }
        }
    }

    fn is_theirs(&self, channel: &str, id: &str) -> bool {
        let asked_for = *id == self.person.id
            && self
                .person
                .channel
                .as_ref()
                .is_none_or(|named| named == channel);
        asked_for || self.found.contains(&(channel.to_owned(), id.to_owned()))
    }

    /// Every id that was found, and the one that was asked for.
    pub(super) fn finish(self) -> Vec<(Option<String>, String)> {
        let asked_for = (self.person.channel.clone(), self.person.id.clone());
        let others = self
            .found
            .into_iter()
            .map(|(channel, id)| (Some(channel), id));
        std::iter::once(asked_for).chain(others).collect()
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
        let person = Person {
            channel: channel.map(str::to_owned),
            id: "1".to_owned(),
        };
        let mut search = Search::new(&person);
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
    fn every_id_is_found_but_another_channels_ids_are_another_persons() {
        assert_eq!(
            search(Some("instagram")),
            [
                "instagram 1",
                "instagram 1",
                "instagram 2",
                "instagram ext",
                "instagram phone"
            ]
        );
        assert_eq!(
            search(None),
            [
                "* 1",
                "instagram 1",
                "instagram 2",
                "instagram ext",
                "instagram phone",
                "whatsapp 1",
                "whatsapp other"
            ]
        );
    }
}
