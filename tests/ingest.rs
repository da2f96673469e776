//! From "accepted" to "durable".

mod refusals;
mod shutdown;
mod spool;
