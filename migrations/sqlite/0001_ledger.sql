-- The ledger: every delivery, what was in it, the messages, and the counters that are committed with them.
-- Times are milliseconds since 1970. One connection writes, so the order of positions is the order of commits.

-- One HTTP request each. `quarantined` counts the items still in quarantine.
CREATE TABLE deliveries (
    position     INTEGER PRIMARY KEY AUTOINCREMENT,
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

-- The messages. `dedupe_key` makes a message unique; one without id and time has a `window_key` instead, which is
-- compared only with arrivals near its own, and its own id as dedupe key.
CREATE TABLE messages (
    position       INTEGER PRIMARY KEY AUTOINCREMENT,
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
-- The messages of a delivery; each item becomes at most one, however often it is read again.
CREATE UNIQUE INDEX messages_by_delivery ON messages (delivery_id, item);
-- GET /instagram/messages?contactId=…
CREATE INDEX messages_by_contact ON messages (contact_id, position);
-- Window dedupe.
CREATE INDEX messages_by_window ON messages (window_key, received_at) WHERE window_key IS NOT NULL;

-- The items of deliveries that are not stored messages, and why.
CREATE TABLE items (
    delivery_id BLOB    NOT NULL,
    item        INTEGER NOT NULL,
    outcome     TEXT    NOT NULL,
    code        TEXT,
    reason      TEXT,
    channel     TEXT,
    contact_id  TEXT,
    PRIMARY KEY (delivery_id, item)
) STRICT, WITHOUT ROWID;
-- Erasing a person finds every delivery that held them.
CREATE INDEX items_by_contact ON items (contact_id) WHERE contact_id IS NOT NULL;

-- Between which positions the messages of an hour of arrival stand, in hours since 1970, so that a stretch of time is
-- found without an index on time. Nearly always one hour follows the other; what was spooled comes later.
CREATE TABLE hours (
    hour  INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL
) STRICT;

-- The people, in the order in which they were first seen.
CREATE TABLE contacts (
    position     INTEGER PRIMARY KEY AUTOINCREMENT,
    channel      TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    username     TEXT,
    display_name TEXT,
    first_seen   INTEGER NOT NULL,
    UNIQUE (channel, id)
) STRICT;
-- Other ids of a person that bodies named beside the chosen one.
CREATE TABLE contact_aliases (
    channel    TEXT NOT NULL,
    alias      TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    PRIMARY KEY (channel, alias, contact_id)
) STRICT, WITHOUT ROWID;

-- Counters, never decremented, in hours since 1970 by the arrival of deliveries; hour 0 holds the sum of all time.
CREATE TABLE counters (
    hour  INTEGER NOT NULL,
    name  TEXT    NOT NULL,
    label TEXT    NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (hour, name, label)
) STRICT, WITHOUT ROWID;
