//! Receives the webhooks by which Chatrace hands over Instagram messages, and never loses one.
//!
//! The way of a delivery is the way down this page:
//! [`http`] → [`ingest`] → [`normalize`] → [`store`], with [`delivery`] and [`message`] as the words they share.

pub mod config;
pub mod delivery;
pub mod message;
pub mod normalize;
pub mod store;
