//! Receives the webhooks by which Chatrace hands over Instagram messages, and never loses one.
//!
//! The way of a delivery is the way down this page:
//! [`http`] → [`ingest`] → [`normalize`] → [`store`], with [`delivery`] and [`message`] as the words they share.

pub mod cli;
pub mod config;
pub mod delivery;
pub mod diagnose;
pub mod export;
mod hex;
pub mod http;
pub mod ingest;
pub mod lifecycle;
pub mod maintenance;
pub mod message;
mod named;
pub mod normalize;
pub mod outside;
pub mod redact;
pub mod rejection;
pub mod setup;
pub mod sign;
pub mod silence;
pub mod store;
pub mod telemetry;
pub mod time;
