//! What breaks, one thing at a time: the database, the disk, clients, and the end of the process.

mod clients;
mod ending;
mod outages;
mod refusals;
mod schedule;
