//! The rows of a commit in the types of `migrations/postgres`: their fields stand in the order of the type's.

use jiff_sqlx::{Timestamp, ToSqlx as _};
use sqlx::postgres::{PgHasArrayType, PgTypeInfo};
use sqlx::{Postgres, Type};
use uuid::Uuid;

use crate::delivery::Record;
use crate::message::Contact;
use crate::store::Committed;
use crate::store::settle::{Candidate, Counters, Hours, ItemRow, Settled};

/// A row of `messages`.
#[derive(sqlx::Encode)]
pub(super) struct NewMessage<'a> {
    pub(super) position: i64,
    pub(super) id: Uuid,
    dedupe_key: Uuid,
    window_key: Option<Uuid>,
    delivery_id: Uuid,
    item: i32,
    channel: &'a str,
    direction: &'static str,
    kind: &'static str,
    external_id: Option<&'a str>,
    contact_id: &'a str,
    sender_id: Option<&'a str>,
    recipient_id: Option<&'a str>,
    username: Option<&'a str>,
    display_name: Option<&'a str>,
    body: Option<&'a str>,
    attachments: Option<String>,
    reply_to: Option<&'a str>,
    payload: Option<&'a str>,
    sent_at: Timestamp,
    sent_at_source: &'static str,
    received_at: Timestamp,
    shape: &'static str,
    recovered: bool,
}

impl<'a> NewMessage<'a> {
    pub(super) fn new(position: i64, candidate: &Candidate<'a>) -> Self {
        let (delivery, draft) = (candidate.delivery, candidate.draft);
        Self {
            position,
            id: candidate.id,
            dedupe_key: candidate.dedupe_key,
            window_key: candidate.window_key,
            delivery_id: delivery.id,
            item: candidate.item,
            channel: draft.channel.as_str(),
            direction: draft.direction.as_str(),
            kind: draft.kind.as_str(),
            external_id: draft.external_id.as_deref(),
            contact_id: &draft.contact_id,
            sender_id: draft.sender_id.as_deref(),
            recipient_id: draft.recipient_id.as_deref(),
            username: draft.username.as_deref(),
            display_name: draft.display_name.as_deref(),
            body: draft.text.as_deref(),
            attachments: candidate.attachments_json(),
            reply_to: draft.reply_to.as_deref(),
            payload: draft.payload.as_deref(),
            sent_at: draft.sent_at.to_sqlx(),
            sent_at_source: draft.sent_at_source.as_str(),
            received_at: delivery.received_at.to_sqlx(),
            shape: draft.shape.as_str(),
            recovered: draft.recovered,
        }
    }
}

/// A row of `deliveries`.
#[derive(sqlx::Encode)]
pub(super) struct NewDelivery<'a> {
    position: i64,
    id: Uuid,
    received_at: Timestamp,
    method: &'a str,
    content_type: Option<&'a str>,
    headers: String,
    body: &'a [u8],
    is_query: bool,
    shape: &'static str,
    outcome: &'static str,
    stored: i32,
    duplicates: i32,
    ignored: i32,
    quarantined: i32,
}

impl<'a> NewDelivery<'a> {
    fn new(position: i64, record: &'a Record, committed: &Committed) -> Self {
        let (delivery, receipt) = (&record.delivery, &committed.receipt);
        let count = |items: u32| i32::try_from(items).unwrap_or(i32::MAX);
        Self {
            position,
            id: delivery.id,
            received_at: delivery.received_at.to_sqlx(),
            method: &delivery.method,
            content_type: delivery.content_type.as_deref(),
            headers: crate::store::headers_json(delivery),
            body: &delivery.body,
            is_query: delivery.is_query,
            shape: record.shape.as_str(),
            outcome: receipt.outcome.as_str(),
            stored: count(receipt.stored),
            duplicates: count(receipt.duplicates),
            ignored: count(receipt.ignored),
            quarantined: count(receipt.quarantined),
        }
    }
}

/// A row of `items`.
#[derive(sqlx::Encode)]
pub(super) struct NewItem<'a> {
    delivery_id: Uuid,
    item: i32,
    outcome: &'static str,
    code: Option<&'static str>,
    reason: Option<&'a str>,
    channel: Option<&'a str>,
    contact_id: Option<&'a str>,
}

impl<'a> NewItem<'a> {
    fn new(row: &ItemRow<'a>) -> Self {
        Self {
            delivery_id: row.delivery_id,
            item: row.item,
            outcome: row.outcome.as_str(),
            code: row.reason.map(|reason| reason.code.as_str()),
            reason: row.reason.map(|reason| reason.text.as_str()),
            channel: row.contact.map(|(channel, _)| channel),
            contact_id: row.contact.map(|(_, id)| id),
        }
    }
}

/// A row of `contacts`.
#[derive(sqlx::Encode)]
pub(super) struct NewContact<'a> {
    position: i64,
    channel: &'a str,
    id: &'a str,
    username: Option<&'a str>,
    display_name: Option<&'a str>,
    first_seen: Timestamp,
}

impl<'a> NewContact<'a> {
    pub(super) fn new(position: i64, contact: &'a Contact, since: jiff::Timestamp) -> Self {
        Self {
            position,
            channel: contact.channel.as_str(),
            id: &contact.id,
            username: contact.username.as_deref(),
            display_name: contact.display_name.as_deref(),
            first_seen: since.to_sqlx(),
        }
    }
}

/// A row of `contact_aliases`.
#[derive(sqlx::Encode)]
pub(super) struct NewAlias<'a> {
    channel: &'a str,
    alias: &'a str,
    contact_id: &'a str,
}

impl<'a> NewAlias<'a> {
    pub(super) fn all(contact: &'a Contact) -> impl Iterator<Item = Self> {
        contact.aliases.iter().map(|alias| Self {
            channel: contact.channel.as_str(),
            alias,
            contact_id: &contact.id,
        })
    }
}

/// What a row of `hours` is widened by.
#[derive(sqlx::Encode)]
pub(super) struct NewHour {
    hour: i64,
    first: i64,
    last: i64,
    newest: Timestamp,
}

/// What a row of `counters` is raised by.
#[derive(sqlx::Encode)]
pub(super) struct NewCount<'a> {
    hour: i64,
    name: &'static str,
    label: &'a str,
    value: i64,
}

/// The rows that follow from which messages and contacts are new.
#[derive(Default)]
pub(super) struct Rows<'a> {
    pub(super) deliveries: Vec<NewDelivery<'a>>,
    pub(super) items: Vec<NewItem<'a>>,
    pub(super) hours: Vec<NewHour>,
    pub(super) counts: Vec<NewCount<'a>>,
}

impl<'a> Rows<'a> {
    /// Puts the deliveries behind a position.
    pub(super) fn new(settled: &Settled<'a>, position: i64) -> Self {
        let deliveries = (position + 1..).zip(&settled.committed);
        Self {
            deliveries: deliveries
                .map(|(position, (record, committed))| {
                    NewDelivery::new(position, record, committed)
                })
                .collect(),
            items: settled.items.iter().map(NewItem::new).collect(),
            ..Self::counting(&settled.counters, &settled.hours)
        }
    }

    /// Only what is counted.
    pub(super) fn counting(counters: &Counters<'a>, hours: &Hours) -> Self {
        let counts = counters.0.iter();
        let hours = hours.0.iter();
        Self {
            hours: hours
                .map(|(&hour, span)| NewHour {
                    hour,
                    first: span.first,
                    last: span.last,
                    newest: span.newest.to_sqlx(),
                })
                .collect(),
            counts: counts
                .map(|(&(hour, name, label), &value)| NewCount {
                    hour,
                    name: name.as_str(),
                    label,
                    value,
                })
                .collect(),
            ..Self::default()
        }
    }
}

/// Names the types in the database. (Deriving `Type` would derive reading as well, which borrowed rows cannot.)
macro_rules! types {
    ($($row:ty = $name:literal),+ $(,)?) => {
        $(
            impl Type<Postgres> for $row {
                fn type_info() -> PgTypeInfo {
                    PgTypeInfo::with_name($name)
                }
            }
            impl PgHasArrayType for $row {
                fn array_type_info() -> PgTypeInfo {
                    PgTypeInfo::array_of($name)
                }
            }
        )+
    };
}

types! {
    NewMessage<'_> = "new_message",
    NewDelivery<'_> = "new_delivery",
    NewItem<'_> = "new_item",
    NewContact<'_> = "new_contact",
    NewAlias<'_> = "new_alias",
    NewHour = "new_span",
    NewCount<'_> = "new_count",
}
