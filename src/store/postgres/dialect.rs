//! What the statements of `store/shared` need to know of Postgres.

use uuid::Uuid;

pub(in crate::store) use sqlx::PgConnection as Connection;
pub(in crate::store) use sqlx::PgPool as Pool;
pub(in crate::store) use sqlx::Postgres as Database;

pub(in crate::store) use super::PostgresStore as Backend;

/// Whether several processes write the database.
pub(in crate::store) const IS_SHARED: bool = true;

/// Whether a statement's plan is kept. A plan from when the tables were small would read all of them later.
pub(in crate::store) const KEEPS_PLANS: bool = false;

/// Whether a regular expression is found in a text, whatever the locale of the database.
pub(in crate::store) const MATCHES: &str = "COLLATE \"C\" ~";
/// The time by the clock of the database.
pub(in crate::store) const NOW: &str = "clock_timestamp()";
/// Locks the rows that a statement reads until the transaction ends.
pub(in crate::store) const FOR_UPDATE: &str = " FOR UPDATE";
/// The texts of a list in JSON, as the column `value`.
pub(in crate::store) const EACH_ALIAS: &str =
    "json_array_elements_text(aliases::json) AS each_alias (value)";
/// The people in a list of `[channel, id, messages]` in JSON, which is the first parameter.
pub(in crate::store) const PEOPLE: &str = "(SELECT value ->> 0 AS channel, value ->> 1 AS id, \
     (value ->> 2)::bigint AS messages FROM json_array_elements($1::json) AS each_person (value)) AS people";
/// Reasons as a list in JSON, or NULL.
pub(in crate::store) const LIST_OF_REASONS: &str = "json_agg(reason ORDER BY first)::text";

/// The value of a column in the row whose delivery arrived last, among those of a group that have one.
pub(in crate::store) fn latest(column: &str) -> String {
    format!(
        "(array_agg({column} ORDER BY received_at DESC, position DESC) FILTER (WHERE {column} IS NOT NULL))[1]"
    )
}

/// The time that is so many milliseconds ahead as the parameter says.
pub(in crate::store) fn in_millis(parameter: usize) -> String {
    format!("{NOW} + ${parameter} * interval '1 ms'")
}

/// The condition that an id or a number is in the list of a parameter.
pub(in crate::store) fn is_in(parameter: usize) -> String {
    format!("= ANY(${parameter})")
}

/// Ids as a parameter for [`is_in`].
pub(in crate::store) fn ids(ids: &[Uuid]) -> Vec<Uuid> {
    ids.to_vec()
}

/// The same condition for numbers.
pub(in crate::store) fn is_in_numbers(parameter: usize) -> String {
    is_in(parameter)
}

/// Numbers as a parameter for [`is_in_numbers`].
pub(in crate::store) fn numbers(numbers: &[i64]) -> Vec<i64> {
    numbers.to_vec()
}

/// The sum of two lists of counts.
pub(in crate::store) fn sum_of_counts(one: &str, other: &str) -> String {
    format!("add_counts({one}, {other})")
}

/// What was erased leaves the server's files by its own vacuum.
pub(in crate::store) fn overwrite_erased(_: &Backend) -> std::future::Ready<bool> {
    std::future::ready(true)
}

/// Its log is no copy of rows that anybody could read.
pub(in crate::store) fn is_log_pending(_: &Backend) -> bool {
    false
}
