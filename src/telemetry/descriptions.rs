//! What each metric says.

/// The name of a metric, and its description.
type Described = (&'static str, &'static str);

pub(super) const COUNTERS: &[Described] = &[
    (
        "chatrace_deliveries_total",
        "Deliveries kept by this process, by outcome.",
    ),
    (
        "chatrace_messages_total",
        "New messages stored by this process, by kind and direction.",
    ),
    (
        "chatrace_rejected_total",
        "Requests at the webhook that were refused, by reason.",
    ),
    (
        "chatrace_drained_total",
        "Deliveries moved from the spool into the database.",
    ),
    (
        "chatrace_http_requests_total",
        "Requests by route, method and status.",
    ),
    (
        "chatrace_connections_evicted_total",
        "Connections that were ended because others needed their places.",
    ),
    (
        "chatrace_forward_attempts_total",
        "Attempts to forward, by destination and result.",
    ),
    (
        "chatrace_log_lines_dropped_total",
        "Log lines that were dropped, because nobody read the log.",
    ),
];

pub(super) const GAUGES: &[Described] = &[
    (
        "chatrace_queue_deliveries",
        "Deliveries that wait for the writer.",
    ),
    (
        "chatrace_spool_deliveries",
        "Deliveries that wait on local disk for the database.",
    ),
    (
        "chatrace_spool_oldest_age_seconds",
        "Age of the delivery that waits longest in the spool.",
    ),
    (
        "chatrace_last_delivery_timestamp_seconds",
        "Arrival of the last delivery, at any replica.",
    ),
    (
        "chatrace_last_message_age_seconds",
        "Time since the last message arrived, at any replica.",
    ),
    ("chatrace_start_timestamp_seconds", "Start of this process."),
    (
        "chatrace_forward_up",
        "Whether a destination accepts what is forwarded: 1, or 0.",
    ),
    (
        "chatrace_forward_backlog",
        "What waits for a destination, counted up to 100,000.",
    ),
    (
        "chatrace_forward_lag_seconds",
        "How long the oldest of what waits for a destination has waited.",
    ),
    (
        "chatrace_forward_retries",
        "What a destination refused and gets again.",
    ),
    (
        "chatrace_forward_dead_letters",
        "What a destination refused and does not get any more.",
    ),
    (
        "chatrace_forward_expired",
        "What retention deleted before a destination got it, of all time.",
    ),
    ("chatrace_build_info", "1, with the version as a label."),
    (
        "chatrace_queue_oldest_age_seconds",
        "How long the delivery has waited that waits longest for the writer, or is being written.",
    ),
    (
        "chatrace_quarantined_items",
        "Items in quarantine, of all replicas.",
    ),
    (
        "chatrace_rollup_lag_positions",
        "How far the list of contacts is behind the messages.",
    ),
    (
        "chatrace_database_up",
        "Whether the database took the last delivery and answers: 1, or 0.",
    ),
    (
        "chatrace_database_connections",
        "Connections for reading, by state.",
    ),
    (
        "chatrace_database_connections_limit",
        "How many connections for reading there may be.",
    ),
    (
        "chatrace_disk_bytes",
        "The size of the disk of DATA_DIR, and what is free of it.",
    ),
    (
        "chatrace_verdict",
        "1 for the status of the diagnosis, 0 for the others.",
    ),
    (
        "chatrace_check",
        "1 for the status of a check of the diagnosis, 0 for the others.",
    ),
];

pub(super) const HISTOGRAMS: &[Described] = &[
    (
        "chatrace_http_request_seconds",
        "Time to the answer, by route and status.",
    ),
    ("chatrace_commit_seconds", "Time to keep one batch."),
    ("chatrace_commit_deliveries", "Deliveries in one batch."),
    (
        "chatrace_forward_attempt_seconds",
        "Time to the answer of a destination.",
    ),
    (
        "chatrace_forward_age_seconds",
        "Time from the arrival of a message until a destination accepted it.",
    ),
];
