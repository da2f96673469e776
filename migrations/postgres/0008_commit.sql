-- A commit in one round trip. Answers the position behind which the batch stands; or NULL, and nothing is written, where
-- something has to be looked at first: contacts were deleted since the caller looked, something was erased or deleted not
-- long ago, or not all of these messages are new. Positions are handed over counted from 1, and new contacts uncounted. A
-- later version that hands over more makes a function of its own, so that replicas of both versions can run side by side.
CREATE FUNCTION commit_batch(
    seen_generation bigint,
    window_keys     uuid[],
    window_from     timestamptz,
    window_until    timestamptz,
    new_messages    new_message[],
    new_contacts    new_contact[],
    new_aliases     new_alias[],
    new_deliveries  new_delivery[],
    new_items       new_item[],
    new_spans       new_span[],
    new_counts      new_count[]
) RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    before    bigint;
    is_free   boolean;
    is_stored boolean;
    inserted  bigint;
BEGIN
    SELECT position, generation = seen_generation AND COALESCE(guarded_until <= now(), true)
        INTO before, is_free FROM head FOR UPDATE;
    IF NOT is_free THEN
        RETURN NULL;
    END IF;
    IF cardinality(window_keys) > 0 THEN
        -- Planned each time: a plan from when the table was small would read all of it.
        EXECUTE 'SELECT EXISTS (SELECT FROM messages WHERE window_key = ANY ($1) AND received_at BETWEEN $2 AND $3)'
            INTO is_stored USING window_keys, window_from, window_until;
        IF is_stored THEN
            RETURN NULL;
        END IF;
    END IF;
    BEGIN
        INSERT INTO messages (position, id, dedupe_key, window_key, delivery_id, item, channel, direction, kind,
            external_id, contact_id, sender_id, recipient_id, username, display_name, body, attachments, reply_to,
            payload, sent_at, sent_at_source, received_at, shape, recovered)
        SELECT before + position, id, dedupe_key, window_key, delivery_id, item, channel, direction, kind,
            external_id, contact_id, sender_id, recipient_id, username, display_name, body, attachments, reply_to,
            payload, sent_at, sent_at_source, received_at, shape, recovered
        FROM UNNEST(new_messages) ON CONFLICT (dedupe_key) DO NOTHING;
        GET DIAGNOSTICS inserted = ROW_COUNT;
        IF inserted < cardinality(new_messages) THEN
            RAISE EXCEPTION 'not all are new' USING ERRCODE = 'WH001';
        END IF;
    EXCEPTION WHEN SQLSTATE 'WH001' THEN
        -- Takes back the messages, without a line in the server's log.
        RETURN NULL;
    END;
    IF cardinality(new_contacts) > 0 THEN
        WITH people AS (
            INSERT INTO contacts (position, channel, id, username, display_name, first_seen)
            SELECT before + position, channel, id, username, display_name, first_seen FROM UNNEST(new_contacts)
            ON CONFLICT (channel, id) DO UPDATE
                SET username = COALESCE(EXCLUDED.username, contacts.username),
                    display_name = COALESCE(EXCLUDED.display_name, contacts.display_name),
                    first_seen = LEAST(EXCLUDED.first_seen, contacts.first_seen)
            RETURNING channel, first_seen, xmax = 0 AS is_new
        ), hourly AS (
            SELECT floor(extract(epoch FROM first_seen) / 3600)::bigint AS hour, channel, count(*) AS number
            FROM people WHERE is_new GROUP BY 1, 2
        )
        INSERT INTO counters AS old (hour, name, label, value)
        SELECT hour, 'contact', channel, number FROM hourly
        UNION ALL SELECT 0, 'contact', channel, sum(number)::bigint FROM hourly GROUP BY channel
        ON CONFLICT (hour, name, label) DO UPDATE SET value = old.value + EXCLUDED.value;
        INSERT INTO contact_aliases (channel, alias, contact_id)
        SELECT channel, alias, contact_id FROM UNNEST(new_aliases) ON CONFLICT DO NOTHING;
    END IF;
    INSERT INTO deliveries (position, id, received_at, method, content_type, headers, body, is_query, shape, outcome,
        stored, duplicates, ignored, quarantined)
    SELECT before + position, id, received_at, method, content_type, headers, body, is_query, shape, outcome,
        stored, duplicates, ignored, quarantined
    FROM UNNEST(new_deliveries);
    IF cardinality(new_items) > 0 THEN
        INSERT INTO items (delivery_id, item, outcome, code, reason, channel, contact_id)
        SELECT delivery_id, item, outcome, code, reason, channel, contact_id FROM UNNEST(new_items);
    END IF;
    IF cardinality(new_spans) > 0 THEN
        INSERT INTO hours AS old (hour, first, last, newest)
        SELECT hour, before + first, before + last, newest FROM UNNEST(new_spans)
        ON CONFLICT (hour) DO UPDATE SET first = LEAST(old.first, EXCLUDED.first),
            last = GREATEST(old.last, EXCLUDED.last), newest = GREATEST(old.newest, EXCLUDED.newest);
    END IF;
    INSERT INTO counters AS old (hour, name, label, value)
    SELECT hour, name, label, value FROM UNNEST(new_counts)
    ON CONFLICT (hour, name, label) DO UPDATE SET value = old.value + EXCLUDED.value;
    UPDATE head SET position = before + cardinality(new_messages) + cardinality(new_deliveries)
        + cardinality(new_contacts);
    RETURN before;
END
$$;
