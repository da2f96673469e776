-- What was erased or deleted stays away: late retries, and deliveries that waited elsewhere meanwhile.

-- Every deletion of contacts raises `generation`: replicas then forget which contacts they know to be written. Until
-- `guarded_until` a commit has to look into the two tables below; most of the time it need not. `retained_at` says when a
-- replica last deleted what was old: while one is at it, the others are not.
ALTER TABLE head
    ADD COLUMN generation    bigint NOT NULL DEFAULT 0,
    ADD COLUMN guarded_until timestamptz,
    ADD COLUMN retained_at   timestamptz;

-- What is left for 48 h of a deleted message, so that a late retry of it is a duplicate.
CREATE TABLE tombstones (
    dedupe_key  uuid        PRIMARY KEY,
    window_key  uuid,
    received_at timestamptz NOT NULL,
    -- Its person was erased: the body of a retry is not kept either.
    erased      boolean     NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX tombstones_by_window ON tombstones (window_key) WHERE window_key IS NOT NULL;
CREATE INDEX tombstones_by_expiry ON tombstones (expires_at);

-- Who was erased, as hashes of their ids: nothing of theirs that arrived before is taken any more.
CREATE TABLE erasures (
    person     uuid        PRIMARY KEY,
    erased_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Erasing a person finds all their ids.
CREATE INDEX contact_aliases_by_alias ON contact_aliases (alias);
CREATE INDEX contact_aliases_by_contact ON contact_aliases (contact_id);
