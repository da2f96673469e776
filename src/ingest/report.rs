//! The log lines about a delivery, in the words that operators look for.

use std::borrow::Cow;

use crate::delivery::{Item, Outcome, Record};
use crate::message::Draft;
use crate::store::{Committed, StoreError};

/// More messages than this in one delivery are logged as one line.
const LOGGED_ONE_BY_ONE: usize = 10;
/// The longest name that is logged, in characters.
const LONGEST_NAME: usize = 80;

/// Logs and counts what became of a delivery.
pub(super) fn report(record: &Record, result: &Result<Committed, StoreError>) {
    let id = record.delivery.id;
    let committed = match result {
        Ok(committed) => committed,
        Err(error) => {
            tracing::error!(delivery.id = %id, %error, "❌ A delivery could not be kept; its sender is answered 503");
            return;
        }
    };
    if committed.receipt.outcome == Outcome::Spooled {
        tracing::info!(delivery.id = %id, "💾 Kept on this machine's disk until the database is back");
        return;
    }
    for (_, item) in &committed.messages {
        if let Some(Item::Message(draft)) = record.items.get(*item) {
            let labels = [
                ("kind", draft.kind.as_str()),
                ("direction", draft.direction.as_str()),
            ];
            metrics::counter!("chatrace_messages_total", &labels).increment(1);
        }
    }
    if committed.messages.len() > LOGGED_ONE_BY_ONE {
        let count = committed.messages.len();
        tracing::info!(delivery.id = %id, count, "✅ Chatrace Instagram messages processed: {count} in one delivery");
    } else {
        for (message, item) in &committed.messages {
            let Some(Item::Message(draft)) = record.items.get(*item) else {
                continue;
            };
            tracing::info!(delivery.id = %id, "✅ Chatrace Instagram message processed: {message} from {}", name(draft));
        }
    }
    if committed.receipt.quarantined > 0 {
        let reason = record.items.iter().find_map(|item| match item {
            Item::Quarantined { reason, .. } => Some(reason),
            _ => None,
        });
        tracing::warn!(
            delivery.id = %id,
            items = committed.receipt.quarantined,
            code = reason.map_or("", |reason| reason.code.as_str()),
            "⚠️ Kept in quarantine: {}",
            reason.map_or("", |reason| reason.text.as_str()),
        );
    }
}

/// The name of the customer for a log line: one line, whatever the name contains.
fn name(draft: &Draft) -> Cow<'_, str> {
    let name = draft
        .display_name
        .as_ref()
        .or(draft.username.as_ref())
        .unwrap_or(&draft.contact_id);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b" .-_@".contains(&byte);
    if name.len() <= LONGEST_NAME && name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let beginning: String = name.chars().take(LONGEST_NAME).collect();
    Cow::Owned(beginning.escape_debug().to_string())
}
