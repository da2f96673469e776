//! What the checks look at. Gathered in one place (`http/diagnosis.rs`), so that the checks themselves are pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::SilenceAfter;
use crate::rejection::RejectionLog;
use crate::silence::Judgment;
use crate::store::Recent;

/// Everything that the service knows by itself about what arrives.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The time.
    pub now: Timestamp,
    /// Where senders post: the whole URL if `PUBLIC_URL` is set, else the path.
    pub webhook: String,
    /// When this process started.
    pub started_at: Timestamp,
    /// When the newest delivery arrived, in the database or at this process.
    pub last_delivery_at: Option<Timestamp>,
    /// When the newest message arrived.
    pub last_message_at: Option<Timestamp>,
    /// Who may send.
    pub sender_auth: SenderAuth,
    /// Whether `WEBHOOK_SECRET` is set. Without it, and with `META_APP_SECRET`, only what Meta signed is let in.
    pub has_secret: bool,
    /// Whether `META_VERIFY_TOKEN` is set.
    pub handshake_expected: bool,
    /// Near misses: of all replicas if the database is there, else those of this process that are not written yet.
    pub rejected: RejectionLog,
    /// What is in the database; `None` while it is away.
    pub known: Option<Known>,
    /// Why the database is away, on one line; empty while it is there.
    pub away: String,
    /// Where deliveries go while the database is away.
    pub spool: Spool,
    /// The disk of `DATA_DIR`, if it could be asked.
    pub disk: Option<Disk>,
    /// After how many days deliveries and messages are deleted.
    pub retention_days: Option<u32>,
    /// What is told about silence.
    pub silence: Silence,
}

/// What is in the database.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The newest rows.
    pub recent: Recent,
    /// Items in quarantine.
    pub quarantined: i64,
    /// Messages of customers, of all time.
    pub inbound: i64,
}

/// Who may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderAuth {
    /// Whoever has a valid credential.
    Enforced,
    /// Anybody, although a credential is configured.
    Observed,
    /// Anybody.
    Open,
}

/// Where deliveries go while the database is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spool {
    /// There is no need for one: the database is embedded.
    Unneeded,
    /// It is turned off.
    Off,
    /// To this machine's disk.
    On {
        /// How many deliveries wait.
        deliveries: u64,
        /// When the one that waits longest arrived.
        oldest: Option<Timestamp>,
        /// Whether it could not be written last time.
        refuses: bool,
    },
}

/// How much room a disk has, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// What is left for this user.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

/// What is told about silence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Silence {
    /// `SILENCE_AFTER`.
    pub after: Option<SilenceAfter>,
    /// What was judged last; `None` until then.
    pub judgment: Option<Judgment>,
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
            handshake_expected: false,
            rejected: RejectionLog::default(),
            known: Some(Known::default()),
            away: String::new(),
            spool: Spool::Unneeded,
            disk: None,
            retention_days: None,
            silence: Silence {
                after: None,
                judgment: None,
            },
        }
    }
}

/// A length of time as people say it: the largest unit alone.
pub(super) fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        0..=119 => (seconds, "second"),
        120..=7199 => (seconds / 60, "minute"),
        7200..=172_799 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    super::words::counted(count, unit)
}
