//! Every environment variable. `.env.example` and `docs/configuration.md` are generated from this list.

/// One environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The value when unset; empty where unset means something of its own.
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

/// What SIGHUP reads again and replaces. Everything else takes effect at the next start.
pub const RELOADED: [&str; 10] = [
    "API_TOKEN",
    "WEBHOOK_SECRET",
    "WEBHOOK_AUTH",
    "META_APP_SECRET",
    "META_VERIFY_TOKEN",
    "METRICS_TOKEN",
    "BODY_TEMPLATE*",
    "FORWARD_*",
    "RUST_LOG",
    "LOG_BODIES",
];

/// Whether a variable is one of [`RELOADED`], in which `*` means any end of a name.
pub fn is_reloaded(name: &str) -> bool {
    RELOADED.iter().any(|one| match one.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *one,
    })
}

/// Whether this program reads a variable. Names that others choose are in [`RELOADED`].
pub fn is_read(name: &str) -> bool {
    is_reloaded(name) || VARIABLES.iter().any(|variable| variable.name == name)
}

/// Every variable that is read, in the order in which people need them.
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
        "The database: `postgres://user:password@host:5432/database`, or `sqlite://file`. Unset: the embedded SQLite file `chatrace-webhook.db` in DATA_DIR.",
    ),
    variable(
        "DATA_DIR",
        "./data",
        "The directory for the embedded database, the spool and the generated token. Only one process may use it.",
    ),
    variable(
        "API_TOKEN",
        "",
        "The bearer token for reading. Several, separated by commas, are valid at once, so that one can replace another. Required with Postgres. Unset with the embedded database: the service makes a random one, keeps it in DATA_DIR and prints it at start.",
    ),
    variable(
        "WEBHOOK_SECRET",
        "",
        "The secret that senders must present. Several, separated by commas, are valid at once, so that one can replace another. With neither this nor META_APP_SECRET set, anybody may send.",
    ),
    variable(
        "WEBHOOK_AUTH",
        "enforce",
        "`enforce` refuses senders without a valid credential. `observe` accepts them and warns in the log.",
    ),
    variable(
        "META_APP_SECRET",
        "",
        "The secret of a Meta app, for checking `X-Hub-Signature-256`. Several, separated by commas, are valid at once: with Instagram Login, Meta signs with the app secret or with the Instagram app secret.",
    ),
    variable(
        "META_VERIFY_TOKEN",
        "",
        "The token that Meta must send when it verifies the webhook URL.",
    ),
    variable(
        "INSTAGRAM_ACCESS_TOKEN",
        "",
        "The whole Chatrace API token, `<account id>.<secret>`. Only the diagnosis uses it: messages cannot be read with it.",
    ),
    variable(
        "INSTAGRAM_API_URL",
        "https://api.chatrace.com",
        "The URL of the Chatrace API. White labels have `https://<panel>/api`.",
    ),
    variable(
        "PUBLIC_URL",
        "",
        "The public address of this service, such as `https://hooks.shop.example`.",
    ),
    variable(
        "INSTANCE_NAME",
        "",
        "The name of this installation, in the title and the header of the page, such as the name of a shop.",
    ),
    variable(
        "LOCALE",
        "",
        "The language of the page and of the commands: `en` or `ru`. A reader's own choice goes before it. Unset: the page takes the browser's language, and commands that of LC_ALL, LC_MESSAGES or LANG.",
    ),
    variable(
        "MAX_BODY_BYTES",
        "1MiB",
        "The largest body that is accepted, after decompression: 1 KiB to 64 MiB.",
    ),
    variable(
        "TRUSTED_PROXIES",
        "",
        "Addresses or networks of proxies, separated by commas, whose `X-Forwarded-For` is believed. It tells clients apart, so that one without a valid credential does not use up the limit of others.",
    ),
    variable(
        "BODY_TEMPLATE",
        "",
        "The body as you typed it in Chatrace, placeholders included, on one line, or `@` and the file that holds it: JSON or a form. Bodies of this form are read by it, so that nothing a customer types can change who wrote. The recommended body is known without this. BODY_TEMPLATE_2 to BODY_TEMPLATE_9 declare others.",
    ),
    variable(
        "BODY_TEMPLATE_ESCAPING",
        "auto",
        "Whether the platform escapes what it fills into a body: `json` for yes, `none` for no. `auto` decides by each body: what is well escaped throughout is decoded, so that of a platform that does not escape, a text with a backslash may be changed.",
    ),
    variable(
        "DEDUPE_WINDOW",
        "10s",
        "Identical messages without id and time count as one if their deliveries arrive within this time of each other. `0` keeps each of them.",
    ),
    variable(
        "RETENTION_DAYS",
        "",
        "Days after which deliveries and their messages are deleted, and contacts without any message left; at least 2. Statistics stay. Unset: everything is kept.",
    ),
    variable(
        "SPOOL",
        "on",
        "`on` keeps deliveries on local disk while Postgres is away. `off` answers 503 instead, and refuses to start while deliveries wait on that disk.",
    ),
    variable(
        "SHUTDOWN_DELAY",
        "0s",
        "How long the service still accepts requests at shutdown, after `/readyz` has turned 503. Each answer then closes its connection, so that a proxy moves on to other replicas: `2s` where there are any.",
    ),
    variable(
        "SILENCE_AFTER",
        "",
        "Warn when no message has arrived for this long, such as `6h`. `auto` learns the usual rhythm of each weekday and hour, which takes a week. Unset: no warning.",
    ),
    variable(
        "ALERT_URL",
        "",
        "The URL that is told when something goes wrong, and when it is over. See docs/alerts.md.",
    ),
    variable(
        "ALERT_FORMAT",
        "standard",
        "How an alert is written: `standard`, as signed JSON, `telegram`, for a bot, or `slack`, for an incoming webhook.",
    ),
    variable(
        "ALERT_SECRET",
        "",
        "The key that signs alerts, as in Standard Webhooks: `whsec_` and base64, or any text. Several, separated by commas, sign at once, so that one can replace another. Needed with ALERT_FORMAT=standard.",
    ),
    variable(
        "FORWARD_URL",
        "",
        "The URL that every stored message is forwarded to: the destination `default`. For several, each has a name of letters and digits: `FORWARD_CRM_URL`, `FORWARD_CRM_SECRET` and so on. See docs/forwarding.md.",
    ),
    variable(
        "FORWARD_SECRET",
        "",
        "The key that signs what is forwarded, as in Standard Webhooks: `whsec_` and base64, or any text. Several, separated by commas, sign at once, so that one can replace another. Unset: nothing is signed.",
    ),
    variable(
        "FORWARD_HEADERS",
        "",
        "Headers to send along, such as `Authorization: Bearer …`, with semicolons between several.",
    ),
    variable(
        "FORWARD_CONTENT",
        "message",
        "`message` forwards messages as the API gives them. `delivery` relays every delivery as it arrived, for a system that understands the sender's own bodies.",
    ),
    variable(
        "FORWARD_FORMAT",
        "standard",
        "How a message is written: `standard`, with `type`, `timestamp` and `data`, or `cloudevents`, as CloudEvents 1.0.",
    ),
    variable(
        "FORWARD_FILTER",
        "",
        "Which messages are forwarded, in the words of the API: `kind=text,media&direction=inbound&channel=instagram&contactId=12345`. Unset: all.",
    ),
    variable(
        "FORWARD_START",
        "now",
        "Where a destination begins when it is seen for the first time: `now`, `beginning`, or a time such as 2026-07-09T14:56:00Z.",
    ),
    variable(
        "FORWARD_CONCURRENCY",
        "16",
        "How many messages may be on their way to the destination at once: 1 to 256. Those of one person follow each other.",
    ),
    variable(
        "FORWARD_TIMEOUT",
        "15s",
        "How long the destination may take to answer: 1s to 2m.",
    ),
    variable(
        "FORWARD_RATE",
        "",
        "How many requests the destination gets in a second at most. Unset: as many as it can answer.",
    ),
    variable(
        "METRICS_TOKEN",
        "",
        "The bearer token for `/metrics`. Unset: only requests from this machine that no proxy passed on are answered.",
    ),
    variable(
        "METRICS_ADDRESS",
        "",
        "An address and port that serve `/metrics` alone, such as `127.0.0.1:9464`; PORT does not serve it then. Everybody who reaches it can read it, unless METRICS_TOKEN is set.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "The OpenTelemetry collector that gets traces, by OTLP over HTTP with Protobuf, such as `http://127.0.0.1:4318`. Unset: none are made.",
    ),
    variable(
        "MIGRATE",
        "true",
        "`true` runs missing migrations at start. `false` refuses to start when some are missing.",
    ),
    variable(
        "LOG_FORMAT",
        "text",
        "`text` for people, `json` for machines.",
    ),
    variable(
        "LOG_BODIES",
        "false",
        "`true` logs every body, with credentials redacted. Bodies hold what customers wrote.",
    ),
    variable(
        "RUST_LOG",
        "info",
        "The log level: `error`, `warn`, `info`, `debug`, or a filter by module.",
    ),
];
