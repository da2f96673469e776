//! The `chatrace-webhook` program.
fn main() {}
