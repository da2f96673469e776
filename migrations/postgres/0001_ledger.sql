-- The ledger: every delivery, what was in it, the messages, and the counters that are committed with them.

-- One row. Each committing transaction locks it first and takes its positions from it, so that positions are given
-- out in commit order: a reader behind a cursor never misses a row that commits late. The lock also makes window
-- dedupe and counters exact, and deadlocks between replicas impossible.
CREATE TABLE head (
    single   boolean PRIMARY KEY DEFAULT true CHECK (single),
    position bigint  NOT NULL DEFAULT 0
);
INSERT INTO head DEFAULT VALUES;

-- One HTTP request each. `quarantined` counts the items still in quarantine.
CREATE TABLE deliveries (
    id           uuid        PRIMARY KEY,
    position     bigint      NOT NULL UNIQUE,
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

-- The messages. `dedupe_key` makes a message unique; one without id and time has a `window_key` instead, which is
-- compared only with arrivals near its own, and its own id as dedupe key.
CREATE TABLE messages (
    position       bigint      PRIMARY KEY,
    id             uuid        NOT NULL,
    dedupe_key     uuid        NOT NULL,
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
    body           text,
    attachments    text,
    reply_to       text,
    payload        text,
    sent_at        timestamptz NOT NULL,
    sent_at_source text        NOT NULL,
    received_at    timestamptz NOT NULL,
    shape          text        NOT NULL,
    recovered      boolean     NOT NULL,
    CONSTRAINT messages_dedupe_key UNIQUE (dedupe_key)
);
-- The messages of a delivery; each item becomes at most one, however often it is read again.
CREATE UNIQUE INDEX messages_by_delivery ON messages (delivery_id, item);
-- GET /instagram/messages?contactId=…
CREATE INDEX messages_by_contact ON messages (contact_id, position);
-- Window dedupe.
CREATE INDEX messages_by_window ON messages (window_key, received_at) WHERE window_key IS NOT NULL;

-- The items of deliveries that are not stored messages, and why.
CREATE TABLE items (
    delivery_id uuid    NOT NULL,
    item        integer NOT NULL,
    outcome     text    NOT NULL,
    code        text,
    reason      text,
    channel     text,
    contact_id  text,
    PRIMARY KEY (delivery_id, item)
);
-- Erasing a person finds every delivery that held them.
CREATE INDEX items_by_contact ON items (contact_id) WHERE contact_id IS NOT NULL;

-- Between which positions the messages of an hour of arrival stand, in hours since 1970, so that a stretch of time is
-- found without an index on time. Nearly always one hour follows the other; what was spooled comes later.
CREATE TABLE hours (
    hour  bigint PRIMARY KEY,
    first bigint NOT NULL,
    last  bigint NOT NULL
);

-- The people, in the order in which they were first seen.
CREATE TABLE contacts (
    position     bigint      NOT NULL UNIQUE,
    channel      text        NOT NULL,
    id           text        NOT NULL,
    username     text,
    display_name text,
    first_seen   timestamptz NOT NULL,
    PRIMARY KEY (channel, id)
);
-- Other ids of a person that bodies named beside the chosen one.
CREATE TABLE contact_aliases (
    channel    text NOT NULL,
    alias      text NOT NULL,
    contact_id text NOT NULL,
    PRIMARY KEY (channel, alias, contact_id)
);

-- Counters, never decremented, in hours since 1970 by the arrival of deliveries; hour 0 holds the sum of all time.
CREATE TABLE counters (
    hour  bigint NOT NULL,
    name  text   NOT NULL,
    label text   NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (hour, name, label)
);

-- The rows of one commit, as the service hands them over: an array of each of these is one parameter. (As arrays of
-- their columns they cost the server a multiple: UNNEST keeps each column's values in a store of its own.) A later
-- version that hands over more makes types of its own, so that replicas of both versions can run side by side.
CREATE TYPE new_message AS (
    position       bigint,
    id             uuid,
    dedupe_key     uuid,
    window_key     uuid,
    delivery_id    uuid,
    item           integer,
    channel        text,
    direction      text,
    kind           text,
    external_id    text,
    contact_id     text,
    sender_id      text,
    recipient_id   text,
    username       text,
    display_name   text,
    body           text,
    attachments    text,
    reply_to       text,
    payload        text,
    sent_at        timestamptz,
    sent_at_source text,
    received_at    timestamptz,
    shape          text,
    recovered      boolean
);
CREATE TYPE new_delivery AS (
    position     bigint,
    id           uuid,
    received_at  timestamptz,
    method       text,
    content_type text,
    headers      text,
    body         bytea,
    is_query     boolean,
    shape        text,
    outcome      text,
    stored       integer,
    duplicates   integer,
    ignored      integer,
    quarantined  integer
);
CREATE TYPE new_item AS (
    delivery_id uuid,
    item        integer,
    outcome     text,
    code        text,
    reason      text,
    channel     text,
    contact_id  text
);
CREATE TYPE new_contact AS (
    position     bigint,
    channel      text,
    id           text,
    username     text,
    display_name text,
    first_seen   timestamptz
);
CREATE TYPE new_alias AS (channel text, alias text, contact_id text);
CREATE TYPE new_count AS (hour bigint, name text, label text, value bigint);
CREATE TYPE new_hour AS (hour bigint, first bigint, last bigint);
