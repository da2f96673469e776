-- When the newest message of an hour arrived. It only rises, and the newest hour outlives retention: so it stays known when
-- the newest message arrived, although that was erased or deleted since, and although older ones are stored after it.
ALTER TABLE hours ADD COLUMN newest INTEGER;
UPDATE hours SET newest = (SELECT max(received_at) FROM messages WHERE position BETWEEN first AND last)
    WHERE hour = (SELECT max(hour) FROM hours);
