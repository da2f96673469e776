-- Sessions of the page that were logged out, until they would have ended by themselves. A session that is open has no
-- row: its cookie is signed.
CREATE TABLE ended_sessions (
    id         uuid        PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
