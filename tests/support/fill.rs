//! Many messages at once, put into a database behind the service's back.

use std::path::Path;

use super::postgres;

/// Inserts messages 1 to `count` with this text, each of a contact of its own, one each millisecond of one hour.
/// Every thousandth is on WhatsApp, every 500th outbound, every 250th a postback.
pub(crate) async fn postgres(url: &str, count: u32, text: &str) {
    let statement = format!(
        "INSERT INTO messages (position, id, dedupe_key, delivery_id, item, channel, direction, kind, contact_id, \
           body, sent_at, sent_at_source, received_at, shape, recovered) \
         SELECT n, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 0, \
           CASE WHEN n % 1000 = 0 THEN 'whatsapp' ELSE 'instagram' END, \
           CASE WHEN n % 500 = 0 THEN 'outbound' ELSE 'inbound' END, \
           CASE WHEN n % 250 = 0 THEN 'postback' ELSE 'text' END, \
           'c' || n, {text}, to_timestamp(1783609200 + n / 1000.0), 'arrival', to_timestamp(1783609200 + n / 1000.0), \
           'flat', false \
         FROM generate_series(1, {count}) AS n; \
         UPDATE head SET position = {count}; \
         INSERT INTO hours (hour, first, last) VALUES (1783609200 / 3600, 1, {count}); \
         UPDATE folded SET position = {count}; \
         ANALYZE"
    );
    postgres::execute(url, statement).await;
}

/// The same in an SQLite file that no service has open.
pub(crate) async fn sqlite(file: &Path, count: u32) {
    let statement = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) \
         INSERT INTO messages (position, id, dedupe_key, delivery_id, item, channel, direction, kind, contact_id, \
           body, sent_at, sent_at_source, received_at, shape, recovered) \
         SELECT n, randomblob(16), randomblob(16), randomblob(16), 0, \
           iif(n % 1000 = 0, 'whatsapp', 'instagram'), iif(n % 500 = 0, 'outbound', 'inbound'), \
           iif(n % 250 = 0, 'postback', 'text'), 'c' || n, 'number ' || n, 1783609200000 + n, 'arrival', \
           1783609200000 + n, 'flat', 0 \
         FROM numbers; \
         INSERT INTO hours (hour, first, last) VALUES (1783609200 / 3600, 1, {count}); \
         UPDATE folded SET position = {count}"
    );
    super::sqlite_execute(file, statement).await;
}
