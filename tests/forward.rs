//! What is stored is passed on: at least once, in order, however long a destination is down.

mod failures;
mod messages;
