//! Reading messages behind a cursor, in pages that cost the same at any depth.
//!
//! A filter that an index answers is read straight from it. Any other condition is looked for in a bounded number of
//! positions; then the reader goes on behind those, even if nothing in them fits. A page is bounded in bytes as well as
//! in number: first the sizes are read, which looks at no text, then those messages that fit.

use super::filter::{MessageFilter, PageRequest};
use super::{MessageReader, StoreError};
use crate::message::Message;

/// Through how many positions one page looks for what no index finds.
const SCAN: i64 = 50_000;
/// How many bytes of texts a page has, unless a single message has more.
const PAGE_BYTES: i64 = 4 * 1024 * 1024;

/// The messages of a page that fit into its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// In commit order.
    pub messages: Vec<Message>,
    /// The position at which the page was full, in number or in bytes. What is behind it has not been read. It is true
    /// even if a message of the page was deleted while it was read.
    pub cut: Option<i64>,
}

/// Positions and sizes of the messages that are wanted.
#[derive(Debug)]
pub(super) struct PageIndex {
    /// The positions of those that fit.
    pub(super) positions: Vec<i64>,
    pub(super) cut: Option<i64>,
}

impl PageIndex {
    /// Takes as many as fit, at least one, of the rows of a page that asked for at most `limit`.
    ///
    /// Whether the page is full is decided here and not by counting later: a message that is deleted before it is read
    /// must not make a full page look like the last one.
    pub(super) fn new(rows: &[(i64, i64)], limit: u32) -> Self {
        let mut bytes = 0;
        let fitting = rows.iter().enumerate().take_while(|(number, (_, size))| {
            bytes += size;
            *number == 0 || bytes <= PAGE_BYTES
        });
        let positions: Vec<_> = fitting.map(|(_, (position, _))| *position).collect();
        let is_full = positions.len() < rows.len() || rows.len() >= limit as usize;
        let cut = positions.last().copied().filter(|_| is_full);
        Self { positions, cut }
    }
}

/// A page of the messages that fit a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundMessages {
    /// Those that fit, oldest first.
    pub messages: Vec<Message>,
    /// The position up to which everything that fits has been read.
    pub last: i64,
    /// Whether nothing more was waiting up to the head.
    pub caught_up: bool,
}

/// Reads at most `limit` messages, and about 4 MB of them, behind a position and up to a head that was asked for
/// before.
///
/// # Errors
/// Those of the database.
pub async fn message_page(
    reader: &dyn MessageReader,
    filter: &MessageFilter,
    after: i64,
    head: i64,
    limit: u32,
) -> Result<FoundMessages, StoreError> {
    // Nothing at or before the head will appear anew, so a reader who is there may go on behind it, however few of the
    // messages on the way fit the filter.
    let end = head.max(after);
    let nothing = FoundMessages {
        messages: Vec::new(),
        last: end,
        caught_up: true,
    };
    let (mut begin, mut until) = (after, head);
    if filter.since.is_some() || filter.until.is_some() {
        let Some((first, last)) = reader.hour_range(filter.since, filter.until).await? else {
            return Ok(nothing);
        };
        begin = begin.max(first - 1);
        until = until.min(last);
    }
    if begin >= until {
        return Ok(nothing);
    }
    let reach = if filter.is_indexed() {
        until
    } else {
        until.min(begin.saturating_add(SCAN))
    };
    let request = PageRequest {
        after: begin,
        until: reach,
        // One more than asked for says whether there is more.
        limit: limit + 1,
    };
    let Scan { mut messages, cut } = reader.messages(filter, request).await?;
    let is_over = messages.len() > limit as usize;
    messages.truncate(limit as usize);
    let full = is_over || cut.is_some();
    let last = match (messages.last(), cut) {
        (Some(message), _) if is_over => message.position,
        (_, Some(cut)) => cut,
        _ if reach < until => reach,
        _ => end,
    };
    Ok(FoundMessages {
        messages,
        last,
        caught_up: !full && reach == until,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_bounded_in_number_and_in_bytes_but_never_empty() {
        const MIB: i64 = 1024 * 1024;
        for (sizes, count, cut) in [
            (&[][..], 0, None),
            (&[10, 10], 2, None),
            (&[5 * MIB], 1, None),
            (&[5 * MIB, 1], 1, Some(1)),
            (&[MIB, MIB, 2 * MIB], 3, None),
            (&[MIB, 10, 3 * MIB, 10], 2, Some(2)),
            (&[10, 10, 10, 10, 10], 5, Some(5)),
            (&[10, 10, 5 * MIB, 10, 10], 2, Some(2)),
        ] {
            let rows: Vec<_> = (1..).zip(sizes.iter().copied()).collect();
            let index = PageIndex::new(&rows, 5);
            assert_eq!(
                (index.positions.len(), index.cut),
                (count, cut),
                "{sizes:?}"
            );
        }
    }
}
