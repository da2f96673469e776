//! Who the customer is, and who the business: the reading order of `docs/chatrace.md`, section 2.

use std::borrow::Cow;

use super::facts::{Facts, Names, Role};
use super::fields;
use super::findings::{Outer, Person};
use crate::message::Direction;

/// One person has no more ids than this.
const MAX_ALIASES: usize = 16;

/// The customer, by the reading order of section 2, and the business if it is named.
pub(super) fn choose_person(facts: &Facts<'_>, direction: Direction, parent: &Outer) -> Person {
    let dump_id = facts.top_id.get().filter(|_| facts.is_dump).map(|id| {
        let rank = u16::from(fields::RANK_CONTACT_ID) * 16;
        (rank, Role::Customer, id.as_ref())
    });
    let people: Vec<(u16, Role, &str)> = facts
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
    let recipient = facts.recipient.get().map(AsRef::as_ref);
    let (contact, business, with_writer) = match direction {
        Direction::Inbound => (first(None), recipient, true),
        // Who wrote is the business, unless nobody else is named.
        Direction::Outbound => match first(Some(Role::Customer)).or(recipient) {
            Some(customer) => (Some(customer), first(Some(Role::Writer)), false),
            None => (first(Some(Role::Writer)), None, true),
        },
    };
    let mut person = names(facts, with_writer);
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

fn names(facts: &Facts<'_>, with_writer: bool) -> Person {
    let sources: &[&Names] = if with_writer {
        &[&facts.customer, &facts.writer]
    } else {
        &[&facts.customer]
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn choose(body: &Value, direction: Direction) -> Person {
        choose_person(
            &Facts::of(body.as_object().unwrap()),
            direction,
            &Outer::default(),
        )
    }

    #[test]
    fn the_reading_order_decides_and_not_the_order_of_the_body() {
        // Each of these outranks all that follow it.
        let order = [
            "senderId",
            "user_id",
            "contact_id",
            "ms_id",
            "subscriber_id",
            "fromId",
            "from",
            "sender",
            "user",
            "contact",
            "data",
            "chatfuel user id",
            "bothelp_user_id",
            "user_ns",
            "cuid",
            "ig_id",
            "external_id",
            "messenger user id",
            "sessionId",
            "phone",
        ];
        for (at, key) in order.iter().enumerate() {
            let mut body = json!({});
            for key in order[at..].iter().rev() {
                body[*key] = match *key {
                    "sender" | "user" | "contact" => json!({"id": key}),
                    "data" => continue,
                    _ => json!(key),
                };
            }
            if *key != "data" {
                assert_eq!(
                    choose(&body, Direction::Inbound).contact.as_deref(),
                    Some(*key)
                );
            }
        }
    }

    #[test]
    fn what_the_business_wrote_belongs_to_the_customer() {
        let person = choose(
            &json!({"sender": {"id": "biz", "name": "Shop"}, "recipient": {"id": "cust"}, "username": "@ana"}),
            Direction::Outbound,
        );
        assert_eq!(person.contact.as_deref(), Some("cust"));
        assert_eq!(person.business.as_deref(), Some("biz"));
        assert_eq!(
            (person.username.as_deref(), person.display_name),
            (Some("ana"), None)
        );
        let alone = choose(
            &json!({"phone": "5", "recipient_id": "6"}),
            Direction::Outbound,
        );
        assert_eq!(
            (alone.contact.as_deref(), alone.aliases),
            (Some("5"), vec!["6".to_owned()])
        );
    }

    #[test]
    fn nobody_has_more_than_a_few_aliases() {
        let body: serde_json::Map<String, Value> = (0..1000)
            .map(|at| ("phone".to_owned() + &"_".repeat(at), json!(at)))
            .collect();
        assert_eq!(
            choose(&Value::Object(body), Direction::Inbound)
                .aliases
                .len(),
            MAX_ALIASES
        );
    }
}
