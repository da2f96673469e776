-- The one statement that writes a batch of deliveries.

-- What a batch adds to the row of an hour.
CREATE TYPE hour_change AS (hour bigint, first bigint, last bigint, counts bigint[]);

-- Adds two lists of counts, of which either may be longer. A commit does not call it: the server would parse and plan
-- it again each time.
CREATE FUNCTION add_counts(one bigint[], other bigint[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY(SELECT COALESCE(a, 0) + COALESCE(b, 0) FROM UNNEST(one, other) AS pair (a, b))
$$;

-- Writes a batch and answers the position before it; or writes nothing and answers NULL, if the database has something
-- already that the caller took for new: a dedupe key, a message within the window, an entry of the suppression list,
-- or, when a batch is tried again, one of its deliveries. The caller then looks up what it is and calls again.
--
-- The rows of `messages`, `deliveries` and `items` come with positions counted from 1. Arrays of rows are one parameter
-- each: as an array for each column they cost the server a multiple. `new_keys` are the dedupe keys of those messages
-- that have no window; `window_length` is NULL if there are no others. `people` and `arrivals` belong together: hashes
-- of ids that the batch names, and when; they are NULL if the caller believes the suppression list to be empty. They
-- are compared with erasures at most `compared_within` from now, or with all if that is NULL.
-- `last_message` and `last_delivery` are the latest arrivals in the batch.
--
-- Under `head`'s lock nothing comes between the checks and the inserts. Each look-up must use its index: a cached plan
-- from when a table was small would read all of it. The caller sets how the planner works, since settings of a function
-- would cost a tenth of it in a small batch: see src/store/postgres/write_lease.rs. LATERAL with LIMIT makes the
-- planner look up each row by itself: a plain join of a table with few rows is planned to read its whole index once,
-- and that plan is cached too.
CREATE FUNCTION commit_batch(
    new_messages    messages[],
    new_deliveries  deliveries[],
    new_items       items[],
    new_hours       hour_change[],
    new_counts      bigint[],
    new_keys        uuid[],
    window_length   interval,
    is_retry        boolean,
    people          uuid[],
    arrivals        timestamptz[],
    compared_within interval,
    last_message    timestamptz,
    last_delivery   timestamptz
) RETURNS bigint LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    before         bigint;
    is_suppressing boolean;
BEGIN
    SELECT position, COALESCE(suppressing_until > now(), false) INTO before, is_suppressing FROM head FOR UPDATE;
    IF is_suppressing THEN
        IF people IS NULL OR EXISTS (
            SELECT FROM erasures AS found WHERE person = ANY(people)
                AND (compared_within IS NULL OR erased_at BETWEEN now() - compared_within AND now() + compared_within)
                AND EXISTS (
                SELECT FROM UNNEST(people, arrivals) AS named (person, received_at)
                WHERE named.person = found.person AND named.received_at <= found.erased_at)
        ) OR EXISTS (
            SELECT FROM tombstones WHERE dedupe_key = ANY(new_keys)
        ) OR window_length IS NOT NULL AND EXISTS (
            SELECT FROM UNNEST(new_messages) AS new CROSS JOIN LATERAL (
                SELECT FROM tombstones WHERE window_key = new.window_key
                    AND received_at > new.received_at - window_length
                    AND received_at < new.received_at + window_length LIMIT 1) AS found
        ) THEN
            RETURN NULL;
        END IF;
    END IF;
    IF EXISTS (
            SELECT FROM messages WHERE dedupe_key = ANY(new_keys)
        ) OR window_length IS NOT NULL AND EXISTS (
            SELECT FROM UNNEST(new_messages) AS new CROSS JOIN LATERAL (
                SELECT FROM messages WHERE window_key = new.window_key
                    AND received_at > new.received_at - window_length
                    AND received_at < new.received_at + window_length LIMIT 1) AS found
        ) OR is_retry AND EXISTS (
            SELECT FROM deliveries WHERE id = ANY(ARRAY(SELECT id FROM UNNEST(new_deliveries)))
        )
    THEN
        RETURN NULL;
    END IF;
    IF cardinality(new_items) > 0 THEN
        INSERT INTO items
        SELECT before + position, delivery_id, item, received_at, outcome, code, reason, channel, contact_id, username,
            display_name, aliases
        FROM UNNEST(new_items);
    END IF;
    -- One statement: each costs the server a start of its own.
    WITH inserted_messages AS (
        INSERT INTO messages
        SELECT before + position, id, dedupe_key, window_key, delivery_id, item, channel, direction, kind, external_id,
            contact_id, sender_id, recipient_id, username, display_name, aliases, body, attachments, reply_to, payload,
            sent_at, sent_at_source, received_at, shape, recovered
        FROM UNNEST(new_messages)
    ), inserted_deliveries AS (
        INSERT INTO deliveries
        SELECT before + position, id, received_at, method, content_type, headers, body, is_query, shape, outcome,
            stored, duplicates, ignored, quarantined
        FROM UNNEST(new_deliveries)
    ), changed_hours AS (
        INSERT INTO hours AS old SELECT hour, before + first, before + last, counts FROM UNNEST(new_hours)
        ON CONFLICT (hour) DO UPDATE SET
            first = LEAST(old.first, excluded.first), last = GREATEST(old.last, excluded.last),
            counts = ARRAY(
                SELECT COALESCE(a, 0) + COALESCE(b, 0) FROM UNNEST(old.counts, excluded.counts) AS pair (a, b))
    )
    UPDATE head SET
        position = before + cardinality(new_messages) + cardinality(new_deliveries) + cardinality(new_items),
        counts = ARRAY(SELECT COALESCE(a, 0) + COALESCE(b, 0) FROM UNNEST(counts, new_counts) AS pair (a, b)),
        last_message_at = GREATEST(last_message_at, last_message),
        last_delivery_at = GREATEST(last_delivery_at, last_delivery);
    RETURN before;
END
$$;
