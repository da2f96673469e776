//! Reading messages behind a cursor, in pages that cost the same at any depth.
//!
//! A filter that an index answers is read straight from it. Any other condition is looked for in a bounded number of
//! positions; then the reader goes on behind those, even if nothing in them fits. A page is bounded in bytes as well as
//! in number: first the sizes are read, which looks at no text, then those messages that fit.
//!
//! Where a page of the database's file is damaged, it is read around: [`around_damage`].

use futures_util::{Stream, TryStreamExt as _};

use super::error::is_unreadable;
use super::filter::{MessageFilter, Order, PageRequest};
use super::{MessageReader, StoreError};
use crate::message::Message;

/// Through how many positions one page looks for what no index finds.
const SCAN: i64 = 50_000;
/// How many bytes of texts a page has, unless a single message has more.
const PAGE_BYTES: i64 = 4 * 1024 * 1024;

/// How many bytes of JSON a page of another list has.
const LIST_BYTES: usize = 4_000_000;

/// How many statements may look for what can be read around a damage. Then the reader goes on behind the last one.
const TRIES: usize = 1_000;
/// Through how many positions the first of them looks.
const FIRST_STEP: i64 = 1_024;

/// The rows of a page that fit into its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan<T> {
    /// In the order that was asked for.
    pub rows: Vec<T>,
    /// The position at which the page was full, in number or in bytes. What is behind it has not been read. It is true
    /// even if a row of the page was deleted while it was read.
    pub cut: Option<i64>,
    /// How many positions were skipped because what stands there cannot be read.
    pub unreadable: i64,
}

/// Reads a page, and around what cannot be read: then it ends at the first rows that can.
pub(super) async fn around_damage<T, F>(
    request: PageRequest,
    read: impl Fn(PageRequest) -> F,
) -> Result<Scan<T>, sqlx::Error>
where
    F: Future<Output = Result<Scan<T>, sqlx::Error>>,
{
    match read(request).await {
        Err(error) if is_unreadable(&error) => {}
        page => return page,
    }
    let (mut rest, mut step) = (request, FIRST_STEP);
    let (mut rows, mut unreadable) = (Vec::new(), 0);
    for _ in 0..TRIES {
        if rest.is_empty() || !rows.is_empty() {
            break;
        }
        let part = rest.first(step);
        match read(part).await {
            Ok(scan) => {
                rest = rest.rest(scan.cut.unwrap_or(part.last()));
                rows = scan.rows;
                step = step.saturating_mul(2);
            }
            Err(error) if !is_unreadable(&error) => return Err(error),
            Err(error) if step == 1 => {
                let position = part.last();
                tracing::error!(%error, position, "what stands here cannot be read: it is skipped");
                unreadable += 1;
                rest = rest.rest(position);
            }
            Err(_) => step /= 2,
        }
    }
    Ok(Scan {
        rows,
        cut: (!rest.is_empty()).then_some(rest.read()),
        unreadable,
    })
}

/// A row of a list of which no part is read apart.
pub(super) trait ListRow {
    fn position(&self) -> i64;
    /// At least the bytes that it takes in JSON.
    fn size(&self) -> usize;
}

/// The same request for one row more, which says whether there is more.
pub(super) fn one_more(request: PageRequest) -> PageRequest {
    PageRequest {
        limit: request.limit + 1,
        ..request
    }
}

/// Takes as many rows as fit into a page, at least one, of a list that begins where the page does.
pub(super) async fn fitting<T: ListRow>(
    mut list: impl Stream<Item = Result<T, sqlx::Error>> + Unpin,
    limit: u32,
) -> Result<Scan<T>, sqlx::Error> {
    let (mut rows, mut bytes) = (Vec::<T>::new(), 0);
    let mut cut = None;
    while let Some(row) = list.try_next().await? {
        bytes += row.size();
        if let Some(last) = rows.last()
            && (rows.len() >= limit as usize || bytes > LIST_BYTES)
        {
            cut = Some(last.position());
            break;
        }
        rows.push(row);
    }
    Ok(Scan {
        rows,
        cut,
        unreadable: 0,
    })
}

/// At least the bytes that something takes in JSON with these texts, of which each letter may need a backslash.
pub(super) fn json_size<'t>(texts: impl IntoIterator<Item = &'t str>) -> usize {
    const REST: usize = 400;
    texts
        .into_iter()
        .map(|text| 2 * text.len() + 3)
        .sum::<usize>()
        + REST
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
    /// Those that fit, in the order that was asked for.
    pub messages: Vec<Message>,
    /// The position up to which everything that fits has been read.
    pub last: i64,
    /// Whether nothing more was waiting up to the end of the range.
    pub caught_up: bool,
    /// How many positions were skipped because what stands there cannot be read.
    pub unreadable: i64,
}

/// Reads at most `limit` messages, and about 4 MB of them. In a range without an end, `until` is a head that was asked
/// for before: nothing at or before it will appear anew, so the reader may go on behind it, however few of the messages
/// on the way fit the filter.
///
/// # Errors
/// Those of the database.
pub async fn message_page(
    reader: &dyn MessageReader,
    filter: &MessageFilter,
    request: PageRequest,
) -> Result<FoundMessages, StoreError> {
    let end = if request.is_empty() {
        request.read()
    } else {
        request.last()
    };
    let nothing = FoundMessages {
        messages: Vec::new(),
        last: end,
        caught_up: true,
        unreadable: 0,
    };
    let mut range = request;
    if filter.since.is_some() || filter.until.is_some() {
        let Some((first, last)) = reader.hour_range(filter.since, filter.until).await? else {
            return Ok(nothing);
        };
        range.after = range.after.max(first - 1);
        range.until = range.until.min(last);
    }
    if range.is_empty() {
        return Ok(nothing);
    }
    let reach = if filter.is_indexed() {
        range
    } else {
        range.first(SCAN)
    };
    let limit = request.limit;
    let Scan {
        rows: mut messages,
        cut,
        unreadable,
    } = reader.messages(filter, one_more(reach)).await?;
    let is_over = messages.len() > limit as usize;
    messages.truncate(limit as usize);
    let full = is_over || cut.is_some();
    let last = match (messages.last(), cut) {
        (Some(message), _) if is_over => message.position,
        (_, Some(cut)) => cut,
        _ if reach != range && messages.is_empty() => {
            let rest = range.rest(reach.last());
            return beyond(
                reader,
                rest,
                FoundMessages {
                    unreadable,
                    ..nothing
                },
            )
            .await;
        }
        _ if reach != range => reach.last(),
        _ => end,
    };
    Ok(FoundMessages {
        messages,
        last,
        caught_up: !full && reach == range,
        unreadable,
    })
}

/// Where a search that found nothing goes on: before the next message, however far away that is. Positions may have
/// gaps, as after a restore.
async fn beyond(
    reader: &dyn MessageReader,
    rest: PageRequest,
    nothing: FoundMessages,
) -> Result<FoundMessages, StoreError> {
    let next = PageRequest { limit: 1, ..rest };
    let next = reader.messages(&MessageFilter::default(), next).await?;
    let last = match (next.rows.first(), rest.order) {
        (Some(message), Order::Asc) => Some(message.position - 1),
        (Some(message), Order::Desc) => Some(message.position + 1),
        (None, _) => next.cut,
    };
    Ok(FoundMessages {
        last: last.unwrap_or(nothing.last),
        caught_up: last.is_none(),
        unreadable: nothing.unreadable + next.unreadable,
        ..nothing
    })
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    /// Rows at every position up to a thousand, of which some cannot be read.
    fn part(request: PageRequest, is_damaged: fn(i64) -> bool) -> Result<Scan<i64>, sqlx::Error> {
        let mut rows: Vec<_> = (request.after + 1..=request.until.min(1_000)).collect();
        if request.order == Order::Desc {
            rows.reverse();
        }
        rows.truncate(request.limit as usize);
        if rows.iter().any(|row| is_damaged(*row)) {
            return Err(sqlx::Error::Decode("damaged".into()));
        }
        let is_full = rows.len() == request.limit as usize;
        Ok(Scan {
            cut: rows.last().copied().filter(|_| is_full),
            rows,
            unreadable: 0,
        })
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_skipped_and_counted_and_hides_nothing_else() {
        let all: fn(i64) -> bool = |_| true;
        let some: fn(i64) -> bool = |row| (300..=320).contains(&row) || row == 1 || row == 999;
        for (is_damaged, count) in [(all, 1_000), (some, 23)] {
            for (limit, order) in [
                (1, Order::Asc),
                (7, Order::Asc),
                (100, Order::Asc),
                (1, Order::Desc),
                (7, Order::Desc),
            ] {
                let mut request = PageRequest {
                    after: 0,
                    until: 1_000,
                    limit,
                    order,
                };
                let (mut seen, mut skipped) = (Vec::new(), 0);
                loop {
                    let page = around_damage(request, |request| ready(part(request, is_damaged)));
                    let page = page.await.unwrap();
                    seen.extend(page.rows);
                    skipped += page.unreadable;
                    let Some(cut) = page.cut else { break };
                    assert_ne!(request.rest(cut), request, "it goes on");
                    request = request.rest(cut);
                }
                let mut readable: Vec<_> = (1..=1_000).filter(|row| !is_damaged(*row)).collect();
                if order == Order::Desc {
                    readable.reverse();
                }
                assert_eq!((seen, skipped), (readable, count));
            }
        }
    }

    #[derive(Debug)]
    struct Row(i64, usize);

    impl ListRow for Row {
        fn position(&self) -> i64 {
            self.0
        }

        fn size(&self) -> usize {
            self.1
        }
    }

    #[tokio::test]
    async fn a_list_is_bounded_in_number_and_in_bytes_but_never_empty() {
        for (sizes, limit, count, cut) in [
            (&[][..], 2, 0, None),
            (&[10, 10], 2, 2, None),
            (&[10, 10, 10], 2, 2, Some(2)),
            (&[LIST_BYTES + 1], 2, 1, None),
            (&[LIST_BYTES + 1, 10], 2, 1, Some(1)),
            (&[LIST_BYTES, 1, 1], 9, 1, Some(1)),
        ] {
            let rows = (1..)
                .zip(sizes)
                .map(|(position, size)| Ok(Row(position, *size)));
            let page = fitting(futures_util::stream::iter(rows), limit)
                .await
                .unwrap();
            assert_eq!((page.rows.len(), page.cut), (count, cut), "{sizes:?}");
        }
    }

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
