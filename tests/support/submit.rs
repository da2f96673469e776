//! What the webhook does with a delivery, without HTTP.

use chatrace_webhook::delivery::{Delivery, Receipt};
use chatrace_webhook::ingest::{Ingest, SubmitError, most_memory};
use chatrace_webhook::normalize::Normalizer;

/// Reserves room, normalizes, submits and waits for the receipt.
pub(crate) async fn submit(ingest: &Ingest, delivery: Delivery) -> Result<Receipt, SubmitError> {
    let bytes = most_memory(&delivery, delivery.body.len());
    let permit = ingest.reserve(bytes, false).await?;
    permit
        .submit(Normalizer::default().to_record(delivery))
        .await
}
