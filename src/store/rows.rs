//! Rows that become types of the domain, decoded by column name.

use sqlx::FromRow;
use uuid::Uuid;

use super::values::{JsonList, Name, Time};
use crate::delivery::{Delivery, Outcome, Receipt};
use crate::message::{Attachment, Channel, Direction, Kind, Message, SentAtSource, Shape};
use crate::rejection::{RejectReason, RejectedRequest};

/// A row of `messages`.
#[derive(Debug, FromRow)]
pub(super) struct MessageRow {
    id: Uuid,
    position: i64,
    #[sqlx(try_from = "String")]
    channel: Channel,
    #[sqlx(try_from = "Name<Direction>")]
    direction: Direction,
    #[sqlx(try_from = "Name<Kind>")]
    kind: Kind,
    external_id: Option<String>,
    contact_id: String,
    sender_id: Option<String>,
    recipient_id: Option<String>,
    username: Option<String>,
    display_name: Option<String>,
    body: Option<String>,
    #[sqlx(try_from = "JsonList<Attachment>")]
    attachments: Vec<Attachment>,
    reply_to: Option<String>,
    payload: Option<String>,
    sent_at: Time,
    #[sqlx(try_from = "Name<SentAtSource>")]
    sent_at_source: SentAtSource,
    received_at: Time,
    delivery_id: Uuid,
    #[sqlx(try_from = "Name<Shape>")]
    shape: Shape,
    recovered: bool,
}

impl From<MessageRow> for Message {
    fn from(row: MessageRow) -> Self {
        Self {
            id: row.id,
            position: row.position,
            channel: row.channel,
            direction: row.direction,
            kind: row.kind,
            external_id: row.external_id,
            contact_id: row.contact_id,
            sender_id: row.sender_id,
            recipient_id: row.recipient_id,
            username: row.username,
            display_name: row.display_name,
            text: row.body,
            attachments: row.attachments,
            reply_to: row.reply_to,
            payload: row.payload,
            sent_at: row.sent_at.0,
            sent_at_source: row.sent_at_source,
            received_at: row.received_at.0,
            delivery_id: row.delivery_id,
            shape: row.shape,
            recovered: row.recovered,
        }
    }
}

/// Rows as the types that they become.
pub(super) fn all<R, T: From<R>>(rows: Vec<R>) -> Vec<T> {
    rows.into_iter().map(T::from).collect()
}

/// A row of `deliveries`, or of the spool: what came.
#[derive(Debug, FromRow)]
pub(super) struct DeliveryRow {
    id: Uuid,
    received_at: Time,
    method: String,
    content_type: Option<String>,
    #[sqlx(try_from = "JsonList<(String, String)>")]
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    is_query: bool,
}

impl From<DeliveryRow> for Delivery {
    fn from(row: DeliveryRow) -> Self {
        Self {
            id: row.id,
            received_at: row.received_at.0,
            method: row.method,
            content_type: row.content_type,
            headers: row.headers,
            body: row.body.into(),
            is_query: row.is_query,
        }
    }
}

/// The columns of `deliveries` that a [`Receipt`] is made of.
pub(super) const RECEIPT_COLUMNS: &str = "id, outcome, stored, duplicates, ignored, quarantined";

/// The receipt in a row of `deliveries`.
#[derive(Debug, FromRow)]
pub(super) struct ReceiptRow {
    id: Uuid,
    #[sqlx(try_from = "Name<Outcome>")]
    outcome: Outcome,
    stored: i32,
    duplicates: i32,
    ignored: i32,
    quarantined: i32,
}

impl From<ReceiptRow> for Receipt {
    fn from(row: ReceiptRow) -> Self {
        let count = |items: i32| u32::try_from(items).unwrap_or_default();
        Self {
            delivery_id: row.id,
            outcome: row.outcome,
            stored: count(row.stored),
            duplicates: count(row.duplicates),
            ignored: count(row.ignored),
            quarantined: count(row.quarantined),
        }
    }
}

/// A row of `rejected_requests`.
#[derive(Debug, FromRow)]
pub(super) struct RejectedRow {
    reason: String,
    path: String,
    count: i64,
    first_at: Time,
    last_at: Time,
    sent_at: Option<Time>,
    sample: Option<String>,
}

impl RejectedRow {
    /// `None` for a reason of a later version.
    pub(super) fn known(self) -> Option<RejectedRequest> {
        Some(RejectedRequest {
            reason: RejectReason::named(&self.reason)?,
            path: self.path,
            count: self.count,
            first_at: self.first_at.0,
            last_at: self.last_at.0,
            sent_at: self.sent_at.map(Into::into),
            sample: self
                .sample
                .and_then(|json| serde_json::from_str(&json).ok()),
        })
    }
}
