//! Commits a batch to the database, whatever is in it.
//!
//! * The answer was lost, or another transaction came between: the batch is tried again, under the same delivery ids.
//! * The database refuses the data: the batch is halved until the culprit is alone, and that one is kept in quarantine
//!   with the database's reason. Its neighbours are stored.
//! * The database is away: every record that is not stored yet fails.

use std::time::{Duration, Instant};

use crate::delivery::{Item, Reason, ReasonCode, Record};
use crate::store::{Attempt, Committed, Ledger, StoreError};

/// How often a batch is tried again at once.
const RETRIES: usize = 3;
/// A database that took this long to fail is not tried again at once: senders are waiting.
const QUICK: Duration = Duration::from_millis(500);

/// A record, and what became of it.
pub(super) type Answered = (Record, Result<Committed, StoreError>);

/// Commits `records`, and answers for each of them, in their order.
pub(super) async fn commit(
    store: &dyn Ledger,
    records: Vec<Record>,
    attempt: Attempt,
) -> Vec<Answered> {
    let mut answered = Vec::with_capacity(records.len());
    // Parts still to be committed, the next one last: halving keeps the order of arrival.
    let mut parts = vec![(records, attempt)];
    while let Some((mut part, attempt)) = parts.pop() {
        let error = match try_commit(store, &part, attempt).await {
            Ok(committed) => {
                answered.extend(part.into_iter().zip(committed.into_iter().map(Ok)));
                continue;
            }
            Err(error) => error,
        };
        let StoreError::Refused(cause) = &error else {
            // The rest is not tried: it would overtake this part, and its senders have waited long enough.
            let rest = parts.drain(..).rev().flat_map(|(rest, _)| rest);
            let failed = part.into_iter().chain(rest);
            answered.extend(failed.map(|record| (record, Err(error.clone()))));
            break;
        };
        if part.len() > 1 {
            let second = part.split_off(part.len() / 2);
            parts.push((second, attempt));
            parts.push((part, attempt));
        } else if part.iter_mut().all(|record| quarantine(record, cause)) {
            parts.push((part, attempt));
        } else {
            answered.extend(part.into_iter().map(|record| (record, Err(error.clone()))));
        }
    }
    answered
}

/// Commits, and tries again where that helps at once: after a conflict, and after a lost connection (the first attempt
/// on a connection that died while idle always fails).
async fn try_commit(
    store: &dyn Ledger,
    part: &[Record],
    mut attempt: Attempt,
) -> Result<Vec<Committed>, StoreError> {
    let mut retries = RETRIES;
    loop {
        let began = Instant::now();
        match store.commit(part, attempt).await {
            // Postgres looks for a deadlock only after a second: a conflict may come late.
            Err(error)
                if retries > 0
                    && match error {
                        StoreError::Conflict(_) => true,
                        StoreError::Unavailable(_) | StoreError::Full(_) => began.elapsed() < QUICK,
                        StoreError::Refused(_)
                        | StoreError::Damaged(_)
                        | StoreError::Corrupt(_) => false,
                    } =>
            {
                tracing::debug!(%error, deliveries = part.len(), "trying a batch again");
                retries -= 1;
                if attempt == Attempt::First {
                    attempt = Attempt::Again;
                }
            }
            result => return result,
        }
    }
}

/// Turns what the database refused into quarantined items, without the contact, which may be what it refuses; `false`
/// if nothing is left to turn.
fn quarantine(record: &mut Record, cause: &str) -> bool {
    let mut turned = false;
    for item in &mut record.items {
        if matches!(
            item,
            Item::Message(_)
                | Item::Ignored {
                    contact: Some(_),
                    ..
                }
        ) {
            let reason = Reason::new(
                ReasonCode::RefusedByDatabase,
                format!("the database refused it: {cause}"),
            );
            *item = Item::Quarantined {
                reason,
                contact: None,
            };
            turned = true;
        }
    }
    turned
}
