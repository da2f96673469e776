//! Reading messages behind a cursor, in slices that cost the same at any depth.
//!
//! A filter that an index answers is read straight from it. Any other condition is looked for in a bounded stretch of
//! the list; then the reader goes on behind that stretch, even if nothing in it fits.

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use super::query::{MessageFilter, Page};
use super::stretch::Stretch;
use crate::message::Message;

/// Through how many positions one slice looks for what no index finds.
const STRETCH: i64 = 50_000;

/// What a reader of messages needs of a database.
///
/// # Errors
/// Every method fails with [`StoreError`], whose variant says what the caller can do about it.
#[async_trait]
pub trait Feed: std::fmt::Debug + Send + Sync {
    /// The last position that is given out and committed: no message at or before it will ever appear anew.
    async fn head(&self) -> Result<i64, StoreError>;

    /// The first and the last position between which all messages stand that arrived within the hours of these times.
    async fn span(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Option<(i64, i64)>, StoreError>;

    /// Messages in commit order, after a position; fewer than the page asks for, but at least one, where they are large.
    async fn messages(&self, filter: &MessageFilter, page: Page) -> Result<Stretch, StoreError>;
}

/// A stretch of the messages that fit a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// Those that fit, oldest first.
    pub messages: Vec<Message>,
    /// The position up to which everything that fits has been read.
    pub last: i64,
    /// Whether nothing more was waiting up to the head.
    pub caught_up: bool,
}

/// Reads at most `limit` messages, and about 4 MB of them, behind a position and up to a head that was asked for before.
///
/// # Errors
/// Those of the database.
pub async fn slice(
    feed: &dyn Feed,
    filter: &MessageFilter,
    after: i64,
    head: i64,
    limit: u32,
) -> Result<Slice, StoreError> {
    // Nothing at or before the head will appear anew, so a reader who is there may go on behind it, however few of the
    // messages on the way fit the filter.
    let end = head.max(after);
    let nothing = Slice {
        messages: Vec::new(),
        last: end,
        caught_up: true,
    };
    let (mut begin, mut until) = (after, head);
    if filter.since.is_some() || filter.until.is_some() {
        let Some((first, last)) = feed.span(filter.since, filter.until).await? else {
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
        until.min(begin.saturating_add(STRETCH))
    };
    let page = Page {
        after: begin,
        until: reach,
        // One more than asked for tells whether there is more.
        limit: limit + 1,
    };
    let Stretch { mut messages, cut } = feed.messages(filter, page).await?;
    let is_over = messages.len() > limit as usize;
    messages.truncate(limit as usize);
    let full = is_over || cut.is_some();
    let last = match (messages.last(), cut) {
        (Some(message), _) if is_over => message.position,
        (_, Some(cut)) => cut,
        _ if reach < until => reach,
        _ => end,
    };
    Ok(Slice {
        messages,
        last,
        caught_up: !full && reach == until,
    })
}
