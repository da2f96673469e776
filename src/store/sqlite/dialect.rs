//! What the statements of `store/shared` need to know of SQLite.

use serde_json::json;
use uuid::Uuid;

pub(in crate::store) use sqlx::Sqlite as Database;
pub(in crate::store) use sqlx::SqliteConnection as Connection;
pub(in crate::store) use sqlx::SqlitePool as Pool;

pub(in crate::store) use super::SqliteStore as Backend;

/// Whether several processes write the database.
pub(in crate::store) const IS_SHARED: bool = false;

/// Whether a statement's plan is kept. SQLite plans by the indexes alone.
pub(in crate::store) const KEEPS_PLANS: bool = true;

/// Whether a regular expression is found in a text. The function is sqlx's; connections that read have it.
pub(in crate::store) const MATCHES: &str = "REGEXP";
/// The time by the clock of the database.
pub(in crate::store) const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
/// Locks the rows that a statement reads. Here the transaction has locked the file.
pub(in crate::store) const FOR_UPDATE: &str = "";
/// The texts of a list in JSON, as the column `value`.
pub(in crate::store) const EACH_ALIAS: &str = "json_each(aliases) AS each_alias";
/// The people in a list of `[channel, id, messages]` in JSON, which is the first parameter.
pub(in crate::store) const PEOPLE: &str = "(SELECT value ->> 0 AS channel, value ->> 1 AS id, value ->> 2 AS messages \
     FROM json_each($1)) AS people";
/// Reasons as a list in JSON.
pub(in crate::store) const LIST_OF_REASONS: &str = "json_group_array(reason ORDER BY first)";

/// The value of a column in the row whose delivery arrived last, among those of a group that have one.
pub(in crate::store) fn latest(column: &str) -> String {
    format!(
        "json_group_array({column} ORDER BY received_at DESC, position DESC) FILTER (WHERE {column} IS NOT NULL) ->> 0"
    )
}

/// The time that is so many milliseconds ahead as the parameter says.
pub(in crate::store) fn in_millis(parameter: usize) -> String {
    format!("{NOW} + ${parameter}")
}

/// The condition that an id or a number is in the list of a parameter.
pub(in crate::store) fn is_in(parameter: usize) -> String {
    format!("IN (SELECT unhex(value) FROM json_each(${parameter}))")
}

/// Ids as a parameter for [`is_in`].
pub(in crate::store) fn ids(ids: &[Uuid]) -> String {
    let ids: Vec<_> = ids.iter().map(|id| id.simple().to_string()).collect();
    json!(ids).to_string()
}

/// The same condition for numbers.
pub(in crate::store) fn is_in_numbers(parameter: usize) -> String {
    format!("IN (SELECT value FROM json_each(${parameter}))")
}

/// Numbers as a parameter for [`is_in_numbers`].
pub(in crate::store) fn numbers(numbers: &[i64]) -> String {
    json!(numbers).to_string()
}

/// The sum of two lists of counts.
pub(in crate::store) fn sum_of_counts(one: &str, other: &str) -> String {
    format!(
        "(SELECT json_group_array(coalesce(one.value, 0) + coalesce(other.value, 0) ORDER BY key) \
           FROM json_each({one}) AS one FULL JOIN json_each({other}) AS other USING (key))"
    )
}

/// Erased rows are in the write-ahead log too, until it is folded in.
pub(in crate::store) async fn overwrite_erased(store: &Backend) -> bool {
    store.log.fold_eventually().await
}

pub(in crate::store) fn is_log_pending(store: &Backend) -> bool {
    store.log.is_pending()
}
