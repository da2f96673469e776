//! The rollup: keeps the projection, which are the contacts and their aliases, behind the ledger.
//!
//! A watermark says up to which position the projection follows, and moves in the transaction that writes. Contacts
//! come from the messages, and from those items that name a person and were understood. Each rule takes the least or
//! the greatest of something, so that it does not matter in which steps the ledger is read, and what is read again
//! changes nothing; only the numbers of messages add up.

use sqlx::AssertSqlSafe;

use super::dialect::{Connection, EACH_ALIAS, FOR_UPDATE, KEEPS_PLANS, latest};
use crate::message::Channel;
use crate::store::counts::Counts;

/// How many positions one transaction takes.
const STEP: i64 = 5_000;

/// The rows of the ledger that name a person.
const NAMING_ROWS: &str = "naming AS ( \
       SELECT position, channel, contact_id, username, display_name, aliases, received_at, 1 AS is_message \
       FROM messages WHERE {condition} \
       UNION ALL \
       SELECT position, channel, contact_id, username, display_name, aliases, received_at, 0 FROM items \
       WHERE contact_id IS NOT NULL AND outcome IN ('ignored', 'duplicate') AND coalesce(code, '') <> 'erased' \
         AND {condition} \
     )";

/// What rows say changes a contact that exists. The names of the delivery that arrived last count, whenever it was
/// committed.
const CHANGE_CONTACT: &str = "ON CONFLICT (id, channel) DO UPDATE SET \
       position = CASE WHEN excluded.position < old.position THEN excluded.position ELSE old.position END, \
       username = CASE WHEN old.username_at > excluded.username_at OR excluded.username_at IS NULL \
         THEN old.username ELSE excluded.username END, \
       username_at = CASE WHEN old.username_at > excluded.username_at OR excluded.username_at IS NULL \
         THEN old.username_at ELSE excluded.username_at END, \
       display_name = CASE WHEN old.display_name_at > excluded.display_name_at OR excluded.display_name_at IS NULL \
         THEN old.display_name ELSE excluded.display_name END, \
       display_name_at = CASE WHEN old.display_name_at > excluded.display_name_at \
           OR excluded.display_name_at IS NULL \
         THEN old.display_name_at ELSE excluded.display_name_at END, \
       first_seen = CASE WHEN excluded.first_seen < old.first_seen THEN excluded.first_seen ELSE old.first_seen END, \
       last_message_at = CASE WHEN old.last_message_at > excluded.last_message_at \
           OR excluded.last_message_at IS NULL \
         THEN old.last_message_at ELSE excluded.last_message_at END, \
       messages = old.messages + excluded.messages, \
       last_position = CASE WHEN excluded.messages > 0 AND excluded.last_position > old.last_position \
         THEN excluded.last_position ELSE old.last_position END";

/// Between the watermark `$1` and a later position `$2`.
const NEXT: &str = "position > $1 AND position <= $2";
/// The first position behind the watermark `$1` that names a person.
const NEXT_POSITION: &str = "SELECT min(position) FROM ( \
       SELECT min(position) AS position FROM messages WHERE position > $1 \
       UNION ALL \
       SELECT min(position) FROM items WHERE position > $1 AND contact_id IS NOT NULL) AS next";
/// Of one person, on the channel `$2` or on all of them, up to the watermark.
const OF_PERSON: &str = "contact_id = $1 AND channel = coalesce($2, channel) \
     AND position <= (SELECT position FROM rollup)";

fn contacts_of(condition: &str) -> String {
    let rows = NAMING_ROWS.replace("{condition}", condition);
    let (username, display_name) = (latest("username"), latest("display_name"));
    format!(
        "WITH {rows} \
         INSERT INTO contacts AS old (position, channel, id, username, username_at, display_name, display_name_at, \
           first_seen, last_message_at, messages, last_position) \
         SELECT min(position), channel, contact_id, \
           {username}, max(received_at) FILTER (WHERE username IS NOT NULL), \
           {display_name}, max(received_at) FILTER (WHERE display_name IS NOT NULL), \
           min(received_at), max(received_at) FILTER (WHERE is_message = 1), sum(is_message), \
           coalesce(max(position) FILTER (WHERE is_message = 1), min(position)) \
         FROM naming WHERE true GROUP BY contact_id, channel {CHANGE_CONTACT}"
    )
}

/// Writes the aliases that rows name. Most are there already, and to look first costs a fifth of running into them.
fn aliases_of(condition: &str) -> String {
    let rows = NAMING_ROWS.replace("{condition}", condition);
    format!(
        "WITH {rows} INSERT INTO contact_aliases (channel, alias, contact_id) \
         SELECT DISTINCT channel, value, contact_id FROM naming CROSS JOIN {EACH_ALIAS} WHERE aliases IS NOT NULL \
           AND NOT EXISTS (SELECT 1 FROM contact_aliases AS old WHERE old.contact_id = naming.contact_id \
             AND old.alias = value AND old.channel = naming.channel) \
         ON CONFLICT DO NOTHING"
    )
}

/// Where the rollup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct RollupProgress {
    /// The watermark.
    pub(in crate::store) position: i64,
    /// The last position of the ledger.
    pub(in crate::store) head: i64,
}

impl RollupProgress {
    pub(in crate::store) fn is_caught_up(self) -> bool {
        self.position >= self.head
    }
}

/// Where the rollup is, without locking anything.
pub(in crate::store) async fn progress<'c>(
    executor: impl sqlx::Executor<'c, Database = super::dialect::Database>,
) -> Result<RollupProgress, sqlx::Error> {
    let (position, head) =
        sqlx::query_as("SELECT rollup.position, head.position FROM rollup, head")
            .fetch_one(executor)
            .await?;
    Ok(RollupProgress { position, head })
}

/// Rolls up to the head in the transaction that is open. What changes the ledger behind the watermark begins so: then
/// nothing is in front of it.
pub(in crate::store) async fn to_head(connection: &mut Connection) -> Result<(), sqlx::Error> {
    while !step(&mut *connection).await?.is_caught_up() {}
    Ok(())
}

/// Rolls up the next positions in the transaction that is open, and answers where the rollup is then.
pub(in crate::store) async fn step(
    connection: &mut Connection,
) -> Result<RollupProgress, sqlx::Error> {
    let lock = format!("SELECT position, counted, contacts FROM rollup{FOR_UPDATE}");
    let (after, counted, mut contacts): (i64, i64, Counts) = sqlx::query_as(AssertSqlSafe(lock))
        .fetch_one(&mut *connection)
        .await?;
    let RollupProgress { head, .. } = progress(&mut *connection).await?;
    let mut until = head.min(after.saturating_add(STEP));
    if until < head {
        // Whatever is next may be far away: positions have a gap where a database was restored.
        let next: Option<i64> = sqlx::query_scalar(NEXT_POSITION)
            .persistent(KEEPS_PLANS)
            .bind(after)
            .fetch_one(&mut *connection)
            .await?;
        until = next.map_or(head, |next| head.min((next - 1).saturating_add(STEP)));
    }
    if until <= after {
        return Ok(RollupProgress {
            position: after,
            head,
        });
    }
    for statement in [contacts_of(NEXT), aliases_of(NEXT)] {
        sqlx::query(AssertSqlSafe(statement))
            .persistent(KEEPS_PLANS)
            .bind(after)
            .bind(until)
            .execute(&mut *connection)
            .await?;
    }
    // A contact has the position of its first item: those in between are new. A rebuild counts none again.
    let new: Vec<(String, i64)> = sqlx::query_as(
        "SELECT channel, count(*) FROM contacts WHERE position > $1 AND position <= $2 GROUP BY channel",
    )
    .persistent(KEEPS_PLANS)
    .bind(after.max(counted))
    .bind(until)
    .fetch_all(&mut *connection)
    .await?;
    for (channel, number) in new {
        contacts.add_contacts(&Channel::named(&channel), number);
    }
    sqlx::query("UPDATE rollup SET position = $1, counted = $2, contacts = $3")
        .bind(until)
        .bind(until.max(counted))
        .bind(contacts)
        .execute(connection)
        .await?;
    Ok(RollupProgress {
        position: until,
        head,
    })
}

/// Deletes what the projection says of a person under one id, on one channel or on all of them, and writes again what
/// the ledger still says. Answers how many contacts are gone.
pub(in crate::store) async fn rewrite(
    connection: &mut Connection,
    channel: Option<&str>,
    id: &str,
) -> Result<u64, sqlx::Error> {
    const OF_ID: &str = "channel = coalesce($2, channel)";
    let mut statements = vec![
        format!("DELETE FROM contact_aliases WHERE contact_id = $1 AND {OF_ID}"),
        format!("DELETE FROM contacts WHERE id = $1 AND {OF_ID}"),
    ];
    let mut gone = 0;
    statements.extend([contacts_of(OF_PERSON), aliases_of(OF_PERSON)]);
    for (number, statement) in statements.into_iter().enumerate() {
        let done = sqlx::query(AssertSqlSafe(statement))
            .persistent(KEEPS_PLANS)
            .bind(id)
            .bind(channel)
            .execute(&mut *connection)
            .await?
            .rows_affected();
        match number {
            1 => gone = done,
            2 => gone = gone.saturating_sub(done),
            _ => {}
        }
    }
    Ok(gone)
}

/// Begins a rebuild of the projection, in the transaction that is open: the rollup then begins at the first position.
/// What retention has deleted stays counted.
pub(in crate::store) async fn restart(connection: &mut Connection) -> Result<(), sqlx::Error> {
    const RESTART: &str = "UPDATE contacts SET messages = expired, last_position = position; \
        UPDATE rollup SET position = 0";
    sqlx::raw_sql(RESTART).execute(connection).await?;
    Ok(())
}
