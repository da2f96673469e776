-- What came near the webhook without becoming a delivery, one row for each kind, and of wrong paths one for each path
-- among a few. The sample is JSON without any credential.
CREATE TABLE sightings (
    sight    TEXT    NOT NULL,
    path     TEXT    NOT NULL,
    count    INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    sample   TEXT,
    PRIMARY KEY (sight, path)
) STRICT, WITHOUT ROWID;

-- One row: since which message there is silence; NULL while there is none. `changes` grows with each change.
CREATE TABLE silence (
    single  INTEGER PRIMARY KEY DEFAULT 1 CHECK (single = 1),
    since   INTEGER,
    changes INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO silence DEFAULT VALUES;

-- What ALERT_URL has yet to be told, one row for each alert until it is delivered or given up.
CREATE TABLE alerts (
    id       BLOB    PRIMARY KEY,
    body     TEXT    NOT NULL,
    made_at  INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at  INTEGER NOT NULL
) STRICT;
