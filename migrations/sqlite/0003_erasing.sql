-- What was erased or deleted stays away: late retries, and deliveries that waited in the queue meanwhile.

-- What is left for 48 h of a deleted message, so that a late retry of it is a duplicate.
CREATE TABLE tombstones (
    dedupe_key  BLOB    PRIMARY KEY,
    window_key  BLOB,
    received_at INTEGER NOT NULL,
    -- Its person was erased: the body of a retry is not kept either.
    erased      INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_by_window ON tombstones (window_key) WHERE window_key IS NOT NULL;
CREATE INDEX tombstones_by_expiry ON tombstones (expires_at);

-- Who was erased, as hashes of their ids: nothing of theirs that arrived before is taken any more.
CREATE TABLE erasures (
    person     BLOB    PRIMARY KEY,
    erased_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Erasing a person finds all their ids.
CREATE INDEX contact_aliases_by_alias ON contact_aliases (alias);
CREATE INDEX contact_aliases_by_contact ON contact_aliases (contact_id);
