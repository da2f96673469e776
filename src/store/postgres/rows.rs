//! The rows of a batch as Postgres gets them: their fields are in the order of the table's columns.

use sqlx::postgres::{PgHasArrayType, PgTypeInfo};
use sqlx::{Postgres, Type};
use uuid::Uuid;

use crate::delivery::{Receipt, Record};
use crate::store::counts::{CountChanges, Counts};
use crate::store::headers_json;
use crate::store::plan::{HourRanges, NewItem, NewMessage};
use crate::store::values::Time;

/// A row of `messages`.
#[derive(sqlx::Encode)]
pub(super) struct MessageColumns<'a> {
    position: i64,
    id: Uuid,
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
    aliases: Option<String>,
    body: Option<&'a str>,
    attachments: Option<String>,
    reply_to: Option<&'a str>,
    payload: Option<&'a str>,
    sent_at: Time,
    sent_at_source: &'static str,
    received_at: Time,
    shape: &'static str,
    recovered: bool,
}

impl<'a> From<(i64, &NewMessage<'a>)> for MessageColumns<'a> {
    fn from((position, message): (i64, &NewMessage<'a>)) -> Self {
        let draft = message.draft;
        Self {
            position,
            id: message.id,
            dedupe_key: message.dedupe_key,
            window_key: message.window_key,
            delivery_id: message.delivery.id,
            item: message.item,
            channel: draft.channel.as_str(),
            direction: draft.direction.as_str(),
            kind: draft.kind.as_str(),
            external_id: draft.external_id.as_deref(),
            contact_id: &draft.contact_id,
            sender_id: draft.sender_id.as_deref(),
            recipient_id: draft.recipient_id.as_deref(),
            username: draft.username.as_deref(),
            display_name: draft.display_name.as_deref(),
            aliases: message.aliases(),
            body: draft.text.as_deref(),
            attachments: message.attachments(),
            reply_to: draft.reply_to.as_deref(),
            payload: draft.payload.as_deref(),
            sent_at: Time(draft.sent_at),
            sent_at_source: draft.sent_at_source.as_str(),
            received_at: Time(message.delivery.received_at),
            shape: draft.shape.as_str(),
            recovered: draft.recovered,
        }
    }
}

/// A row of `deliveries`.
#[derive(sqlx::Encode)]
pub(super) struct DeliveryColumns<'a> {
    position: i64,
    id: Uuid,
    received_at: Time,
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

impl<'a> From<(i64, &(&'a Record, Receipt))> for DeliveryColumns<'a> {
    fn from((position, (record, receipt)): (i64, &(&'a Record, Receipt))) -> Self {
        let delivery = &record.delivery;
        let count = |items: u32| i32::try_from(items).unwrap_or(i32::MAX);
        Self {
            position,
            id: delivery.id,
            received_at: Time(delivery.received_at),
            method: &delivery.method,
            content_type: delivery.content_type.as_deref(),
            headers: headers_json(delivery),
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
pub(super) struct ItemColumns<'a> {
    position: i64,
    delivery_id: Uuid,
    item: i32,
    received_at: Time,
    outcome: &'static str,
    code: Option<&'static str>,
    reason: Option<&'a str>,
    channel: Option<&'a str>,
    contact_id: Option<&'a str>,
    username: Option<&'a str>,
    display_name: Option<&'a str>,
    aliases: Option<&'a str>,
}

impl<'a> From<(i64, &'a NewItem<'_>)> for ItemColumns<'a> {
    fn from((position, item): (i64, &'a NewItem<'_>)) -> Self {
        let contact = item.contact.as_ref();
        Self {
            position,
            delivery_id: item.delivery_id,
            item: item.item,
            received_at: Time(item.received_at),
            outcome: item.outcome.as_str(),
            code: item.reason.map(|reason| reason.code.as_str()),
            reason: item.reason.map(|reason| reason.text.as_str()),
            channel: contact.map(|contact| contact.channel),
            contact_id: contact.map(|contact| contact.id),
            username: contact.and_then(|contact| contact.username),
            display_name: contact.and_then(|contact| contact.display_name),
            aliases: contact.and_then(|contact| contact.aliases.as_deref()),
        }
    }
}

/// What a batch adds to a row of `hours`.
#[derive(sqlx::Encode)]
pub(super) struct HourChange {
    hour: i64,
    first: Option<i64>,
    last: Option<i64>,
    counts: Counts,
}

impl HourChange {
    pub(super) fn all(changes: &CountChanges, ranges: &HourRanges) -> Vec<Self> {
        let hours = changes.hours.iter();
        hours
            .map(|(hour, counts)| {
                let range = ranges.0.get(hour);
                Self {
                    hour: *hour,
                    first: range.map(|range| range.first),
                    last: range.map(|range| range.last),
                    counts: counts.clone(),
                }
            })
            .collect()
    }
}

/// Names the types in the database; each table has one. (To derive `Type` would derive reading as well, which borrowed
/// rows cannot.)
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
    MessageColumns<'_> = "messages",
    DeliveryColumns<'_> = "deliveries",
    ItemColumns<'_> = "items",
    HourChange = "hour_change",
}
