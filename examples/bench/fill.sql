-- Fills an empty ledger with :count messages, one in each delivery, as the service would have kept them in 30 days.
ALTER TABLE messages DROP CONSTRAINT messages_dedupe_key_key;
DROP INDEX messages_by_delivery, messages_by_contact, messages_by_window;
INSERT INTO messages
SELECT 2 * n - 1, md5('m' || n)::uuid, md5('k' || n)::uuid, NULL, md5('d' || n)::uuid, 0,
       'instagram', 'inbound', 'text', 'id-' || n, (1789400000000000 + (n - 1) % (:count / 10 + 1))::text, NULL, NULL,
       'ana.ruiz', 'Ana Ruiz', NULL, 'Message ' || n || ': ' || repeat('lorem ipsum ', 8), NULL, NULL, NULL,
       now() - (:count - n) * (interval '30 days' / :count), 'arrival',
       now() - (:count - n) * (interval '30 days' / :count), 'flat', false
FROM generate_series(1, :count) AS n;
ALTER TABLE messages ADD CONSTRAINT messages_dedupe_key_key UNIQUE (dedupe_key);
CREATE UNIQUE INDEX messages_by_delivery ON messages (delivery_id, item);
CREATE INDEX messages_by_contact ON messages (contact_id, position);
CREATE INDEX messages_by_window ON messages (window_key, received_at) WHERE window_key IS NOT NULL;

INSERT INTO deliveries
SELECT 2 * n, md5('d' || n)::uuid, now() - (:count - n) * (interval '30 days' / :count), 'POST', 'application/json',
       '[["content-type","application/json"]]', convert_to('{"text":"' || repeat('lorem ipsum ', 8) || '"}', 'UTF8'),
       false, 'flat', 'stored', 1, 0, 0, 0
FROM generate_series(1, :count) AS n;

-- The contacts are rolled up already.
INSERT INTO contacts (position, channel, id, username, display_name, first_seen, last_message_at, messages)
SELECT min(position), channel, contact_id, min(username), min(display_name), min(received_at), max(received_at),
       count(*)
FROM messages GROUP BY channel, contact_id;
UPDATE rollup SET position = 2 * :count, counted = 2 * :count, contacts = ARRAY[(SELECT count(*) FROM contacts)];

-- 30 days of hours, and all time. The counts are those of a stored text in a flat body.
INSERT INTO hours (hour, first, last, counts)
SELECT floor(extract(epoch FROM received_at) / 3600)::bigint, min(position), max(position),
       array_fill(count(*), ARRAY[5])
FROM messages GROUP BY 1;
UPDATE head SET position = 2 * :count, counts = array_fill(:count::bigint, ARRAY[5]), last_message_at = now(),
       last_delivery_at = now();
