//! Maintenance: the jobs above the store that keep what is stored in order.

mod erase;
mod reprocess;
mod retention;
mod rollup;

pub use erase::{ErasureTotals, erase};
pub use reprocess::{Part, ReprocessTotals, Reprocessed, reprocess, reprocess_one};
pub use retention::Retention;
pub use rollup::keep_rolling_up;
