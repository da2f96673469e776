//! The input of the checks. Gathered in one place (`http/diagnosis.rs`), so that the checks themselves are pure.

use jiff::Timestamp;
use uuid::Uuid;

use crate::config::SilenceAfter;
use crate::forward::DestinationStatus;
use crate::rejection::RejectionLog;
use crate::silence::Assessment;
use crate::store::Recent;

/// Everything that the service knows without asking others.
#[derive(Debug, Clone)]
pub struct Facts {
    pub now: Timestamp,
    /// The webhook's URL if `PUBLIC_URL` is set; otherwise with a placeholder for the host.
    pub webhook: String,
    /// When this process started.
    pub started_at: Timestamp,
    /// When the newest delivery arrived, in the database or at this process.
    pub last_delivery_at: Option<Timestamp>,
    /// When the newest message arrived.
    pub last_message_at: Option<Timestamp>,
    pub sender_auth: SenderAuth,
    /// Whether `WEBHOOK_SECRET` is set. Without it, and with `META_APP_SECRET`, only what Meta signed is accepted.
    pub has_secret: bool,
    /// The variables with a secret that is short enough to be guessed.
    pub short_secrets: Vec<&'static str>,
    /// Whether `META_VERIFY_TOKEN` is set.
    pub handshake_expected: bool,
    /// Near misses: of all replicas if the database is there, else those of this process that are not written yet.
    pub rejected: RejectionLog,
    /// What is in the database; `None` while it is away.
    pub known: Option<Known>,
    /// Why the database is away or takes no deliveries, on one line; empty while it is there and takes them.
    pub away: String,
    pub database: DatabaseState,
    /// What is damaged in the database, on one line.
    pub damage: Option<String>,
    /// Whether what was erased still stands in the log of the embedded database.
    pub is_log_pending: bool,
    /// Where deliveries go while the database is away.
    pub spool: SpoolFacts,
    /// The disk of `DATA_DIR`, if its size is known.
    pub disk: Option<Disk>,
    /// After how many days deliveries and messages are deleted.
    pub retention_days: Option<u32>,
    pub silence: SilenceFacts,
    /// Where messages are forwarded to; `None` while the database is away.
    pub destinations: Option<Vec<DestinationStatus>>,
}

/// What is in the database.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub recent: Recent,
    pub bodies: RecentBodies,
    /// Items in quarantine.
    pub quarantined: i64,
    /// Messages of customers, of all time.
    pub inbound: i64,
}

/// How the newest bodies are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecentBodies {
    /// Whether any `BODY_TEMPLATE` is declared.
    pub is_template_declared: bool,
    /// How many there are, beside those that Meta makes.
    pub recent: usize,
    /// How many of them match no template.
    pub unknown: usize,
    /// How many of those had to be repaired, or may say something else.
    pub doubtful: usize,
    /// The newest delivery that matches none.
    pub newest_unknown: Option<Uuid>,
}

/// Who may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderAuth {
    /// Senders with a valid credential.
    Enforced,
    /// Anybody, although a credential is configured.
    Observed,
    /// Anybody.
    Open,
}

/// What the database did with the last delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseState {
    Takes,
    /// It answers, and took none.
    Refuses,
    /// It does not answer.
    Away,
}

/// Where deliveries go while the database is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpoolFacts {
    /// No spool is needed: the database is embedded.
    Unneeded,
    /// `SPOOL=off`.
    Off,
    /// To this machine's disk.
    On {
        deliveries: u64,
        /// When the oldest of them arrived.
        oldest: Option<Timestamp>,
        /// Whether the last write failed.
        refuses: bool,
    },
    /// Nowhere: its files are gone, or it could not be opened. Why, on one line.
    Gone(String),
}

/// Space on a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Available to this user.
    pub free: u64,
    pub total: u64,
}

/// The state of the silence watch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SilenceFacts {
    /// `SILENCE_AFTER`.
    pub after: Option<SilenceAfter>,
    /// The last assessment; `None` before the first.
    pub assessment: Option<Assessment>,
}

/// The first days of a service, or a test: nothing has happened.
impl Default for Facts {
    fn default() -> Self {
        Self {
            now: Timestamp::UNIX_EPOCH,
            webhook: "/instagram/webhook".to_owned(),
            started_at: Timestamp::UNIX_EPOCH,
            last_delivery_at: None,
            last_message_at: None,
            sender_auth: SenderAuth::Enforced,
            has_secret: true,
            short_secrets: Vec::new(),
            handshake_expected: false,
            rejected: RejectionLog::default(),
            known: Some(Known::default()),
            away: String::new(),
            database: DatabaseState::Takes,
            damage: None,
            is_log_pending: false,
            spool: SpoolFacts::Unneeded,
            disk: None,
            retention_days: None,
            silence: SilenceFacts {
                after: None,
                assessment: None,
            },
            destinations: Some(Vec::new()),
        }
    }
}
