-- When a near miss last was a request that sent something: who only looks, with a browser or a scanner, does not hide it.
ALTER TABLE sightings ADD COLUMN sent_at INTEGER;
