//! Which deliveries are too old.
//!
//! There is no index on time. Deliveries are read in commit order from the first one, which is nearly the order of
//! arrival: only what waited in a spool comes behind newer ones. So the scan goes on until a page holds nothing old,
//! and at least to the last position that `hours` knows for a message that is old. What became no message and waited in
//! a spool may therefore stay as long as that outage was, but not for ever.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::counts::{Count, CountChanges, hour_of};
use super::maintenance::ExpiredPart;
use super::values::Time;

/// How much later than the newest delivery the clock may be at the start of a process.
const QUIET: SignedDuration = SignedDuration::from_hours(24);

/// The time that the clock and the newest delivery agree on, in a process that has run so long. A clock that is far
/// ahead at the start would make everything old at once. What is deleted cannot be brought back, and what is kept a
/// day longer does no harm.
pub(crate) fn agreed_time(
    now: Timestamp,
    newest: Option<Timestamp>,
    running: SignedDuration,
) -> Timestamp {
    let Some(newest) = newest else { return now };
    let latest = newest.saturating_add(QUIET.saturating_add(running));
    latest.map_or(now, |latest| now.min(latest))
}

/// How many deliveries are looked at in one step.
pub(super) const PAGE: i64 = 200;
/// How many items go in one transaction, unless a single delivery holds more: a batch may hold thousands.
const ITEMS: i64 = 1000;
/// How many tombstones go in one transaction.
pub(super) const SWEPT: i64 = 1000;

/// What the scan reads of a delivery.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct ScannedDelivery {
    id: Uuid,
    position: i64,
    received_at: Time,
    items: i32,
    quarantined: i32,
}

/// One step of the scan.
#[derive(Debug, Default)]
pub(super) struct RetentionScan {
    /// What is too old.
    pub(super) expired: Vec<Uuid>,
    /// What leaves quarantine with it.
    pub(super) counts: CountChanges,
    after: i64,
    done: bool,
}

impl RetentionScan {
    /// Deliveries behind a position, in order of position. `last` is the last position of a message that is too old.
    pub(super) fn new(
        deliveries: &[ScannedDelivery],
        last: i64,
        until: Timestamp,
        after: i64,
    ) -> Self {
        let mut scan = Self {
            after,
            ..Self::default()
        };
        let mut items = 0;
        for delivery in deliveries {
            let received_at = delivery.received_at.0;
            if received_at < until {
                items += i64::from(delivery.items);
                if items > ITEMS && !scan.expired.is_empty() {
                    return scan;
                }
                scan.expired.push(delivery.id);
                let quarantined = delivery.quarantined.into();
                scan.counts
                    .add(hour_of(received_at), Count::Expired, quarantined);
            }
            scan.after = delivery.position;
        }
        scan.done = scan.expired.is_empty() && (deliveries.is_empty() || scan.after >= last);
        scan
    }

    /// The answer, before anything is deleted.
    pub(super) fn part(&self) -> ExpiredPart {
        ExpiredPart {
            after: self.after,
            done: self.done,
            ..ExpiredPart::default()
        }
    }
}
