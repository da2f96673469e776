//! The commands, as people run them.

mod backup;
pub(crate) mod doctor;
mod files;
mod language;
mod program;
mod reload;
mod schema;
mod serve;
mod supervisor;
mod tail;
mod terminal;
