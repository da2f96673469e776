//! Deliveries that were acknowledged and wait in a spool, where a start without a spool would leave them for ever.

use std::fmt;

use crate::config::Config;
use crate::store::Spool;

/// A spool that this configuration would not open, although something waits in it or may.
#[derive(Debug)]
pub(in crate::cli) struct OrphanedSpool {
    /// What is there: a sentence that names the file, without its full stop.
    pub(in crate::cli) observed: String,
    /// What to do.
    pub(in crate::cli) next: String,
}

impl fmt::Display for OrphanedSpool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.observed, self.next)
    }
}

/// Looks into the data directory for deliveries that would be left there. Changes nothing.
///
/// # Errors
/// When some would, or when that cannot be told.
pub(in crate::cli) async fn find_orphaned(config: &Config) -> Result<(), OrphanedSpool> {
    let embedded = config.database.is_embedded();
    if config.spool && !embedded {
        return Ok(());
    }
    let (why, cure) = if embedded {
        (
            "the embedded database has no spool",
            "SPOOL=on and the DATABASE_URL of the Postgres that they are meant for",
        )
    } else {
        ("SPOOL is off", "SPOOL=on")
    };
    let move_away = "move the file away, and those beside it whose names begin with its own";
    let depth = Spool::look(&config.data_dir)
        .await
        .map_err(|error| OrphanedSpool {
            observed: error.to_string(),
            next: format!(
                "acknowledged deliveries may wait in it; let the service's user read it, or {move_away}"
            ),
        })?;
    if depth.deliveries == 0 {
        return Ok(());
    }
    Err(OrphanedSpool {
        observed: format!(
            "the spool file {} holds acknowledged deliveries that no database has yet, {} of them, and {why}",
            Spool::file(&config.data_dir).display(),
            depth.deliveries
        ),
        next: format!(
            "start with {cure} until /readyz tells of no deliveries in the spool; or, to go on without them, {move_away}"
        ),
    })
}
