//! An orphaned spool: acknowledged deliveries in a spool that this configuration does not use, so that they would never
//! reach a database.

use std::fmt;

use crate::config::Config;
use crate::store::Spool;

/// A spool that this configuration does not open, although it contains deliveries, or may.
#[derive(Debug)]
pub(in crate::cli) struct OrphanedSpool {
    /// A sentence that names the file, without its full stop.
    pub(in crate::cli) observed: String,
    pub(in crate::cli) next: String,
}

impl fmt::Display for OrphanedSpool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.observed, self.next)
    }
}

/// Looks for an orphaned spool in the data directory. Changes nothing.
///
/// # Errors
/// When there is one, or when that is unknown.
pub(in crate::cli) async fn find_orphaned(config: &Config) -> Result<(), OrphanedSpool> {
    let embedded = config.database.is_embedded();
    if config.spool && !embedded {
        return Ok(());
    }
    let (why, cure) = if embedded {
        (
            "the embedded database has no spool",
            "SPOOL=on and the DATABASE_URL of the Postgres that they belong to",
        )
    } else {
        ("SPOOL is off", "SPOOL=on")
    };
    let move_away = "move the file away, together with the files whose names begin with its name";
    let depth = Spool::look(&config.data_dir)
        .await
        .map_err(|error| OrphanedSpool {
            observed: error.to_string(),
            next: format!(
                "it may contain acknowledged deliveries; make it readable for the service's user, or {move_away}"
            ),
        })?;
    if depth.deliveries == 0 {
        return Ok(());
    }
    Err(OrphanedSpool {
        observed: format!(
            "the spool file {} contains {} acknowledged deliveries that are in no database yet, and {why}",
            Spool::file(&config.data_dir).display(),
            depth.deliveries,
        ),
        next: format!(
            "start with {cure} until /readyz reports no deliveries in the spool; or, to continue without them, {move_away}"
        ),
    })
}
