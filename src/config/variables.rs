//! Every variable of the environment in one place: `.env.example` and `docs/configuration.md` are made from here.

/// One variable of the environment.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The value it has when unset; empty where unset means something of its own.
    pub default: &'static str,
    /// What it does, in one or two sentences.
    pub description: &'static str,
}

const fn variable(
    name: &'static str,
    default: &'static str,
    description: &'static str,
) -> Variable {
    Variable {
        name,
        default,
        description,
    }
}

/// Every variable that is read, in the order in which people meet them.
pub const VARIABLES: &[Variable] = &[
    variable("HOST", "0.0.0.0", "The IP address to listen on."),
    variable(
        "PORT",
        "3000",
        "The port to listen on; 0 lets the system choose one.",
    ),
    variable(
        "DATABASE_URL",
        "",
        "Where messages are kept: `postgres://user:password@host:5432/database`, or `sqlite://file`. Unset: the embedded SQLite file `chatrace-webhook.db` in DATA_DIR.",
    ),
    variable(
        "DATA_DIR",
        "./data",
        "The directory for the embedded database, the spool and a generated token. Only one process may use it.",
    ),
    variable(
        "API_TOKEN",
        "",
        "The bearer token for reading; several, separated by commas, while one replaces another. Required with Postgres. Unset with the embedded database: a random one is made, kept in DATA_DIR and printed at start.",
    ),
    variable(
        "WEBHOOK_SECRET",
        "",
        "The secret that senders must present; several, separated by commas, while one replaces another. Unset, together with META_APP_SECRET: anybody may send.",
    ),
    variable(
        "WEBHOOK_AUTH",
        "enforce",
        "`enforce` refuses senders without a valid credential; `observe` lets them in and warns in the log.",
    ),
    variable(
        "META_APP_SECRET",
        "",
        "The secret of a Meta app, for checking `X-Hub-Signature-256`.",
    ),
    variable(
        "META_VERIFY_TOKEN",
        "",
        "The text that Meta sends when it verifies the webhook URL.",
    ),
    variable(
        "INSTAGRAM_ACCESS_TOKEN",
        "",
        "The Chatrace API token, `<account id>.<secret>`, whole. Used by the diagnosis only: messages cannot be read with it.",
    ),
    variable(
        "INSTAGRAM_API_URL",
        "https://api.chatrace.com",
        "Where the Chatrace API is; white labels have `https://<panel>/api`.",
    ),
    variable(
        "PUBLIC_URL",
        "",
        "How the world reaches this service, such as `https://hooks.shop.example`.",
    ),
    variable(
        "MAX_BODY_BYTES",
        "1 MiB",
        "The largest body that is taken, after decompression: 1 KiB to 64 MiB.",
    ),
    variable(
        "TRUSTED_PROXIES",
        "",
        "Addresses or networks, separated by commas, whose `X-Forwarded-For` will be believed. Checked and reserved: it has no effect yet.",
    ),
    variable(
        "DEDUPE_WINDOW",
        "10s",
        "Identical messages without id and time whose deliveries arrive within this time of each other are one; `0` keeps each.",
    ),
    variable(
        "RETENTION_DAYS",
        "",
        "Days after which deliveries, their messages, and contacts of whom nothing is left are deleted, at least 2. Counters stay. Unset: everything is kept.",
    ),
    variable(
        "SPOOL",
        "on",
        "`on` keeps deliveries on local disk while Postgres is away; `off` answers 503 instead, and refuses to start as long as deliveries wait there.",
    ),
    variable(
        "SHUTDOWN_DELAY",
        "0s",
        "How long requests are still taken after `/readyz` has turned 503 at shutdown.",
    ),
    variable(
        "SILENCE_AFTER",
        "",
        "A length of time without messages after which to warn, such as `6h`; or `auto`, which learns the usual rhythm of each weekday and hour and needs a week for it. Unset: no warning.",
    ),
    variable(
        "ALERT_URL",
        "",
        "Where one signed POST goes when silence begins, and one when it ends. Needs SILENCE_AFTER and ALERT_SECRET.",
    ),
    variable(
        "ALERT_SECRET",
        "",
        "With what alerts are signed, as Standard Webhooks say: `whsec_` and base64, or any text.",
    ),
    variable(
        "METRICS_TOKEN",
        "",
        "The bearer token for `/metrics`. Unset: none is needed.",
    ),
    variable(
        "MIGRATE",
        "true",
        "`true` runs missing migrations at start; `false` refuses to start when some are missing.",
    ),
    variable(
        "LOG_FORMAT",
        "text",
        "`text` for people, `json` for machines.",
    ),
    variable(
        "LOG_BODIES",
        "false",
        "`true` logs every body, credentials redacted. Bodies hold what customers wrote.",
    ),
    variable(
        "RUST_LOG",
        "info",
        "Which log lines are written: `error`, `warn`, `info`, `debug`, or a filter by module.",
    ),
];
