//! Silence: no message for longer than usual.
//!
//! Whether there is silence is a pure function of the time, the last message and the rhythm of the last weeks
//! ([`assess`]). The [`Watch`] calls it every few seconds. Replicas agree through the database, so that one of them
//! reports it in the log. Only the next message ends silence.

mod assessment;
mod rhythm;
mod watch;

pub use assessment::{Assessment, assess};
pub use rhythm::Rhythm;
pub use watch::Watch;
