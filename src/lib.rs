//! Receives the webhooks by which Chatrace hands over Instagram messages, and never loses one.
//!
//! The modules below are in the order in which a delivery meets them. Docs: `docs/architecture.md`.

// The router, the webhook's front door, one file for each resource of the API, and the operator's page.
pub mod http;

// From "accepted" to "durable": the queue, the writer, the spool and its drain.
pub mod ingest;

// Turns the bytes of a delivery into items. Pure: no clock, network or database.
pub mod normalize;

// All SQL: the ledger, reading, projections, maintenance. Postgres and SQLite.
pub mod store;

// Destinations: cursors, attempts, retries, dead letters.
pub mod forward;

// Jobs above the store: rollup, reprocess, erase, retention.
pub mod maintenance;

// Domain types, without I/O.

// One request accepted at the webhook, its items and their outcomes.
pub mod delivery;

// One normalized event of a conversation.
pub mod message;

// Rejected requests: those that did not become a delivery.
pub mod rejection;

// Which messages a destination gets.
pub(crate) mod selector;

// Values of filters, as the API and the commands take them.
pub(crate) mod filter;

// "Why is nothing arriving?"

// The checks: pure functions of facts, summed up in a verdict.
pub mod diagnose;

// The checks that ask others: the public URL, its certificate, Chatrace's API.
pub mod probe;

// The usual rhythm of messages: when silence begins and ends.
pub mod silence;

// Tells somebody when a check turns bad, and when it is well again.
pub mod alerts;

// What the owner has to enter in Chatrace, step by step.
pub(crate) mod setup;

// Messages as a file: lines of JSON, or a table for spreadsheets.
pub(crate) mod export;

// The program.

// The command line: one file for each command.
pub mod cli;

// The environment, read once at start.
pub mod config;

// Stopping in stages, and workers that may not end before.
pub mod lifecycle;

// Logs and metrics.
pub mod telemetry;

// Support.

// Texts in English and Russian.
pub mod i18n;

// Signatures and random tokens.
pub mod crypto;

// Requests to others, with limits.
pub mod http_client;

// Files with messages or secrets, for the service's own user alone.
pub(crate) mod private_file;

// Removes credentials from bodies before they are shown.
pub(crate) mod redact;

// Makes foreign text safe to show.
pub(crate) mod text;

// Every parser of foreign bytes, for fuzzers and tests alone.
#[cfg(any(test, fuzzing))]
pub mod fuzzing;

// Names of enum variants.
mod named;

// The clock, new ids, and times in JSON.
pub mod time;

// Which version this is.
pub mod version;
