//! Tells `ALERT_URL` when something goes wrong, and when it is over.
//!
//! The [`AlertWatch`] looks at a short list of checks of the diagnosis, so what it says is what the diagnosis says. Of
//! what all replicas see, one of them tells: they agree in the database, where the alert waits until it is delivered.
//! What a process sees of its own machine and of its connection to the database it tells itself, from memory. See
//! `docs/alerts.md`.

mod sender;
mod text;
mod watch;

pub use sender::{AlertSender, send_test_alert};
pub use watch::AlertWatch;
