//! The service's own commit without HTTP: batches of a given size, one after the other.

use std::time::{Duration, Instant};

use chatrace_webhook::delivery::{Delivery, Record};
use chatrace_webhook::normalize::Normalizer;
use chatrace_webhook::store::{Attempt, Ledger as _, PostgresStore};
use clap::Parser;
use jiff::{Timestamp, Unit};
use serde_json::json;
use uuid::Uuid;

use crate::body::{Bodies, CONTACTS, Identity};

#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[arg(long)]
    database: String,
    #[arg(long)]
    batch: u64,
    #[arg(long)]
    seconds: f64,
    #[arg(long, default_value_t = CONTACTS)]
    contacts: u64,
    #[arg(long, default_value = "id")]
    identity: Identity,
}

/// Commits until the time is over. Only the commits count: what they are made of is made between them.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let store = PostgresStore::new(args.database.parse()?, Duration::from_secs(10));
    store.prepare(true).await?;
    let bodies = Bodies::new("commit", args.contacts, args.identity);
    let began = Instant::now();
    let mut number = 0;
    let mut commits = 0_u64;
    let mut busy = Duration::ZERO;
    let mut failed = 0;
    while began.elapsed().as_secs_f64() < args.seconds {
        let records: Vec<_> = (number..number + args.batch)
            .map(|number| record(&bodies, number))
            .collect();
        number += args.batch;
        let began = Instant::now();
        let result = store.commit(&records, Attempt::First).await;
        busy += began.elapsed();
        commits += 1;
        if result.is_err() {
            failed += 1;
        }
    }
    store.close().await;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = number as f64 / busy.as_secs_f64();
    let report = json!({
        "acknowledged": number, "commits": commits, "refused": failed, "broken": 0, "rate": rate,
    });
    crate::say(&report.to_string());
    Ok(())
}

/// A delivery as the handler would make it, read by the normalizer.
fn record(bodies: &Bodies, number: u64) -> Record {
    let body = bodies.body(number);
    let headers = [
        ("content-length", body.len().to_string()),
        ("content-type", "application/json".to_owned()),
        ("host", "127.0.0.1:3000".to_owned()),
        ("user-agent", "loadgen".to_owned()),
    ];
    let delivery = Delivery {
        id: Uuid::now_v7(),
        received_at: Timestamp::now()
            .round(Unit::Millisecond)
            .unwrap_or_default(),
        method: "POST".to_owned(),
        content_type: Some("application/json".to_owned()),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        body: body.into(),
        is_query: false,
    };
    let reading = Normalizer::default().normalize(&delivery);
    Record {
        delivery,
        shape: reading.shape,
        items: reading.items,
    }
}
