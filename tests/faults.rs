//! What breaks, one thing at a time and everything at once: the database, the disk, clients, and the process.

mod clients;
mod disk;
mod files;
pub(crate) mod ledger;
mod outages;
mod schedule;
