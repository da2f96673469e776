//! Jobs above the store.

mod erase;
mod reprocess;
mod retention;
