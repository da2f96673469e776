//! The operator's page.

mod browser;
