//! Reading contacts.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, Error, QueryBuilder};

use super::dialect::{Database, KEEPS_PLANS, MATCHES, Pool, is_in_numbers, numbers};
use super::messages::{push_channel, push_end, push_range, up_to_head};
use crate::store::filter::{ContactFilter, ContactOrder, PageRequest, pattern};
use crate::store::maintenance::PersonId;
use crate::store::model::{ContactDetail, ContactName, ContactSummary, EXCERPT, MessageExcerpt};
use crate::store::page::{Scan, around_damage, fitting, one_more};

/// How many contacts one page looks at for what no index finds.
const SCAN: u32 = 10_000;
/// How many contacts may come for one id.
const MOST: i64 = 6;
/// How many other ids are shown of a contact.
const ALIASES: i64 = 100;

/// The columns of a contact beside its place in a list.
const COLUMNS: &str = "last_position, id, channel, username, display_name, first_seen, \
    coalesce(last_message_at, first_seen) AS last_seen, messages";

fn position(order: ContactOrder) -> &'static str {
    match order {
        ContactOrder::First => "position",
        ContactOrder::Last => "last_position",
    }
}

pub(in crate::store) async fn page(
    pool: &Pool,
    filter: &ContactFilter,
    request: PageRequest,
) -> Result<Scan<ContactSummary>, Error> {
    let request = up_to_head(pool, request).await?;
    around_damage(request, |request| async move {
        let reach = if filter.is_indexed() {
            request
        } else {
            reach(pool, filter.order, request).await?
        };
        let mut page = rows(pool, filter, reach).await?;
        if reach != request {
            page.cut = page.cut.or(Some(reach.last()));
        }
        add_last_messages(pool, &mut page.rows).await?;
        Ok(page)
    })
    .await
}

/// The part of a request in which the first few contacts are.
async fn reach(
    pool: &Pool,
    order: ContactOrder,
    request: PageRequest,
) -> Result<PageRequest, Error> {
    let position = position(order);
    let mut query =
        QueryBuilder::<Database>::new(format!("SELECT {position} FROM contacts WHERE "));
    push_range(&mut query, position, request);
    push_end(
        &mut query,
        position,
        PageRequest {
            limit: 1,
            ..request
        },
    );
    query.push(" OFFSET ").push_bind(i64::from(SCAN));
    let next: Option<i64> = query
        .build_query_scalar()
        .persistent(KEEPS_PLANS)
        .fetch_optional(pool)
        .await?;
    Ok(next.map_or(request, |next| request.up_to(next)))
}

async fn rows(
    pool: &Pool,
    filter: &ContactFilter,
    request: PageRequest,
) -> Result<Scan<ContactSummary>, Error> {
    let position = position(filter.order);
    let mut query = QueryBuilder::<Database>::new(format!(
        "SELECT {position} AS position, {COLUMNS} FROM contacts WHERE "
    ));
    push_range(&mut query, position, request);
    if let Some(channel) = &filter.channel {
        push_channel(&mut query, channel);
    }
    if let Some(text) = &filter.text {
        let pattern = pattern(text);
        for (before, column) in [
            (" AND (", "display_name"),
            (" OR ", "username"),
            (" OR ", "id"),
        ] {
            query
                .push(format_args!("{before}{column} {MATCHES} "))
                .push_bind(pattern.clone());
        }
        query.push(")");
    }
    push_end(&mut query, position, one_more(request));
    let rows = query.build_query_as().persistent(false).fetch(pool);
    fitting(rows, request.limit).await
}

/// A last message that is missing was deleted meanwhile, or there was none.
async fn add_last_messages(pool: &Pool, contacts: &mut [ContactSummary]) -> Result<(), Error> {
    let positions: Vec<_> = contacts.iter().map(|one| one.last_position).collect();
    let messages: Vec<MessageExcerpt> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT id, position, direction, kind, substr(body, 1, {EXCERPT}) AS text, sent_at, received_at \
         FROM messages WHERE position {}",
        is_in_numbers(1)
    )))
    .persistent(KEEPS_PLANS)
    .bind(numbers(&positions))
    .fetch_all(pool)
    .await?;
    let messages = messages
        .into_iter()
        .map(|message| (message.position, message));
    let mut messages: HashMap<_, _> = messages.collect();
    for contact in contacts {
        contact.last_message = messages.remove(&contact.last_position);
    }
    Ok(())
}

/// The contacts with an id; or else those with the alias, of which a constant has many.
pub(in crate::store) async fn find(
    pool: &Pool,
    person: &PersonId,
) -> Result<Vec<ContactDetail>, Error> {
    const BY_ID: &str = "id = $1 AND channel = coalesce($2, channel)";
    const BY_ALIAS: &str = "(id, channel) IN (SELECT contact_id, channel FROM contact_aliases \
        WHERE alias = $1 AND channel = coalesce($2, channel) LIMIT $3)";
    let mut found: Vec<ContactSummary> = Vec::new();
    for condition in [BY_ID, BY_ALIAS] {
        if found.is_empty() {
            found = sqlx::query_as(AssertSqlSafe(format!(
                "SELECT position, {COLUMNS} FROM contacts WHERE {condition} ORDER BY position LIMIT $3"
            )))
            .persistent(KEEPS_PLANS)
            .bind(&person.id)
            .bind(&person.channel)
            .bind(MOST)
            .fetch_all(pool)
            .await?;
        }
    }
    add_last_messages(pool, &mut found).await?;
    let mut details = Vec::new();
    for contact in found {
        let aliases = sqlx::query_scalar(
            "SELECT alias FROM contact_aliases WHERE contact_id = $1 AND channel = $2 ORDER BY alias LIMIT $3",
        )
        .persistent(KEEPS_PLANS)
        .bind(&contact.id)
        .bind(contact.channel.as_str())
        .bind(ALIASES)
        .fetch_all(pool)
        .await?;
        details.push(ContactDetail { contact, aliases });
    }
    Ok(details)
}

/// The names of contacts.
pub(in crate::store) async fn names(pool: &Pool, ids: &[&str]) -> Result<Vec<ContactName>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::<Database>::new(
        "SELECT id, channel, coalesce(display_name, username) AS name FROM contacts \
         WHERE coalesce(display_name, username) IS NOT NULL AND id IN (",
    );
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind((*id).to_owned());
    }
    query.push(")");
    query
        .build_query_as()
        .persistent(false)
        .fetch_all(pool)
        .await
}
