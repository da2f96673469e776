-- The schema of the service in Postgres. migrations/sqlite has the same tables.
--
-- The ledger is what a commit writes: deliveries, items, messages, the row of the hour, and the row of `head`. The
-- contacts are a projection of it, written by the rollup.

-- One row. Each transaction that writes the ledger locks it first and takes its positions from it. So positions are
-- given out in commit order, and a reader behind a cursor never misses a row that commits late. The lock also makes
-- deduplication exact, and deadlocks between replicas impossible.
CREATE TABLE head (
    single            boolean     PRIMARY KEY DEFAULT true CHECK (single),
    -- The last position that was given out. Messages, items and deliveries share one sequence.
    position          bigint      NOT NULL DEFAULT 0,
    -- When the newest message and the newest delivery arrived. They only rise, whatever is deleted.
    last_message_at   timestamptz,
    last_delivery_at  timestamptz,
    -- The counts of all time, in the order of src/store/counts.rs. They are never decremented. Those that every commit
    -- changes are beside the columns that it changes too: of a changed row, Postgres logs what is between the first and
    -- the last byte that differ.
    counts            bigint[]    NOT NULL DEFAULT '{}',
    -- Until then a commit has to look into the suppression list.
    suppressing_until timestamptz,
    -- When a replica last deleted what was old. While one does so, the others do not.
    retained_at       timestamptz
);
INSERT INTO head DEFAULT VALUES;

-- One HTTP request each. `quarantined` counts the items that are in quarantine now.
CREATE TABLE deliveries (
    position     bigint      NOT NULL UNIQUE,
    id           uuid        PRIMARY KEY,
    received_at  timestamptz NOT NULL,
    method       text        NOT NULL,
    content_type text,
    headers      text        NOT NULL,
    body         bytea       NOT NULL,
    is_query     boolean     NOT NULL,
    shape        text        NOT NULL,
    outcome      text        NOT NULL,
    stored       integer     NOT NULL,
    duplicates   integer     NOT NULL,
    ignored      integer     NOT NULL,
    quarantined  integer     NOT NULL
);
-- GET /instagram/deliveries?outcome=quarantined, and the gauge of open quarantine.
CREATE INDEX deliveries_in_quarantine ON deliveries (position) WHERE quarantined > 0;
-- GET /instagram/deliveries?outcome=…: all but the usual outcome.
CREATE INDEX deliveries_by_outcome ON deliveries (outcome, position) WHERE outcome <> 'stored';

-- The messages. `dedupe_key` makes a message unique. One without id and time has a `window_key` instead, which is
-- compared only with arrivals near its own, and its own id as dedupe key. `aliases` is a JSON list, or NULL.
CREATE TABLE messages (
    position       bigint      PRIMARY KEY,
    id             uuid        NOT NULL,
    dedupe_key     uuid        NOT NULL UNIQUE,
    window_key     uuid,
    delivery_id    uuid        NOT NULL,
    item           integer     NOT NULL,
    channel        text        NOT NULL,
    direction      text        NOT NULL,
    kind           text        NOT NULL,
    external_id    text,
    contact_id     text        NOT NULL,
    sender_id      text,
    recipient_id   text,
    username       text,
    display_name   text,
    aliases        text,
    body           text,
    attachments    text,
    reply_to       text,
    payload        text,
    sent_at        timestamptz NOT NULL,
    sent_at_source text        NOT NULL,
    received_at    timestamptz NOT NULL,
    shape          text        NOT NULL,
    recovered      boolean     NOT NULL
);
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
    position     bigint      NOT NULL,
    delivery_id  uuid        NOT NULL,
    item         integer     NOT NULL,
    received_at  timestamptz NOT NULL,
    outcome      text        NOT NULL,
    code         text,
    reason       text,
    channel      text,
    contact_id   text,
    username     text,
    display_name text,
    aliases      text,
    PRIMARY KEY (delivery_id, item)
);
-- Erasing a person finds every delivery that held them.
CREATE INDEX items_by_contact ON items (contact_id) WHERE contact_id IS NOT NULL;
-- The rollup.
CREATE INDEX items_by_position ON items (position) WHERE contact_id IS NOT NULL;

-- One row for each hour of arrival, in hours since 1970: what was counted, and between which positions its messages
-- are, so that a range of time is found without an index on time. Positions nearly always grow with the hours; what was
-- spooled comes later. `first` and `last` are NULL in an hour without messages.
CREATE TABLE hours (
    hour   bigint   PRIMARY KEY,
    first  bigint,
    last   bigint,
    counts bigint[] NOT NULL DEFAULT '{}'
);

-- The suppression list: what was erased or deleted does not come back, neither by a late retry nor by a delivery that
-- waited elsewhere meanwhile.

-- What is left for 48 h of a deleted message, so that a late retry of it is a duplicate. With `erased`, the body of the
-- retry is not kept either.
CREATE TABLE tombstones (
    dedupe_key  uuid        PRIMARY KEY,
    window_key  uuid,
    received_at timestamptz NOT NULL,
    erased      boolean     NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX tombstones_by_window ON tombstones (window_key, received_at) WHERE window_key IS NOT NULL;
CREATE INDEX tombstones_by_expiry ON tombstones (expires_at);

-- Who was erased, as hashes of their ids: nothing of theirs that arrived before is accepted any more.
CREATE TABLE erasures (
    person     uuid        PRIMARY KEY,
    erased_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

-- The projection: people, and the other ids of each. A contact's position is that of its first item. Names follow
-- arrival: `username_at` and `display_name_at` say when the delivery arrived that named the person so. `expired` counts
-- those of the messages that retention has deleted. The room that pages are left lets a row be
-- changed in its place, without touching the indexes. What nearly every message changes comes last, as in `head`.
CREATE TABLE contacts (
    position        bigint      NOT NULL UNIQUE,
    channel         text        NOT NULL,
    id              text        NOT NULL,
    username        text,
    display_name    text,
    first_seen      timestamptz NOT NULL,
    expired         bigint      NOT NULL DEFAULT 0,
    username_at     timestamptz,
    display_name_at timestamptz,
    last_message_at timestamptz,
    messages        bigint      NOT NULL,
    PRIMARY KEY (id, channel)
) WITH (fillfactor = 75);
-- GET /instagram/contacts?channel=…
CREATE INDEX contacts_by_channel ON contacts (channel, position) WHERE channel <> 'instagram';
CREATE TABLE contact_aliases (
    channel    text NOT NULL,
    alias      text NOT NULL,
    contact_id text NOT NULL,
    PRIMARY KEY (alias, channel, contact_id)
);
CREATE INDEX contact_aliases_by_contact ON contact_aliases (contact_id);

-- One row: up to which position the projection follows the ledger, and how many contacts there ever were by channel, in
-- the order of src/store/counts.rs, counted up to `counted`. A writer of the projection locks it; after `head`, if it
-- locks that too.
CREATE TABLE rollup (
    single   boolean  PRIMARY KEY DEFAULT true CHECK (single),
    position bigint   NOT NULL DEFAULT 0,
    counted  bigint   NOT NULL DEFAULT 0,
    contacts bigint[] NOT NULL DEFAULT '{}'
);
INSERT INTO rollup DEFAULT VALUES;

-- Requests that did not become deliveries, one row for each reason, and for wrong paths one for each path among a few.
-- `count` adds up over replicas. `sent_at` says when one last sent something: who only looks, with a browser or a
-- scanner, does not hide it. The sample is JSON without any credential.
CREATE TABLE rejected_requests (
    reason   text        NOT NULL,
    path     text        NOT NULL,
    count    bigint      NOT NULL,
    first_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL,
    sent_at  timestamptz,
    sample   text,
    PRIMARY KEY (reason, path)
);

-- One row: since which message there is silence, as all replicas agree; NULL while there is none. `changes` grows with
-- each change. A replica compares it before it makes the next one.
CREATE TABLE silence (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    since   timestamptz,
    changes bigint NOT NULL DEFAULT 0
);
INSERT INTO silence DEFAULT VALUES;

-- What somebody was told of that all replicas see: a check, or one thing that it looks at, and since when it is wrong;
-- NULL if it is not any more. `changes` is as above.
CREATE TABLE alert_states (
    subject text   PRIMARY KEY,
    since   timestamptz,
    changes bigint NOT NULL
);

-- What has yet to be sent to ALERT_URL, one row for each alert until it is delivered or given up.
CREATE TABLE alerts (
    id       uuid        PRIMARY KEY,
    body     text        NOT NULL,
    made_at  timestamptz NOT NULL,
    attempts integer     NOT NULL DEFAULT 0,
    next_at  timestamptz NOT NULL
);
