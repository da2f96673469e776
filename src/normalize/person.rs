//! Who the customer is, and who the business: the reading order of `docs/chatrace.md`, section 2.

use std::borrow::Cow;

use super::extracted::{Inherited, Parties};
use super::fields;
use super::raw_fields::{Container, Names, Rank, RawFields, Role};
use crate::message::Direction;

/// One person has no more ids than this.
const MAX_ALIASES: usize = 16;

/// An id of a person.
struct Candidate<'r> {
    rank: Rank,
    role: Role,
    id: &'r str,
    is_behind_words: bool,
}

/// The people that an item names.
pub(super) struct People<'r> {
    raw: &'r RawFields<'r>,
    direction: Direction,
    parent: &'r Inherited,
    candidates: Vec<Candidate<'r>>,
}

impl<'r> People<'r> {
    pub(super) fn of(raw: &'r RawFields<'r>, direction: Direction, parent: &'r Inherited) -> Self {
        let is_named_around = !raw.is_dump && parent.parties.contact.is_some();
        let own_id = raw
            .top_id
            .get()
            .filter(|_| raw.has_contact_id() && !is_named_around);
        let own_id = own_id.map(|id| Candidate {
            rank: Rank::by_alias(fields::RANK_CONTACT_ID, Container::Root),
            role: Role::Customer,
            id,
            is_behind_words: raw.is_top_id_behind_words,
        });
        let has_alias = |alias| raw.people.iter().any(|one| one.rank.alias() == alias);
        // Beside the customer's `contact_id`, and in an event that says so by its name, the `user_id` of what the
        // business wrote is the employee's. In a platform's own event it always is.
        let has_employee = has_alias(fields::RANK_CONTACT_ID) || raw.event_direction().is_some();
        let has_employee =
            has_employee && (direction == Direction::Outbound || raw.is_platform_event);
        let named = raw.people.iter().filter_map(|one| {
            let is_employee = has_employee && one.rank.alias() == fields::RANK_USER_ID;
            let role = match direction {
                Direction::Outbound if is_employee => Role::Writer,
                Direction::Inbound if is_employee => return None,
                _ => one.role,
            };
            Some(Candidate {
                rank: one.rank,
                role,
                id: one.id.as_ref(),
                is_behind_words: one.is_behind_words,
            })
        });
        Self {
            raw,
            direction,
            parent,
            candidates: named.chain(own_id).collect(),
        }
    }

    /// Those who can be the customer. The author of what the business wrote is not, even if nobody else is named.
    fn customers(&self) -> impl Iterator<Item = &Candidate<'r>> {
        let with_writer = self.direction == Direction::Inbound;
        let all = self.candidates.iter();
        all.filter(move |one| with_writer || one.role == Role::Customer)
    }

    /// Whether the customer could be another one if a customer typed this. `outer` is the person who is named around
    /// this item, and `is_behind_words` says that the whole item stands behind something that a customer typed.
    ///
    /// An id behind such words may not rank as high as one before them. Without one before them, exactly one may stand
    /// behind.
    pub(super) fn is_in_doubt(&self, outer: Option<&str>, is_behind_words: bool) -> bool {
        let best = |is_behind: bool| {
            let some = self
                .customers()
                .filter(|one| one.is_behind_words == is_behind);
            some.min_by_key(|one| one.rank)
        };
        let (before, behind) = (best(false), best(true));
        match (before, behind) {
            (Some(before), _) if is_behind_words => Some(before.id) != outer,
            (Some(before), Some(behind)) => behind.rank <= before.rank && behind.id != before.id,
            (_, None) => false,
            (None, Some(one)) => {
                outer.is_some_and(|outer| outer != one.id)
                    || is_behind_words
                    || self.customers().any(|other| other.id != one.id)
            }
        }
    }

    /// The customer, by the reading order of section 2, and the business if it is named. Unless the body `is_trusted`,
    /// an id behind something that a customer typed is no alias: it could be anybody's.
    pub(super) fn choose(&self, is_trusted: bool) -> Parties {
        let Self { raw, parent, .. } = self;
        let is_outbound = self.direction == Direction::Outbound;
        let recipient = raw.recipient.get().map(AsRef::as_ref);
        let contact = self.customers().min_by_key(|one| one.rank);
        let contact = contact.map(|one| one.id);
        let mut parties = choose_names(raw, !is_outbound);
        let (contact, business) = if is_outbound {
            let writers = self
                .candidates
                .iter()
                .filter(|one| one.role == Role::Writer);
            let writer = writers.min_by_key(|one| one.rank).map(|one| one.id);
            (contact.or(recipient), writer)
        } else {
            (contact, recipient)
        };
        parties.business = business.map(str::to_owned);
        let Some(contact) = contact else {
            return inherit(parties, parent);
        };
        let others = self
            .customers()
            .filter(|one| is_trusted || !one.is_behind_words)
            .map(|one| one.id)
            .chain(recipient.filter(|_| is_outbound));
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
        let raw = RawFields::of_item(body.as_object().unwrap());
        People::of(&raw, direction, &Inherited::default()).choose(true)
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
