//! The rows that a batch has most of: their columns, and their values in the same order.

use sqlx::Sqlite;
use sqlx::sqlite::SqliteArguments;

use crate::delivery::Record;
use crate::store::Committed;
use crate::store::settle::Candidate;

pub(super) type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// A table into which many rows are inserted at once.
pub(super) struct Rows {
    /// What stands behind `INSERT INTO`.
    pub(super) into: &'static str,
    /// How many values a row has.
    pub(super) width: usize,
}

/// [`bind_message`] binds a row.
pub(super) const MESSAGES: Rows = Rows {
    into: "messages (id, dedupe_key, window_key, delivery_id, item, channel, direction, kind, external_id, contact_id, \
           sender_id, recipient_id, username, display_name, body, attachments, reply_to, payload, sent_at, \
           sent_at_source, received_at, shape, recovered, position)",
    width: 24,
};

/// [`bind_delivery`] binds a row.
pub(super) const DELIVERIES: Rows = Rows {
    into: "deliveries (id, received_at, method, content_type, headers, body, is_query, shape, outcome, stored, \
           duplicates, ignored, quarantined)",
    width: 13,
};

impl Rows {
    /// `VALUES` with places for so many rows.
    pub(super) fn values(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.width].join(","));
        format!("VALUES {}", vec![row.as_str(); rows].join(","))
    }

    /// Fills the places of so many rows with nothing.
    pub(super) fn bind_nothing<'q>(&self, mut query: Query<'q>, rows: usize) -> Query<'q> {
        for _ in 0..rows * self.width {
            query = query.bind(None::<i64>);
        }
        query
    }
}

/// Without a position the database gives the next one.
pub(super) fn bind_message<'q>(
    query: Query<'q>,
    candidate: &Candidate<'_>,
    position: Option<i64>,
) -> Query<'q> {
    let Candidate {
        delivery, draft, ..
    } = candidate;
    query
        .bind(candidate.id)
        .bind(candidate.dedupe_key)
        .bind(candidate.window_key)
        .bind(delivery.id)
        .bind(candidate.item)
        .bind(draft.channel.as_str())
        .bind(draft.direction.as_str())
        .bind(draft.kind.as_str())
        .bind(draft.external_id.as_deref())
        .bind(draft.contact_id.as_str())
        .bind(draft.sender_id.as_deref())
        .bind(draft.recipient_id.as_deref())
        .bind(draft.username.as_deref())
        .bind(draft.display_name.as_deref())
        .bind(draft.text.as_deref())
        .bind(candidate.attachments_json())
        .bind(draft.reply_to.as_deref())
        .bind(draft.payload.as_deref())
        .bind(draft.sent_at.as_millisecond())
        .bind(draft.sent_at_source.as_str())
        .bind(delivery.received_at.as_millisecond())
        .bind(draft.shape.as_str())
        .bind(draft.recovered)
        .bind(position)
}

pub(super) fn bind_delivery<'q>(
    query: Query<'q>,
    (record, committed): &(&Record, Committed),
) -> Query<'q> {
    let (delivery, receipt) = (&record.delivery, &committed.receipt);
    query
        .bind(delivery.id)
        .bind(delivery.received_at.as_millisecond())
        .bind(delivery.method.as_str())
        .bind(delivery.content_type.as_deref())
        .bind(crate::store::headers_json(delivery))
        .bind(delivery.body.as_ref())
        .bind(delivery.is_query)
        .bind(record.shape.as_str())
        .bind(receipt.outcome.as_str())
        .bind(receipt.stored)
        .bind(receipt.duplicates)
        .bind(receipt.ignored)
        .bind(receipt.quarantined)
}
