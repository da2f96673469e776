-- One row for each destination that was ever configured, by its name. What it is, is in the configuration.
--
-- Everything up to `cursor` was accepted, is not wanted, or has a row in forward_retries. One process at a time
-- forwards: the one with the lease, until `leased_until` by the clock of the database. `failing_since` is set while
-- the destination is down, and `failure` is JSON: the last attempt that failed. The counts are of all time.
CREATE TABLE destinations (
    name            text        PRIMARY KEY,
    -- 'messages' or 'deliveries', and which messages: what retention needs to know.
    content         text        NOT NULL,
    filter          text        NOT NULL,
    lease           uuid,
    paused_at       timestamptz,
    pause_reason    text,
    failing_since   timestamptz,
    failure         text,
    expired         bigint      NOT NULL DEFAULT 0,
    refused         bigint      NOT NULL DEFAULT 0,
    -- What nearly every change changes comes last, as in `head`.
    leased_until    timestamptz,
    last_success_at timestamptz,
    forwarded       bigint      NOT NULL DEFAULT 0,
    cursor          bigint      NOT NULL
) WITH (fillfactor = 50);

-- What a destination refused while it accepted others, by position: to be tried again at `next_at`, or, without that, a
-- dead letter. `id` is that of the message or the delivery.
CREATE TABLE forward_retries (
    position    bigint      NOT NULL,
    destination text        NOT NULL,
    id          uuid        NOT NULL,
    attempts    integer     NOT NULL,
    first_at    timestamptz NOT NULL,
    next_at     timestamptz,
    failure     text        NOT NULL,
    PRIMARY KEY (position, destination)
);
CREATE INDEX forward_retries_by_time ON forward_retries (destination, next_at);

-- What is to be forwarded once more: what is behind `cursor` and up to `until`, and fits the filter. `positions` is a
-- JSON array: only what is there.
CREATE TABLE forward_replays (
    id          uuid        PRIMARY KEY,
    destination text        NOT NULL,
    cursor      bigint      NOT NULL,
    until       bigint      NOT NULL,
    filter      text        NOT NULL,
    positions   text
);
