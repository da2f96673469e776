-- Fills an empty ledger with :count messages, one in each delivery, as the service would have kept them in 30 days.
ALTER TABLE messages DROP CONSTRAINT messages_dedupe_key;
DROP INDEX messages_by_delivery, messages_by_contact, messages_by_window;
INSERT INTO messages
SELECT 2 * n - 1, md5('m' || n)::uuid, md5('k' || n)::uuid, NULL, md5('d' || n)::uuid, 0,
       'instagram', 'inbound', 'text', 'id-' || n, (1789400000000000 + n % (:count / 10 + 1))::text, NULL, NULL,
       'ana.ruiz', 'Ana Ruiz', 'Message ' || n || ': ' || repeat('lorem ipsum ', 8), NULL, NULL, NULL,
       now() - (:count - n) * (interval '30 days' / :count), 'arrival',
       now() - (:count - n) * (interval '30 days' / :count), 'flat', false
FROM generate_series(1, :count) AS n;
ALTER TABLE messages ADD CONSTRAINT messages_dedupe_key UNIQUE (dedupe_key);
CREATE UNIQUE INDEX messages_by_delivery ON messages (delivery_id, item);
CREATE INDEX messages_by_contact ON messages (contact_id, position);
CREATE INDEX messages_by_window ON messages (window_key, received_at) WHERE window_key IS NOT NULL;

INSERT INTO deliveries
SELECT md5('d' || n)::uuid, 2 * n, now() - (:count - n) * (interval '30 days' / :count), 'POST', 'application/json',
       '[["content-type","application/json"]]', convert_to('{"text":"' || repeat('lorem ipsum ', 8) || '"}', 'UTF8'),
       false, 'flat', 'stored', 1, 0, 0, 0
FROM generate_series(1, :count) AS n;

INSERT INTO contacts (position, channel, id, username, display_name, first_seen)
SELECT 2 * :count + 1 + n, 'instagram', (1789400000000000 + n)::text, 'ana.ruiz', 'Ana Ruiz', now()
FROM generate_series(0, LEAST(:count / 10, :count - 1)) AS n;

INSERT INTO hours (hour, first, last)
SELECT floor(extract(epoch FROM received_at) / 3600)::bigint, min(position), max(position) FROM messages GROUP BY 1;
-- The messages are counted for their contacts already.
UPDATE folded SET position = 3 * :count;

-- 30 days of hours, and all time.
INSERT INTO counters
SELECT hour, name, label, sum(1)
FROM (SELECT floor(extract(epoch FROM received_at) / 3600)::bigint AS hour FROM messages) AS m
CROSS JOIN (VALUES ('delivery', 'stored'), ('item', 'stored'), ('kind', 'text'), ('direction', 'inbound'),
                   ('shape', 'flat')) AS c (name, label)
GROUP BY 1, 2, 3
UNION ALL
SELECT 0, name, label, :count
FROM (VALUES ('delivery', 'stored'), ('item', 'stored'), ('kind', 'text'), ('direction', 'inbound'),
             ('shape', 'flat')) AS c (name, label);
UPDATE head SET position = 3 * :count;
