//! Which deliveries are old: the behaviour that both backends share.
//!
//! There is no index on time. Deliveries are walked in commit order from the first one, which is nearly that of arrival:
//! only what waited in a spool stands behind newer ones. So the walk goes on until a page holds nothing old, and at
//! least to the last position that `hours` knows for a message that is old. What became no message and waited in a spool
//! may so stay for as long as that outage was, but not for ever.

use jiff::Timestamp;
use sqlx::Error;
use uuid::Uuid;

use super::columns::Columns;
use super::query::{CounterName, hour_of};
use super::settle::Counters;
use super::upkeep::Expired;

/// How many deliveries are looked at in one step.
pub(super) const PAGE: i64 = 200;
/// How many items go in one transaction, unless a single delivery holds more: a batch may hold thousands.
const ITEMS: i64 = 1000;

/// How many tombstones go in one transaction.
pub(super) const SWEPT: i64 = 1000;

/// One step of the walk.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// What is old.
    pub(super) doomed: Vec<Uuid>,
    /// What leaves quarantine with it.
    pub(super) counters: Counters<'static>,
    after: i64,
    done: bool,
}

impl Walk {
    /// Rows with the columns `id`, `position`, `received_at`, `items`, `quarantined`, and `last`, in order of position.
    pub(super) fn over<R: Columns>(
        rows: &[R],
        until: Timestamp,
        after: i64,
    ) -> Result<Self, Error> {
        let mut walk = Self {
            after,
            ..Self::default()
        };
        let mut items = 0;
        let mut last = 0;
        for row in rows {
            let received_at = row.time("received_at")?;
            if received_at < until {
                items += i64::from(row.number("items")?);
                if items > ITEMS && !walk.doomed.is_empty() {
                    return Ok(walk);
                }
                walk.doomed.push(row.uuid("id")?);
                walk.counters.add_many(
                    hour_of(received_at),
                    CounterName::Released,
                    "expired",
                    row.number("quarantined")?.into(),
                );
            }
            walk.after = row.long("position")?;
            last = row.optional_long("last")?.unwrap_or_default();
        }
        walk.done = walk.doomed.is_empty() && (rows.is_empty() || walk.after >= last);
        Ok(walk)
    }

    /// The answer, with nothing deleted.
    pub(super) fn nothing(&self) -> Expired {
        Expired {
            after: self.after,
            done: self.done,
            ..Expired::default()
        }
    }
}
