-- What came near the webhook without becoming a delivery, one row for each kind, and of wrong paths one for each path
-- among a few. `count` adds up over replicas; the sample is JSON without any credential.
CREATE TABLE sightings (
    sight    text        NOT NULL,
    path     text        NOT NULL,
    count    bigint      NOT NULL,
    first_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL,
    sample   text,
    PRIMARY KEY (sight, path)
);

-- One row: since which message there is silence, as all replicas agree; NULL while there is none. `changes` grows with
-- each change, and is what a replica compares before it makes the next one.
CREATE TABLE silence (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    since   timestamptz,
    changes bigint NOT NULL DEFAULT 0
);
INSERT INTO silence DEFAULT VALUES;

-- What ALERT_URL has yet to be told, one row for each alert until it is delivered or given up.
CREATE TABLE alerts (
    id       uuid        PRIMARY KEY,
    body     text        NOT NULL,
    made_at  timestamptz NOT NULL,
    attempts integer     NOT NULL DEFAULT 0,
    next_at  timestamptz NOT NULL
);
