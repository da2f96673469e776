-- The schema of the service in SQLite. migrations/postgres has the same tables. Times are milliseconds since 1970.
-- Lists of counts are JSON.
--
-- The ledger is what a commit writes: deliveries, items, messages, the row of the hour, and the row of `head`. The
-- contacts are a projection of it, written by the rollup.

-- One row. Each transaction that writes the ledger takes its positions from it. One connection writes, so positions are
-- given out in commit order.
CREATE TABLE head (
    single            INTEGER PRIMARY KEY DEFAULT 1 CHECK (single = 1),
    -- The last position that was given out. Messages, items and deliveries share one sequence.
    position          INTEGER NOT NULL DEFAULT 0,
    -- The counts of all time, in the order of src/store/counts.rs. They are never decremented.
    counts            TEXT    NOT NULL DEFAULT '[]',
    -- When the newest message and the newest delivery arrived. They only rise, whatever is deleted.
    last_message_at   INTEGER,
    last_delivery_at  INTEGER,
    -- Until then a commit has to look into the suppression list.
    suppressing_until INTEGER,
    -- When what was old was last deleted.
    retained_at       INTEGER
) STRICT;
INSERT INTO head DEFAULT VALUES;

-- One HTTP request each. `quarantined` counts the items that are in quarantine now.
CREATE TABLE deliveries (
    position     INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL UNIQUE,
    received_at  INTEGER NOT NULL,
    method       TEXT    NOT NULL,
    content_type TEXT,
    headers      TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    is_query     INTEGER NOT NULL,
    shape        TEXT    NOT NULL,
    outcome      TEXT    NOT NULL,
    stored       INTEGER NOT NULL,
    duplicates   INTEGER NOT NULL,
    ignored      INTEGER NOT NULL,
    quarantined  INTEGER NOT NULL
) STRICT;
-- GET /instagram/deliveries?outcome=quarantined, and the gauge of open quarantine.
CREATE INDEX deliveries_in_quarantine ON deliveries (position) WHERE quarantined > 0;
-- GET /instagram/deliveries?outcome=…: all but the usual outcome.
CREATE INDEX deliveries_by_outcome ON deliveries (outcome, position) WHERE outcome <> 'stored';

-- The messages. `dedupe_key` makes a message unique. One without id and time has a `window_key` instead, which is
-- compared only with arrivals near its own, and its own id as dedupe key. `aliases` is a JSON list, or NULL.
CREATE TABLE messages (
    position       INTEGER PRIMARY KEY,
    id             BLOB    NOT NULL,
    dedupe_key     BLOB    NOT NULL UNIQUE,
    window_key     BLOB,
    delivery_id    BLOB    NOT NULL,
    item           INTEGER NOT NULL,
    channel        TEXT    NOT NULL,
    direction      TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    external_id    TEXT,
    contact_id     TEXT    NOT NULL,
    sender_id      TEXT,
    recipient_id   TEXT,
    username       TEXT,
    display_name   TEXT,
    aliases        TEXT,
    body           TEXT,
    attachments    TEXT,
    reply_to       TEXT,
    payload        TEXT,
    sent_at        INTEGER NOT NULL,
    sent_at_source TEXT    NOT NULL,
    received_at    INTEGER NOT NULL,
    shape          TEXT    NOT NULL,
    recovered      INTEGER NOT NULL
) STRICT;
-- The messages of a delivery. Each item becomes at most one, however often it is reprocessed.
CREATE UNIQUE INDEX messages_by_delivery ON messages (delivery_id, item);
-- GET /instagram/messages?contactId=…
CREATE INDEX messages_by_contact ON messages (contact_id, position);
-- Window dedupe.
CREATE INDEX messages_by_window ON messages (window_key, received_at) WHERE window_key IS NOT NULL;
-- Filters of GET /instagram/messages: all but the usual value, which nearly every row on the way has.
CREATE INDEX messages_by_kind ON messages (kind, position) WHERE kind <> 'text';
CREATE INDEX messages_by_direction ON messages (direction, position) WHERE direction <> 'inbound';
CREATE INDEX messages_by_channel ON messages (channel, position) WHERE channel <> 'instagram';

-- The items of deliveries that are not stored messages, why, and what was read about the person.
CREATE TABLE items (
    position     INTEGER NOT NULL,
    delivery_id  BLOB    NOT NULL,
    item         INTEGER NOT NULL,
    received_at  INTEGER NOT NULL,
    outcome      TEXT    NOT NULL,
    code         TEXT,
    reason       TEXT,
    channel      TEXT,
    contact_id   TEXT,
    username     TEXT,
    display_name TEXT,
    aliases      TEXT,
    PRIMARY KEY (delivery_id, item)
) STRICT, WITHOUT ROWID;
-- Erasing a person finds every delivery that held them.
CREATE INDEX items_by_contact ON items (contact_id) WHERE contact_id IS NOT NULL;
-- The rollup.
CREATE INDEX items_by_position ON items (position) WHERE contact_id IS NOT NULL;

-- One row for each hour of arrival, in hours since 1970: what was counted, and between which positions its messages
-- are, so that a range of time is found without an index on time. Positions nearly always grow with the hours; what was
-- spooled comes later. `first` and `last` are NULL in an hour without messages.
CREATE TABLE hours (
    hour   INTEGER PRIMARY KEY,
    first  INTEGER,
    last   INTEGER,
    counts TEXT    NOT NULL DEFAULT '[]'
) STRICT;

-- The suppression list: what was erased or deleted does not come back, neither by a late retry nor by a delivery that
-- waited elsewhere meanwhile.

-- What is left for 48 h of a deleted message, so that a late retry of it is a duplicate. With `erased`, the body of the
-- retry is not kept either.
CREATE TABLE tombstones (
    dedupe_key  BLOB    PRIMARY KEY,
    window_key  BLOB,
    received_at INTEGER NOT NULL,
    erased      INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_by_window ON tombstones (window_key, received_at) WHERE window_key IS NOT NULL;
CREATE INDEX tombstones_by_expiry ON tombstones (expires_at);

-- Who was erased, as hashes of their ids: nothing of theirs that arrived before is accepted any more.
CREATE TABLE erasures (
    person     BLOB    PRIMARY KEY,
    erased_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The projection: people, and the other ids of each. A contact's position is that of its first item. Names follow
-- arrival: `username_at` and `display_name_at` say when the delivery arrived that named the person so. `expired` counts
-- those of the messages that retention has deleted.
CREATE TABLE contacts (
    position        INTEGER PRIMARY KEY,
    channel         TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    username        TEXT,
    username_at     INTEGER,
    display_name    TEXT,
    display_name_at INTEGER,
    first_seen      INTEGER NOT NULL,
    last_message_at INTEGER,
    messages        INTEGER NOT NULL,
    expired         INTEGER NOT NULL DEFAULT 0,
    UNIQUE (id, channel)
) STRICT;
-- GET /instagram/contacts?channel=…
CREATE INDEX contacts_by_channel ON contacts (channel, position) WHERE channel <> 'instagram';
CREATE TABLE contact_aliases (
    channel    TEXT    NOT NULL,
    alias      TEXT    NOT NULL,
    contact_id TEXT    NOT NULL,
    PRIMARY KEY (alias, channel, contact_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_aliases_by_contact ON contact_aliases (contact_id);

-- One row: up to which position the projection follows the ledger, and how many contacts there ever were by channel, in
-- the order of src/store/counts.rs, counted up to `counted`.
CREATE TABLE rollup (
    single   INTEGER PRIMARY KEY DEFAULT 1 CHECK (single = 1),
    position INTEGER NOT NULL DEFAULT 0,
    counted  INTEGER NOT NULL DEFAULT 0,
    contacts TEXT    NOT NULL DEFAULT '[]'
) STRICT;
INSERT INTO rollup DEFAULT VALUES;

-- Requests that did not become deliveries, one row for each reason, and for wrong paths one for each path among a few.
-- `sent_at` says when one last sent something: who only looks, with a browser or a scanner, does not hide it. The
-- sample is JSON without any credential.
CREATE TABLE rejected_requests (
    reason   TEXT    NOT NULL,
    path     TEXT    NOT NULL,
    count    INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    sent_at  INTEGER,
    sample   TEXT,
    PRIMARY KEY (reason, path)
) STRICT, WITHOUT ROWID;

-- One row: since which message there is silence; NULL while there is none. `changes` grows with each change.
CREATE TABLE silence (
    single  INTEGER PRIMARY KEY DEFAULT 1 CHECK (single = 1),
    since   INTEGER,
    changes INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO silence DEFAULT VALUES;

-- What somebody was told of: a check, or one thing that it looks at, and since when it is wrong; NULL if it is not any
-- more. `changes` is as above.
CREATE TABLE alert_states (
    subject TEXT    PRIMARY KEY,
    since   INTEGER,
    changes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What has yet to be sent to ALERT_URL, one row for each alert until it is delivered or given up.
CREATE TABLE alerts (
    id       BLOB    PRIMARY KEY,
    body     TEXT    NOT NULL,
    made_at  INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at  INTEGER NOT NULL
) STRICT;
