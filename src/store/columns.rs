//! Reading rows of either backend: the same columns, told apart only by how a time is kept.

use jiff::Timestamp;
use sqlx::Error;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::query::{
    ContactSummary, Counter, CounterName, DeliveryDetail, DeliverySummary, ItemSummary,
    QuarantineView, RecentDelivery, RecentMessage,
};
use super::reread::Standing;
use super::silence::{Alert, Silence};
use super::upkeep::Quarantined;
use crate::delivery::{Delivery, Outcome, Receipt};
use crate::message::{Channel, Direction, Kind, Message, SentAtSource, Shape};
use crate::rejection::{RejectReason, RejectedRequest, RequestSample};

/// The columns of a row by name.
pub(super) trait Columns {
    fn uuid(&self, column: &str) -> Result<Uuid, Error>;
    fn optional_uuid(&self, column: &str) -> Result<Option<Uuid>, Error>;
    fn text(&self, column: &str) -> Result<String, Error>;
    fn optional_text(&self, column: &str) -> Result<Option<String>, Error>;
    fn number(&self, column: &str) -> Result<i32, Error>;
    fn long(&self, column: &str) -> Result<i64, Error>;
    fn optional_long(&self, column: &str) -> Result<Option<i64>, Error>;
    fn flag(&self, column: &str) -> Result<bool, Error>;
    fn optional_flag(&self, column: &str) -> Result<Option<bool>, Error>;
    fn bytes(&self, column: &str) -> Result<Vec<u8>, Error>;
    fn time(&self, column: &str) -> Result<Timestamp, Error>;
    fn optional_time(&self, column: &str) -> Result<Option<Timestamp>, Error>;
}

macro_rules! columns {
    ($row:ty, $time:expr, $optional_time:expr) => {
        impl Columns for $row {
            fn uuid(&self, column: &str) -> Result<Uuid, Error> {
                self.try_get(column)
            }
            fn optional_uuid(&self, column: &str) -> Result<Option<Uuid>, Error> {
                self.try_get(column)
            }
            fn text(&self, column: &str) -> Result<String, Error> {
                self.try_get(column)
            }
            fn optional_text(&self, column: &str) -> Result<Option<String>, Error> {
                self.try_get(column)
            }
            fn number(&self, column: &str) -> Result<i32, Error> {
                self.try_get(column)
            }
            fn long(&self, column: &str) -> Result<i64, Error> {
                self.try_get(column)
            }
            fn optional_long(&self, column: &str) -> Result<Option<i64>, Error> {
                self.try_get(column)
            }
            fn flag(&self, column: &str) -> Result<bool, Error> {
                self.try_get(column)
            }
            fn optional_flag(&self, column: &str) -> Result<Option<bool>, Error> {
                self.try_get(column)
            }
            fn bytes(&self, column: &str) -> Result<Vec<u8>, Error> {
                self.try_get(column)
            }
            fn time(&self, column: &str) -> Result<Timestamp, Error> {
                $time(self, column)
            }
            fn optional_time(&self, column: &str) -> Result<Option<Timestamp>, Error> {
                $optional_time(self, column)
            }
        }
    };
}

columns!(
    PgRow,
    |row: &PgRow, column: &str| row
        .try_get::<jiff_sqlx::Timestamp, _>(column)
        .map(jiff_sqlx::Timestamp::to_jiff),
    |row: &PgRow, column: &str| row
        .try_get::<Option<jiff_sqlx::Timestamp>, _>(column)
        .map(|time| time.map(jiff_sqlx::Timestamp::to_jiff))
);
columns!(
    SqliteRow,
    |row: &SqliteRow, column: &str| from_millis(row.try_get(column)?),
    |row: &SqliteRow, column: &str| row
        .try_get::<Option<i64>, _>(column)?
        .map(from_millis)
        .transpose()
);

fn from_millis(millis: i64) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(millis).map_err(|error| Error::Decode(error.into()))
}

/// A row of `messages`.
pub(super) fn message(row: &impl Columns) -> Result<Message, Error> {
    Ok(Message {
        id: row.uuid("id")?,
        position: row.long("position")?,
        channel: Channel::named(&row.text("channel")?),
        direction: word(row, "direction", Direction::named)?,
        kind: word(row, "kind", Kind::named)?,
        external_id: row.optional_text("external_id")?,
        contact_id: row.text("contact_id")?,
        sender_id: row.optional_text("sender_id")?,
        recipient_id: row.optional_text("recipient_id")?,
        username: row.optional_text("username")?,
        display_name: row.optional_text("display_name")?,
        text: row.optional_text("body")?,
        attachments: match row.optional_text("attachments")? {
            Some(json) => from_json(&json)?,
            None => Vec::new(),
        },
        reply_to: row.optional_text("reply_to")?,
        payload: row.optional_text("payload")?,
        sent_at: row.time("sent_at")?,
        sent_at_source: word(row, "sent_at_source", SentAtSource::named)?,
        received_at: row.time("received_at")?,
        delivery_id: row.uuid("delivery_id")?,
        shape: word(row, "shape", Shape::named)?,
        recovered: row.flag("recovered")?,
    })
}

/// A row of `SELECT_OUTLINES`, and its size.
pub(super) fn outline(row: &impl Columns) -> Result<(Message, usize), Error> {
    let size = usize::try_from(row.number("size")?).unwrap_or_default();
    Ok((message(row)?, size))
}

/// A row of `deliveries` with the columns `size` and `reasons` (a JSON list, or NULL).
pub(super) fn delivery_summary(row: &impl Columns) -> Result<DeliverySummary, Error> {
    Ok(DeliverySummary {
        position: row.long("position")?,
        received_at: row.time("received_at")?,
        method: row.text("method")?,
        content_type: row.optional_text("content_type")?,
        size: row.long("size")?,
        shape: word(row, "shape", Shape::named)?,
        receipt: receipt(row)?,
        reasons: match row.optional_text("reasons")? {
            Some(json) => from_json(&json)?,
            None => Vec::new(),
        },
    })
}

/// The receipt in a row of `deliveries`.
pub(super) fn receipt(row: &impl Columns) -> Result<Receipt, Error> {
    let count = |column| Ok::<_, Error>(u32::try_from(row.number(column)?).unwrap_or_default());
    Ok(Receipt {
        delivery_id: row.uuid("id")?,
        outcome: word(row, "outcome", Outcome::named)?,
        stored: count("stored")?,
        duplicates: count("duplicates")?,
        ignored: count("ignored")?,
        quarantined: count("quarantined")?,
    })
}

/// A row of `deliveries` with its headers and body, and its items.
pub(super) fn delivery_detail(
    row: &impl Columns,
    items: Vec<ItemSummary>,
) -> Result<DeliveryDetail, Error> {
    Ok(DeliveryDetail {
        delivery: delivery(row)?,
        summary: delivery_summary(row)?,
        items,
    })
}

/// A row of `deliveries`, or of the spool: what came.
pub(super) fn delivery(row: &impl Columns) -> Result<Delivery, Error> {
    Ok(Delivery {
        id: row.uuid("id")?,
        received_at: row.time("received_at")?,
        method: row.text("method")?,
        content_type: row.optional_text("content_type")?,
        headers: from_json(&row.text("headers")?)?,
        body: row.bytes("body")?.into(),
        is_query: row.flag("is_query")?,
    })
}

/// A row of `deliveries` with an item in quarantine.
pub(super) fn quarantined(row: &impl Columns) -> Result<Quarantined, Error> {
    Ok(Quarantined {
        position: row.long("position")?,
        delivery: delivery(row)?,
    })
}

/// Rows with the columns `delivery_id`, `item` and `outcome`.
pub(super) fn standing<'a, R: Columns + 'a>(
    rows: impl IntoIterator<Item = &'a R>,
) -> Result<Standing, Error> {
    let mut standing = Standing::new();
    for row in rows {
        standing
            .entry(row.uuid("delivery_id")?)
            .or_default()
            .insert(row.number("item")?, word(row, "outcome", Outcome::named)?);
    }
    Ok(standing)
}

/// A row of `items`, or of `messages` in the same columns.
pub(super) fn item(row: &impl Columns) -> Result<ItemSummary, Error> {
    Ok(ItemSummary {
        item: row.number("item")?,
        outcome: word(row, "outcome", Outcome::named)?,
        code: row.optional_text("code")?,
        reason: row.optional_text("reason")?,
        message_id: row.optional_uuid("message_id")?,
    })
}

/// A row of `contacts`, with the first time for the last where nothing is counted yet.
pub(super) fn contact(row: &impl Columns) -> Result<ContactSummary, Error> {
    Ok(ContactSummary {
        position: row.long("position")?,
        id: row.text("id")?,
        channel: Channel::named(&row.text("channel")?),
        username: row.optional_text("username")?,
        display_name: row.optional_text("display_name")?,
        first_seen: row.time("first_seen")?,
        last_seen: row.time("last_seen")?,
        messages: row.long("messages")?,
    })
}

/// A row of `counters`; `None` for a counter of a later version.
pub(super) fn counter(row: &impl Columns) -> Result<Option<Counter>, Error> {
    let Some(name) = CounterName::named(&row.text("name")?) else {
        return Ok(None);
    };
    Ok(Some(Counter {
        hour: row.long("hour")?,
        name,
        label: row.text("label")?,
        value: row.long("value")?,
    }))
}

/// A row of `sightings`; `None` for a sort of a later version.
pub(super) fn sighting(row: &impl Columns) -> Result<Option<RejectedRequest>, Error> {
    let Some(reason) = RejectReason::named(&row.text("sight")?) else {
        return Ok(None);
    };
    let sample: Option<RequestSample> = match row.optional_text("sample")? {
        Some(json) => from_json(&json)?,
        None => None,
    };
    let last_at = row.time("last_at")?;
    // A row of the version before does not say it, but its sample is of the last request.
    let sent_at = match row.optional_time("sent_at")? {
        None if sample.as_ref().is_some_and(RequestSample::sends) => Some(last_at),
        sent_at => sent_at,
    };
    Ok(Some(RejectedRequest {
        reason,
        path: row.text("path")?,
        count: row.long("count")?,
        first_at: row.time("first_at")?,
        last_at,
        sent_at,
        sample,
    }))
}

/// A row of `deliveries` with the `code` and `reason` of its first item.
pub(super) fn recent_delivery(row: &impl Columns) -> Result<RecentDelivery, Error> {
    Ok(RecentDelivery {
        received_at: row.time("received_at")?,
        outcome: word(row, "outcome", Outcome::named)?,
        code: row.optional_text("code")?,
        reason: row.optional_text("reason")?,
    })
}

/// Some columns of `messages`.
pub(super) fn recent_message(row: &impl Columns) -> Result<RecentMessage, Error> {
    Ok(RecentMessage {
        received_at: row.time("received_at")?,
        sent_at: row.time("sent_at")?,
        sent_at_source: word(row, "sent_at_source", SentAtSource::named)?,
        direction: word(row, "direction", Direction::named)?,
        shape: word(row, "shape", Shape::named)?,
    })
}

/// A row of `deliveries` with the `reason` of its first item in quarantine.
pub(super) fn quarantine(row: &impl Columns) -> Result<QuarantineView, Error> {
    Ok(QuarantineView {
        delivery_id: row.uuid("id")?,
        received_at: row.time("received_at")?,
        reason: row.optional_text("reason")?,
    })
}

/// The row of `silence`.
pub(super) fn silence(row: &impl Columns) -> Result<Silence, Error> {
    Ok(Silence {
        since: row.optional_time("since")?,
        changes: row.long("changes")?,
    })
}

/// A row of `alerts`.
pub(super) fn alert(row: &impl Columns) -> Result<Alert, Error> {
    Ok(Alert {
        id: row.uuid("id")?,
        body: row.text("body")?,
        made_at: row.time("made_at")?,
        attempts: row.number("attempts")?,
        next_at: row.time("next_at")?,
    })
}

fn word<T>(row: &impl Columns, column: &str, named: fn(&str) -> Option<T>) -> Result<T, Error> {
    let text = row.text(column)?;
    named(&text).ok_or_else(|| {
        Error::Decode(format!("{column} is `{text}`, which this version does not know").into())
    })
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|error| Error::Decode(error.into()))
}
