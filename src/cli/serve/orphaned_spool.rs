//! An orphaned spool: acknowledged deliveries in a spool that this configuration does not use, so that they would never
//! reach a database.

use crate::cli::Failure;
use crate::config::Config;
use crate::i18n::Text;
use crate::store::Spool;

/// Why the service does not start with this one.
pub(super) fn refusal(orphaned: Text) -> Failure {
    let next_step = orphaned.attribute("next");
    let sentence = Text::new("orphaned-spool").with("problem", orphaned);
    Failure::CannotRun(sentence.with("next", next_step))
}

/// Looks for a spool in the data directory that this configuration does not open, although it contains deliveries, or
/// may. Changes nothing.
///
/// # Errors
/// When there is one, or when that is unknown: a sentence that names the file, without its full stop. Its attribute
/// `next` says what to do.
pub(in crate::cli) async fn find_orphaned(config: &Config) -> Result<(), Text> {
    let embedded = config.database.is_embedded();
    if config.spool && !embedded {
        return Ok(());
    }
    let depth = Spool::look(&config.data_dir)
        .await
        .map_err(|error| Text::new("orphaned-unreadable").with("cause", error.to_string()))?;
    if depth.deliveries == 0 {
        return Ok(());
    }
    let id = if embedded {
        "orphaned-embedded"
    } else {
        "orphaned-off"
    };
    let path = Spool::file(&config.data_dir).display().to_string();
    Err(Text::new(id)
        .with("path", path)
        .with("count", depth.deliveries))
}
