//! Who the customer is, and who the business: the reading order of `docs/chatrace.md`, section 2.

use std::borrow::Cow;

use super::extracted::{Inherited, Parties};
use super::fields;
use super::raw_fields::{Container, Names, Rank, RankedId, RawFields, Role};
use crate::message::Direction;

/// One person has no more ids than this.
const MAX_ALIASES: usize = 16;

/// The customer, by the reading order of section 2, and the business if it is named.
pub(super) fn choose_parties(
    raw: &RawFields<'_>,
    direction: Direction,
    parent: &Inherited,
) -> Parties {
    let is_named_around = !raw.is_dump && parent.parties.contact.is_some();
    let own_id = raw
        .top_id
        .get()
        .filter(|_| raw.has_contact_id() && !is_named_around);
    let own_id = own_id.map(|id| {
        let rank = Rank::by_alias(fields::RANK_CONTACT_ID, Container::Root);
        (rank, Role::Customer, id.as_ref())
    });
    let has_alias = |alias| raw.people.iter().any(|one| one.rank.alias() == alias);
    // Beside the customer's `contact_id`, and in an event that says so by its name, the `user_id` of what the business
    // wrote is the employee's.
    let is_employee = |rank: Rank| {
        direction == Direction::Outbound
            && rank.alias() == fields::RANK_USER_ID
            && (has_alias(fields::RANK_CONTACT_ID) || raw.event_direction().is_some())
    };
    let role = |one: &RankedId<'_>| {
        if is_employee(one.rank) {
            Role::Writer
        } else {
            one.role
        }
    };
    let people: Vec<(Rank, Role, &str)> = raw
        .people
        .iter()
        .map(|one| (one.rank, role(one), one.id.as_ref()))
        .chain(own_id)
        .collect();
    let first = |role: Option<Role>| {
        people
            .iter()
            .filter(|(_, other, _)| role.is_none_or(|role| role == *other))
            .min_by_key(|(rank, _, _)| *rank)
            .map(|(_, _, id)| *id)
    };
    let recipient = raw.recipient.get().map(AsRef::as_ref);
    let (contact, business, with_writer) = match direction {
        Direction::Inbound => (first(None), recipient, true),
        // The author is the business, and never the customer, even if nobody else is named.
        Direction::Outbound => (
            first(Some(Role::Customer)).or(recipient),
            first(Some(Role::Writer)),
            false,
        ),
    };
    let mut parties = choose_names(raw, with_writer);
    parties.business = business.map(str::to_owned);
    let Some(contact) = contact else {
        return inherit(parties, parent);
    };
    let others = people
        .iter()
        .filter(|(_, role, _)| with_writer || *role == Role::Customer)
        .map(|(_, _, id)| *id)
        .chain(recipient.filter(|_| direction == Direction::Outbound));
    for id in others {
        if id != contact
            && parties.aliases.len() < MAX_ALIASES
            && !parties.aliases.iter().any(|alias| alias == id)
        {
            parties.aliases.push(id.to_owned());
        }
    }
    parties.contact = Some(contact.to_owned());
    // A name around it belongs to the same person, unless another one is named there.
    if parent.parties.contact.is_none() || parent.parties.contact == parties.contact {
        return inherit(parties, parent);
    }
    parties
}

fn choose_names(raw: &RawFields<'_>, with_writer: bool) -> Parties {
    let sources: &[&Names] = if with_writer {
        &[&raw.customer, &raw.writer]
    } else {
        &[&raw.customer]
    };
    let pick =
        |choose: fn(&Names) -> Option<String>| sources.iter().find_map(|names| choose(names));
    let own = |text: &Cow<str>| text.clone().into_owned();
    let halves = |names: &Names| match (names.first.get(), names.last.get()) {
        (Some(first), Some(last)) => Some(format!("{first} {last}")),
        (first, last) => first.or(last).map(|half| half.clone().into_owned()),
    };
    Parties {
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
        ..Parties::default()
    }
}

/// Fills what an item does not say from the objects around it.
fn inherit(own: Parties, parent: &Inherited) -> Parties {
    let parent = &parent.parties;
    let is_inherited = own.contact.is_none();
    Parties {
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

    fn choose(body: &Value, direction: Direction) -> Parties {
        choose_parties(
            &RawFields::of_item(body.as_object().unwrap()),
            direction,
            &Inherited::default(),
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
        let business_only = choose(
            &json!({"sender": {"id": "biz"}, "text": "hi"}),
            Direction::Outbound,
        );
        assert_eq!(business_only.contact, None);
        let employee = choose(
            &json!({"userId": "staff", "contactId": "cust"}),
            Direction::Outbound,
        );
        let nobody = choose(
            &json!({"type": "OutboundMessage", "userId": "staff", "body": "hi"}),
            Direction::Outbound,
        );
        assert_eq!(nobody.contact, None);
        assert_eq!(
            (
                employee.contact.as_deref(),
                employee.business.as_deref(),
                employee.aliases
            ),
            (Some("cust"), Some("staff"), vec![])
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
