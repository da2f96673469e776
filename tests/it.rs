//! Every integration test, in one binary. They run the real router, or the real program, against a real Postgres and
//! a real SQLite file: see `support`. Run them with `scripts/test`, which provides the Postgres.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

mod auth;
mod contacts;
mod diagnosis;
mod docs;
mod doctor;
mod erasing;
mod export;
mod faults;
mod following;
mod ledger;
mod normalize;
mod openapi;
mod page;
mod process;
mod quarantine;
mod reading;
mod retention;
mod sameness;
mod searching;
mod session;
mod silence;
mod spool;
mod store;
mod streaming;
mod structure;

mod tail;
mod ways;
mod webhook;
