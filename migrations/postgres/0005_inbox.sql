-- GET /instagram/messages/{id}
CREATE INDEX messages_by_id ON messages (id);
