//! What can go wrong in a database, sorted by what the caller can do about it.

use sqlx::error::DatabaseError;

/// What can go wrong, sorted by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or cannot write now. Trying again later may help.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The disk is full. What was not finished was taken back.
    #[error("the disk is full: {0}")]
    Full(String),
    /// Another transaction came between. Trying again at once helps.
    #[error("the database asked to try again: {0}")]
    Conflict(String),
    /// The database refuses these values, and would again. Its neighbours in the batch may be fine.
    #[error("the database refused the data: {0}")]
    Refused(String),
    /// Pages of its files are damaged. What stands there cannot be read, and trying again does not help.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// A row cannot be read as what it should be.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
}

/// Why a database cannot be used at start.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// It cannot be reached now; it may come.
    #[error("{0}")]
    Unreachable(String),
    /// It will not work until somebody changes something.
    #[error("{0}")]
    Unusable(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => of_database(database.as_ref()),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::Decode(_)
            | sqlx::Error::TypeNotFound { .. }
            | sqlx::Error::RowNotFound => Self::Corrupt(error.to_string()),
            // Why there was no connection within that time it does not say.
            sqlx::Error::PoolTimedOut => {
                Self::Unavailable("no connection to the database came about in time".to_owned())
            }
            sqlx::Error::Encode(_) => Self::Refused(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// Whether a row, or the page of the file that it stands on, cannot be read, and others may be.
pub(super) fn is_unreadable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(database) => {
            matches!(of_database(database.as_ref()), StoreError::Damaged(_))
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => true,
        _ => false,
    }
}

/// What an error that the database itself reported means.
pub(super) fn classify(error: &sqlx::Error) -> Option<StoreError> {
    let database = error.as_database_error()?;
    Some(of_database(database))
}

/// Sorts an error that the database itself reported. The codes of the two backends do not overlap: Postgres has five
/// characters, SQLite a decimal number.
///
/// Only the code and the primary message are kept: Postgres puts values of the row into the detail.
fn of_database(error: &dyn DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default();
    let text = format!("{} ({code})", error.message());
    if let Ok(number) = code.parse::<u32>()
        && code.len() < 5
    {
        // https://sqlite.org/rescode.html; the low byte is the primary code.
        return match number & 0xff {
            11 | 26 => StoreError::Damaged(text), // corrupt, not a database
            13 => StoreError::Full(text),
            10 if number == 4874 => StoreError::Full(text), // the file beside the log cannot grow
            18..=20 | 25 => StoreError::Refused(text),      // too big, constraint, mismatch, range
            _ => StoreError::Unavailable(text),
        };
    }
    // https://www.postgresql.org/docs/current/errcodes-appendix.html
    match code.get(..2).unwrap_or_default() {
        "22" | "23" | "54" => StoreError::Refused(text), // data exception, constraint, limit exceeded
        "40" => StoreError::Conflict(text),              // serialization failure, deadlock
        "XX" if code != "XX000" => StoreError::Damaged(text), // data or index corrupted
        _ => StoreError::Unavailable(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_away_is_told_in_its_own_words_and_not_in_those_of_a_pool() {
        let error = StoreError::from(sqlx::Error::PoolTimedOut);
        assert!(matches!(&error, StoreError::Unavailable(_)));
        assert!(!error.to_string().contains("pool"), "{error}");
    }
}
