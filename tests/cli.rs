//! The commands, as people run them.

pub(crate) mod doctor;
mod serve;
mod tail;
