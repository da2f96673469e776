-- Filters of GET /instagram/messages: all but the usual value, which nearly every row on the way has.
CREATE INDEX messages_by_kind ON messages (kind, position) WHERE kind <> 'text';
CREATE INDEX messages_by_direction ON messages (direction, position) WHERE direction <> 'inbound';
CREATE INDEX messages_by_channel ON messages (channel, position) WHERE channel <> 'instagram';

-- When each person was last heard of, and how many messages there were: written in the background from the messages
-- behind a watermark, which moves in the same transaction.
ALTER TABLE contacts ADD COLUMN last_seen timestamptz;
ALTER TABLE contacts ADD COLUMN messages  bigint NOT NULL DEFAULT 0;
-- GET /instagram/contacts?channel=…
CREATE INDEX contacts_by_channel ON contacts (channel, position) WHERE channel <> 'instagram';
CREATE TABLE folded (
    single   boolean PRIMARY KEY DEFAULT true CHECK (single),
    position bigint  NOT NULL DEFAULT 0
);
INSERT INTO folded DEFAULT VALUES;
