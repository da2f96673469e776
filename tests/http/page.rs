//! The operator's page.

mod browser;
mod logout;
mod session;
