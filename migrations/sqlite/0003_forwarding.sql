-- One row for each destination that was ever configured, by its name. What it is, is in the configuration.
--
-- Everything up to `cursor` was accepted, is not wanted, or has a row in forward_retries. One process at a time
-- forwards: the one with the lease, until `leased_until` by the clock of the database. `failing_since` is set while
-- the destination is down, and `failure` is JSON: the last attempt that failed. The counts are of all time.
CREATE TABLE destinations (
    name            TEXT    PRIMARY KEY,
    -- 'messages' or 'deliveries', and which messages: what retention needs to know.
    content         TEXT    NOT NULL,
    filter          TEXT    NOT NULL,
    lease           BLOB,
    paused_at       INTEGER,
    pause_reason    TEXT,
    failing_since   INTEGER,
    failure         TEXT,
    expired         INTEGER NOT NULL DEFAULT 0,
    refused         INTEGER NOT NULL DEFAULT 0,
    leased_until    INTEGER,
    last_success_at INTEGER,
    forwarded       INTEGER NOT NULL DEFAULT 0,
    cursor          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a destination refused while it accepted others, by position: to be tried again at `next_at`, or, without that, a
-- dead letter. `id` is that of the message or the delivery.
CREATE TABLE forward_retries (
    position        INTEGER NOT NULL,
    destination     TEXT    NOT NULL,
    id              BLOB    NOT NULL,
    attempts        INTEGER NOT NULL,
    first_at        INTEGER NOT NULL,
    next_at         INTEGER,
    failure         TEXT    NOT NULL,
    PRIMARY KEY (position, destination)
) STRICT, WITHOUT ROWID;
CREATE INDEX forward_retries_by_time ON forward_retries (destination, next_at);

-- What is to be forwarded once more: what is behind `cursor` and up to `until`, and fits the filter. `positions` is a
-- JSON array: only what is there.
CREATE TABLE forward_replays (
    id              BLOB    PRIMARY KEY,
    destination     TEXT    NOT NULL,
    cursor          INTEGER NOT NULL,
    until           INTEGER NOT NULL,
    filter          TEXT    NOT NULL,
    positions       TEXT
) STRICT, WITHOUT ROWID;
