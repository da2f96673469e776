-- GET /instagram/messages/{id}
CREATE INDEX messages_by_id ON messages (id);

-- Where the last message of a contact is that is left, or without messages the first item that named them.
ALTER TABLE contacts ADD COLUMN last_position bigint NOT NULL DEFAULT 0;
UPDATE contacts SET last_position = coalesce((
    SELECT max(messages.position) FROM messages
    WHERE contact_id = contacts.id AND messages.channel = contacts.channel
        AND messages.position <= (SELECT position FROM rollup)), position);
-- GET /instagram/contacts?order=last, and with channel=…
CREATE INDEX contacts_by_last ON contacts (last_position);
CREATE INDEX contacts_by_channel_last ON contacts (channel, last_position) WHERE channel <> 'instagram';
