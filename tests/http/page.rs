//! The operator's page.

mod browser;
mod session;
