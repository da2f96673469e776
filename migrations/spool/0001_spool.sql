-- Deliveries that wait on this machine's disk until Postgres is back, exactly as they came. What is read from them is
-- not kept: it is read again when they are drained, so that a newer version reads them better.
CREATE TABLE spool (
    position     INTEGER PRIMARY KEY AUTOINCREMENT,
    id           BLOB    NOT NULL UNIQUE,
    received_at  INTEGER NOT NULL,
    method       TEXT    NOT NULL,
    content_type TEXT,
    headers      TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    is_query     INTEGER NOT NULL
) STRICT;
