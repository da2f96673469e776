//! A delivery with as many items as one may hold, each of another person: everything that is done with it fits into the
//! time that a transaction may last.

use std::sync::LazyLock;

use chatrace_webhook::delivery::{Item, Outcome, ReasonCode, Record};
use chatrace_webhook::message::{Contact, Draft, Identity};
use chatrace_webhook::store::{Attempt, ContactFilter, Mode};
use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use uuid::Uuid;

use super::{ALL, open};
use crate::support::Backend;
use crate::support::records::{delivery_at, draft, record};

const ITEMS: u32 = 10_000;

fn ago(hours: i64) -> Timestamp {
    /// Read once: two calls in one test must not differ by a second that passed between them.
    static NOW: LazyLock<Timestamp> =
        LazyLock::new(|| Timestamp::from_second(Timestamp::now().as_second()).unwrap());
    NOW.checked_sub(SignedDuration::from_hours(hours)).unwrap()
}

fn person(number: u32) -> Contact {
    Contact {
        id: format!("person-{number}"),
        aliases: vec![format!("alias-{number}")],
        ..draft(Identity::Key(Uuid::nil())).contact()
    }
}

/// A message of each person: every other one without id and time.
fn messages(arrived: Timestamp) -> Record {
    let drafts = (0..ITEMS).map(|number| {
        let key = Uuid::from_u128(number.into());
        let identity = if number % 2 == 0 {
            Identity::Key(key)
        } else {
            Identity::Window(key)
        };
        let Contact { id, aliases, .. } = person(number);
        Draft {
            contact_id: id,
            aliases,
            ..draft(identity)
        }
    });
    record(arrived, drafts)
}

#[rstest]
#[tokio::test]
async fn a_delivery_of_ten_thousand_items_is_handled_whole(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let (store, _directory) = open(backend).await;
    let commit = async |record: &Record, attempt| {
        let records = std::slice::from_ref(record);
        store.commit(records, attempt).await.unwrap().remove(0)
    };
    // As nobody understands it at first.
    let not_understood =
        |number| Item::quarantined(ReasonCode::NoContent, "no content", Some(person(number)));
    let quarantined = Record {
        items: (0..ITEMS).map(not_understood).collect(),
        ..messages(ago(100))
    };
    let receipt = commit(&quarantined, Attempt::First).await.receipt;
    assert_eq!(receipt.quarantined, ITEMS);
    let understood = Record {
        delivery: quarantined.delivery.clone(),
        ..messages(ago(100))
    };
    let reprocessed = store
        .reprocess(std::slice::from_ref(&understood), Mode::Real)
        .await;
    let reprocessed = reprocessed.unwrap();
    assert_eq!((reprocessed[0].before, reprocessed[0].after), (ITEMS, 0));
    assert_eq!(reprocessed[0].stored, ITEMS);

    // Again, because the answer was lost; and by another delivery.
    let receipt = commit(&understood, Attempt::Again).await.receipt;
    assert_eq!(receipt.stored, ITEMS);
    let repeated = Record {
        delivery: delivery_at(ago(100), "{}"),
        ..understood
    };
    let receipt = commit(&repeated, Attempt::First).await.receipt;
    assert_eq!(receipt.duplicates, ITEMS);

    let contacts = async || {
        let filter = ContactFilter::default();
        let (mut page, mut count) = (ALL, 0);
        loop {
            let contacts = store.contacts(&filter, page).await.unwrap();
            count += contacts.rows.len();
            match contacts.cut {
                Some(cut) => page.after = cut,
                None => return count,
            }
        }
    };
    assert_eq!(contacts().await, ITEMS as usize);
    let (mut after, mut deleted) = (0, (0, 0, 0));
    loop {
        let part = store.expire(ago(50), ago(0), after).await.unwrap();
        after = part.after;
        deleted.0 += part.deliveries;
        deleted.1 += part.messages;
        deleted.2 += part.contacts;
        if part.done {
            break;
        }
    }
    assert_eq!(deleted, (2, ITEMS.into(), ITEMS.into()));
    assert_eq!(contacts().await, 0);
    // What was deleted comes back.
    let late = messages(ago(100));
    let receipt = commit(&late, Attempt::First).await.receipt;
    assert_eq!(
        (receipt.duplicates, receipt.outcome),
        (ITEMS, Outcome::Duplicate)
    );
}
