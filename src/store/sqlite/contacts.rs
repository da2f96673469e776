//! Writing the people of a batch, many in a statement.

use std::collections::HashSet;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::commit::pieces;
use crate::message::Contact;
use crate::store::StoreError;

/// Which contacts were new.
pub(super) enum New {
    All,
    /// Channels and ids.
    These(HashSet<(String, String)>),
}

impl New {
    pub(super) fn has(&self, contact: &Contact) -> bool {
        match self {
            Self::All => true,
            Self::These(keys) => {
                keys.contains(&(contact.channel.as_str().to_owned(), contact.id.clone()))
            }
        }
    }
}

/// Writes contacts, each once, and their other ids, in the transaction that is open.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    contacts: &[(Contact, Timestamp)],
) -> Result<New, StoreError> {
    let mut inserted = 0;
    for piece in pieces(contacts) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO contacts (channel, id, username, display_name, first_seen) ",
        );
        query.push_values(piece, |mut row, (contact, since)| {
            row.push_bind(contact.channel.as_str())
                .push_bind(contact.id.as_str())
                .push_bind(contact.username.as_deref())
                .push_bind(contact.display_name.as_deref())
                .push_bind(since.as_millisecond());
        });
        query.push(" ON CONFLICT DO NOTHING");
        let done = query.build().execute(&mut *connection).await?;
        inserted += done.rows_affected();
    }
    insert_aliases(connection, contacts).await?;
    if usize::try_from(inserted) == Ok(contacts.len()) {
        return Ok(New::All);
    }
    let new = New::These(newest(connection, inserted).await?);
    for (contact, since) in contacts.iter().filter(|(contact, _)| !new.has(contact)) {
        update(connection, contact, *since).await?;
    }
    Ok(new)
}

/// The contacts that came last. (They are not returned by the statement that inserts them: each row that is costs a way
/// from thread to thread.)
async fn newest(
    connection: &mut SqliteConnection,
    number: u64,
) -> Result<HashSet<(String, String)>, StoreError> {
    let rows = sqlx::query_as("SELECT channel, id FROM contacts ORDER BY position DESC LIMIT ?1")
        .bind(i64::try_from(number).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().collect())
}

async fn update(
    connection: &mut SqliteConnection,
    contact: &Contact,
    since: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE contacts SET username = COALESCE(?3, username), display_name = COALESCE(?4, display_name), \
           first_seen = min(?5, first_seen) \
         WHERE channel = ?1 AND id = ?2",
    )
    .bind(contact.channel.as_str())
    .bind(contact.id.as_str())
    .bind(contact.username.as_deref())
    .bind(contact.display_name.as_deref())
    .bind(since.as_millisecond())
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_aliases(
    connection: &mut SqliteConnection,
    contacts: &[(Contact, Timestamp)],
) -> Result<(), StoreError> {
    let rows: Vec<_> = contacts
        .iter()
        .flat_map(|(contact, _)| contact.aliases.iter().map(move |alias| (contact, alias)))
        .collect();
    for piece in pieces(&rows) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO contact_aliases (channel, alias, contact_id) ",
        );
        query.push_values(piece, |mut row, (contact, alias)| {
            row.push_bind(contact.channel.as_str())
                .push_bind(alias.as_str())
                .push_bind(contact.id.as_str());
        });
        query.push(" ON CONFLICT DO NOTHING");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}
