//! The rows of a batch as SQLite gets them: many in a statement, each value a parameter.

use sqlx::Sqlite;
use sqlx::sqlite::SqliteArguments;

use crate::delivery::{Receipt, Record};
use crate::store::headers_json;
use crate::store::plan::NewMessage;
use crate::store::values::Time;

pub(super) type SqliteQuery<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// A table into which many rows are inserted at once.
pub(super) struct Table {
    name: &'static str,
    /// How many columns it has.
    width: usize,
}

/// [`bind_message`] binds a row.
pub(super) const MESSAGES: Table = Table {
    name: "messages",
    width: 25,
};

/// [`bind_delivery`] binds a row.
pub(super) const DELIVERIES: Table = Table {
    name: "deliveries",
    width: 14,
};

impl Table {
    /// Inserts so many rows behind the position in `head`. Those without a position are left out. A row that is refused
    /// takes back the whole transaction and not only itself: SQLite then keeps no copies of the pages that it changes.
    pub(super) fn insert(&self, rows: usize) -> String {
        let rows = vec![self.row(); rows].join(",");
        let others = (2..=self.width).map(|column| format!(", column{column}"));
        format!(
            "INSERT OR ROLLBACK INTO {} SELECT (SELECT position FROM head) + column1{} FROM (VALUES {rows}) \
             WHERE column1 IS NOT NULL;",
            self.name,
            others.collect::<String>()
        )
    }

    /// The values of one row.
    pub(super) fn values(&self) -> String {
        format!("VALUES {}", self.row())
    }

    fn row(&self) -> String {
        format!("({})", vec!["?"; self.width].join(","))
    }

    /// Binds nothing to so many rows.
    pub(super) fn bind_nothing<'q>(
        &self,
        mut query: SqliteQuery<'q>,
        rows: usize,
    ) -> SqliteQuery<'q> {
        for _ in 0..rows * self.width {
            query = query.bind(None::<i64>);
        }
        query
    }
}

/// Binds a row, in the order of the table's columns.
pub(super) fn bind_message<'q>(
    query: SqliteQuery<'q>,
    position: i64,
    message: &NewMessage<'_>,
) -> SqliteQuery<'q> {
    let draft = message.draft;
    query
        .bind(position)
        .bind(message.id)
        .bind(message.dedupe_key)
        .bind(message.window_key)
        .bind(message.delivery.id)
        .bind(message.item)
        .bind(draft.channel.as_str())
        .bind(draft.direction.as_str())
        .bind(draft.kind.as_str())
        .bind(draft.external_id.as_deref())
        .bind(draft.contact_id.as_str())
        .bind(draft.sender_id.as_deref())
        .bind(draft.recipient_id.as_deref())
        .bind(draft.username.as_deref())
        .bind(draft.display_name.as_deref())
        .bind(message.aliases())
        .bind(draft.text.as_deref())
        .bind(message.attachments())
        .bind(draft.reply_to.as_deref())
        .bind(draft.payload.as_deref())
        .bind(Time(draft.sent_at))
        .bind(draft.sent_at_source.as_str())
        .bind(Time(message.delivery.received_at))
        .bind(draft.shape.as_str())
        .bind(draft.recovered)
}

/// Binds a row, in the order of the table's columns.
pub(super) fn bind_delivery<'q>(
    query: SqliteQuery<'q>,
    position: i64,
    (record, receipt): &(&Record, Receipt),
) -> SqliteQuery<'q> {
    let delivery = &record.delivery;
    query
        .bind(position)
        .bind(delivery.id)
        .bind(Time(delivery.received_at))
        .bind(delivery.method.as_str())
        .bind(delivery.content_type.as_deref())
        .bind(headers_json(delivery))
        .bind(delivery.body.as_ref())
        .bind(delivery.is_query)
        .bind(record.shape.as_str())
        .bind(receipt.outcome.as_str())
        .bind(receipt.stored)
        .bind(receipt.duplicates)
        .bind(receipt.ignored)
        .bind(receipt.quarantined)
}
