//! Who the customer is, and who the business: the reading order of `docs/chatrace.md`, section 2.

use std::borrow::Cow;

use super::facts::{Facts, Names, Role};
use super::fields;
use super::findings::Person;
use super::resolve::Outer;
use crate::message::Direction;

/// One person has no more ids than this.
const MAX_ALIASES: usize = 16;

impl Facts<'_> {
    /// The customer, by the reading order of section 2, and the business if it is named.
    pub(super) fn choose_person(&self, direction: Direction, parent: &Outer) -> Person {
        let dump_id = self.top_id.get().filter(|_| self.is_dump).map(|id| {
            let rank = u16::from(fields::RANK_CONTACT_ID) * 16;
            (rank, Role::Customer, id.as_ref())
        });
        let people: Vec<(u16, Role, &str)> = self
            .people
            .iter()
            .map(|candidate| (candidate.rank, candidate.role, candidate.id.as_ref()))
            .chain(dump_id)
            .collect();
        let first = |role: Option<Role>| {
            people
                .iter()
                .filter(|(_, other, _)| role.is_none_or(|role| role == *other))
                .min_by_key(|(rank, _, _)| *rank)
                .map(|(_, _, id)| *id)
        };
        let recipient = self.recipient.get().map(AsRef::as_ref);
        let (contact, business, with_writer) = match direction {
            Direction::Inbound => (first(None), recipient, true),
            // Who wrote is the business, unless nobody else is named.
            Direction::Outbound => match first(Some(Role::Customer)).or(recipient) {
                Some(customer) => (Some(customer), first(Some(Role::Writer)), false),
                None => (first(Some(Role::Writer)), None, true),
            },
        };
        let mut person = self.names(with_writer);
        person.business = business.map(str::to_owned);
        let Some(contact) = contact else {
            return inherit(person, parent);
        };
        let others = people
            .iter()
            .filter(|(_, role, _)| with_writer || *role == Role::Customer)
            .map(|(_, _, id)| *id)
            .chain(recipient.filter(|_| direction == Direction::Outbound));
        for id in others {
            if id != contact
                && person.aliases.len() < MAX_ALIASES
                && !person.aliases.iter().any(|alias| alias == id)
            {
                person.aliases.push(id.to_owned());
            }
        }
        person.contact = Some(contact.to_owned());
        // A name around it belongs to the same person, or to nobody else who is named.
        if parent.person.contact.is_none() || parent.person.contact == person.contact {
            return inherit(person, parent);
        }
        person
    }

    fn names(&self, with_writer: bool) -> Person {
        let sources: &[&Names] = if with_writer {
            &[&self.customer, &self.writer]
        } else {
            &[&self.customer]
        };
        let pick =
            |choose: fn(&Names) -> Option<String>| sources.iter().find_map(|names| choose(names));
        let own = |text: &Cow<str>| text.clone().into_owned();
        let halves = |names: &Names| match (names.first.get(), names.last.get()) {
            (Some(first), Some(last)) => Some(format!("{first} {last}")),
            (first, last) => first.or(last).map(|half| half.clone().into_owned()),
        };
        Person {
            username: sources
                .iter()
                .find_map(|names| names.handle.get())
                .map(|handle| handle.strip_prefix('@').unwrap_or(handle).to_owned())
                .filter(|handle| !handle.is_empty()),
            display_name: sources
                .iter()
                .find_map(|names| names.name.get())
                .map(own)
                .or_else(|| pick(halves)),
            ..Person::default()
        }
    }
}

/// Fills what an item does not say from what stands around it.
fn inherit(own: Person, parent: &Outer) -> Person {
    let parent = &parent.person;
    let is_inherited = own.contact.is_none();
    Person {
        contact: own.contact.or_else(|| parent.contact.clone()),
        business: own.business.or_else(|| parent.business.clone()),
        aliases: if is_inherited {
            parent.aliases.clone()
        } else {
            own.aliases
        },
        username: own.username.or_else(|| parent.username.clone()),
        display_name: own.display_name.or_else(|| parent.display_name.clone()),
    }
}
