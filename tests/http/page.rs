//! The operator's page.

mod actions;
mod browser;
mod logout;
mod session;
mod views;
