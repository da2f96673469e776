//! Bytes to items.
