//! Every integration test, in one binary. They run the real router, or the real program, against a real Postgres and
//! a real SQLite file: see `support`. Run them with `scripts/test`, which provides the Postgres.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests make their own ids, times and environment"
)]

mod support;

mod alerts;
mod cli;
mod deploy;
mod docs;
mod export;
mod faults;
mod forward;
mod http;
mod ingest;
mod maintenance;
mod normalize;
mod probe;
mod proxies;
mod silence;
mod store;
mod structure;
