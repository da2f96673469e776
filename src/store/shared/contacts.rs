//! Reading contacts.

use sqlx::{Error, QueryBuilder};

use super::dialect::{Database, Pool};
use super::messages::{push_channel, push_end, push_range, up_to_head};
use crate::store::filter::{ContactFilter, PageRequest};
use crate::store::model::ContactSummary;
use crate::store::page::{Scan, around_damage, fitting, one_more};

pub(in crate::store) async fn page(
    pool: &Pool,
    filter: &ContactFilter,
    request: PageRequest,
) -> Result<Scan<ContactSummary>, Error> {
    let request = up_to_head(pool, request).await?;
    around_damage(request, |request| rows(pool, filter, request)).await
}

async fn rows(
    pool: &Pool,
    filter: &ContactFilter,
    request: PageRequest,
) -> Result<Scan<ContactSummary>, Error> {
    let mut query = QueryBuilder::<Database>::new(
        "SELECT position, id, channel, username, display_name, first_seen, \
           coalesce(last_message_at, first_seen) AS last_seen, messages \
         FROM contacts WHERE ",
    );
    push_range(&mut query, "position", request);
    if let Some(channel) = &filter.channel {
        push_channel(&mut query, channel);
    }
    push_end(&mut query, "position", one_more(request));
    let rows = query.build_query_as().persistent(false).fetch(pool);
    fitting(rows, request.limit).await
}
