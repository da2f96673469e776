//! What may happen to a ledger: few people, few ids and few names, so that everything meets everything.

use chatrace_webhook::delivery::{Item, ReasonCode};
use chatrace_webhook::message::{Channel, Contact, Draft, Identity};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use crate::support::records::draft;

/// What happens next.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A batch is committed.
    Commit(Vec<Arrival>),
    /// The last batch is committed once more, as after a lost answer, and others with it.
    Retry(Vec<Arrival>),
    RollUp,
    /// What is in quarantine is read like this now.
    Reprocess(Vec<ItemPlan>),
    /// A person is put on the suppression list, on one channel or on all.
    BeginErasure(Option<String>, String),
    /// A part of what is there of that person is erased.
    Erase,
    /// What is older than so many minutes is deleted.
    Expire(i64),
    Rebuild,
}

/// A delivery that arrived so many seconds before it is committed.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) late: i64,
    pub(super) items: Vec<ItemPlan>,
}

#[derive(Debug, Clone)]
pub(super) enum ItemPlan {
    Message(Identity, Person),
    Ignored(Option<Person>),
    Quarantined(Option<Person>),
}

/// A person as one item names them.
#[derive(Debug, Clone)]
pub(super) struct Person {
    channel: &'static str,
    id: String,
    username: Option<String>,
    display_name: Option<String>,
    aliases: Vec<String>,
}

impl Person {
    fn contact(&self) -> Contact {
        Contact {
            channel: Channel::named(self.channel),
            id: self.id.clone(),
            username: self.username.clone(),
            display_name: self.display_name.clone(),
            aliases: self.aliases.clone(),
        }
    }
}

pub(super) fn item(plan: &ItemPlan) -> Item {
    let contact = |person: &Option<Person>| person.as_ref().map(Person::contact);
    match plan {
        ItemPlan::Message(identity, person) => {
            let contact = person.contact();
            Item::Message(Box::new(Draft {
                channel: contact.channel,
                contact_id: contact.id,
                username: contact.username,
                display_name: contact.display_name,
                aliases: contact.aliases,
                ..draft(*identity)
            }))
        }
        ItemPlan::Ignored(person) => {
            Item::ignored(ReasonCode::ContactOnly, "contact data", contact(person))
        }
        ItemPlan::Quarantined(person) => {
            Item::quarantined(ReasonCode::NoContent, "no content", contact(person))
        }
    }
}

fn channel() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("instagram"), 1 => Just("whatsapp"), 1 => Just("viber")]
}

fn person() -> impl Strategy<Value = Person> {
    (
        channel(),
        "p[0-4]",
        option::of("u[0-2]"),
        option::of("n[0-2]"),
        vec("(a[0-3]|p[0-1])", 0..3),
    )
        .prop_map(|(channel, id, username, display_name, aliases)| Person {
            channel,
            id,
            username,
            display_name,
            aliases,
        })
}

fn identity() -> impl Strategy<Value = Identity> {
    prop_oneof![
        (0_u128..24).prop_map(|key| Identity::Key(Uuid::from_u128(key))),
        (100_u128..104).prop_map(|key| Identity::Window(Uuid::from_u128(key))),
    ]
}

fn item_plan() -> impl Strategy<Value = ItemPlan> {
    prop_oneof![
        4 => (identity(), person()).prop_map(|(identity, person)| ItemPlan::Message(identity, person)),
        1 => option::of(person()).prop_map(ItemPlan::Ignored),
        2 => option::of(person()).prop_map(ItemPlan::Quarantined),
    ]
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let late = prop_oneof![3 => Just(0), 1 => 1_i64..20, 1 => 60_i64..3 * 3600];
    let arrival = (late, vec(item_plan(), 1..4)).prop_map(|(late, items)| Arrival { late, items });
    vec(arrival, 1..5)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => arrivals().prop_map(Step::Commit),
        2 => arrivals().prop_map(Step::Retry),
        3 => Just(Step::RollUp),
        2 => vec(item_plan(), 3).prop_map(Step::Reprocess),
        2 => (option::of(channel()), "(p[0-4]|a[0-3])")
            .prop_map(|(channel, id)| Step::BeginErasure(channel.map(str::to_owned), id)),
        2 => Just(Step::Erase),
        1 => (0_i64..3 * 60).prop_map(Step::Expire),
        1 => Just(Step::Rebuild),
    ]
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..24)
}
