//! Where events come from: the ledger behind a cursor.

use std::sync::Arc;

use uuid::Uuid;

use super::event::Event;
use super::window::Window;
use crate::config::Destination;
use crate::config::forward::{ForwardContent, Start};
use crate::store::{
    ForwardReplay, ForwardedContent, MessageFilter, Order, PageRequest, ReplayScope, Store,
    StoreError,
};

/// How many events are read ahead.
const AHEAD: usize = 256;
/// How many are read to probe a destination that is down.
const PROBED: usize = 16;
/// How many pages are looked through for other people than the one whose messages wait first.
const SEARCHED_PAGES: usize = 40;
const SEARCHED_PAGE: u32 = 500;
/// How much of a list of ids is read at once: whole deliveries may be large.
const READ_AT_ONCE: usize = 16;

/// Reads what a destination gets.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) store: Arc<dyn Store>,
    pub(super) destination: Arc<Destination>,
}

/// What is read, and up to where.
#[derive(Debug)]
pub(super) struct EventPage {
    pub(super) events: Vec<Event>,
    pub(super) read: i64,
}

impl Source {
    /// Adds the destination to the database, unless it is there.
    pub(super) async fn declare(&self) -> Result<(), StoreError> {
        let Self { store, destination } = self;
        let cursor = match destination.start {
            Start::Now => store.head().await?,
            Start::Beginning => 0,
            Start::At(time) => store.position_before(time).await?,
        };
        let content = match &destination.content {
            ForwardContent::Messages { selector, .. } => {
                ForwardedContent::Messages(selector.clone())
            }
            ForwardContent::Deliveries => ForwardedContent::Deliveries,
        };
        store
            .declare_destination(&destination.name, &content, cursor)
            .await
    }

    /// The events behind a position and up to another one that the destination wants, and that a replay is about.
    async fn page(
        &self,
        replay: Option<&ReplayScope>,
        request: PageRequest,
    ) -> Result<EventPage, StoreError> {
        if let Some(positions) = replay.and_then(|replay| replay.positions.as_ref()) {
            return self.page_of(positions, request).await;
        }
        let replay = replay.map(|replay| &replay.selector);
        let (events, cut) = match &self.destination.content {
            ForwardContent::Messages { format, selector } => {
                let filter = MessageFilter {
                    contact_id: replay.and_then(|replay| replay.contact().map(str::to_owned)),
                    ..MessageFilter::default()
                };
                let page = self.store.messages(&filter, request).await?;
                let messages = page.rows.iter().filter(|message| {
                    selector.selects(message) && replay.is_none_or(|replay| replay.selects(message))
                });
                let events = messages.map(|message| Event::of_message(message, *format));
                (events.collect(), page.cut)
            }
            ForwardContent::Deliveries => {
                let page = self.store.whole_deliveries(request).await?;
                let rows = page.rows.into_iter();
                let wanted = rows.filter(|(_, delivery)| {
                    !delivery.is_erased()
                        && replay.is_none_or(|replay| replay.is_within(delivery.received_at))
                });
                let events =
                    wanted.map(|(position, delivery)| Event::of_delivery(position, delivery));
                (events.collect(), page.cut)
            }
        };
        Ok(EventPage {
            events,
            read: cut.unwrap_or(request.until),
        })
    }

    /// The same of a list of positions.
    async fn page_of(
        &self,
        positions: &[i64],
        request: PageRequest,
    ) -> Result<EventPage, StoreError> {
        let wanted = positions.iter().copied();
        let mut wanted: Vec<_> = wanted
            .filter(|position| *position > request.after && *position <= request.until)
            .take(READ_AT_ONCE + 1)
            .collect();
        let is_more = wanted.len() > READ_AT_ONCE;
        wanted.truncate(READ_AT_ONCE);
        Ok(EventPage {
            events: self.at(&wanted).await?,
            read: match wanted.last() {
                Some(last) if is_more => *last,
                _ => request.until,
            },
        })
    }

    /// The events at some positions that the destination wants. One that is missing was deleted or erased.
    pub(super) async fn at(&self, positions: &[i64]) -> Result<Vec<Event>, StoreError> {
        Ok(match &self.destination.content {
            ForwardContent::Messages { format, selector } => {
                let messages = self.store.messages_at(positions).await?;
                let messages = messages.iter();
                messages
                    .filter(|message| selector.selects(message))
                    .map(|message| Event::of_message(message, *format))
                    .collect()
            }
            ForwardContent::Deliveries => {
                let deliveries = self.store.deliveries_at(positions).await?.into_iter();
                let present = deliveries.filter(|(_, delivery)| !delivery.is_erased());
                present
                    .map(|(position, delivery)| Event::of_delivery(position, delivery))
                    .collect()
            }
        })
    }
}

/// The events of a destination from a cursor on: those that come in, or those of a replay.
#[derive(Debug)]
pub(super) struct EventStream {
    pub(super) window: Window,
    replay: Option<ForwardReplay>,
    /// There may be more behind what is read.
    pub(super) may_have_more: bool,
    /// The position of the oldest event when others were looked for, and up to where there were none.
    searched: (i64, i64),
}

impl EventStream {
    pub(super) fn live(cursor: i64) -> Self {
        Self {
            window: Window::new(cursor),
            replay: None,
            may_have_more: true,
            searched: (0, 0),
        }
    }

    pub(super) fn replay(replay: ForwardReplay) -> Self {
        Self {
            window: Window::new(replay.cursor),
            replay: Some(replay),
            may_have_more: true,
            searched: (0, 0),
        }
    }

    pub(super) fn replay_id(&self) -> Option<Uuid> {
        self.replay.as_ref().map(|replay| replay.id)
    }

    /// Whether everything is done that there is.
    pub(super) fn is_done(&self) -> bool {
        !self.may_have_more && self.window.len() == 0
    }

    /// Reads on, if there may be more and half of the events are done.
    pub(super) async fn fill(&mut self, source: &Source) -> Result<(), StoreError> {
        self.fill_up_to(AHEAD, source).await
    }

    async fn fill_up_to(&mut self, ahead: usize, source: &Source) -> Result<(), StoreError> {
        while self.may_have_more && self.window.len() <= ahead / 2 {
            let end = self.end(source).await?;
            let limit = u32::try_from(ahead - self.window.len()).unwrap_or(1);
            let after = self.window.read();
            if after < end {
                let request = PageRequest {
                    after,
                    until: end,
                    limit,
                    order: Order::Asc,
                };
                let page = source.page(self.scope(), request).await?;
                self.window.add(page.events, page.read);
            }
            self.may_have_more = self.window.read() < end;
        }
        Ok(())
    }

    /// The oldest event that waits, and the oldest of at most two other lanes, however far behind they are: their
    /// answers tell an event that is refused from a destination that is down.
    pub(super) async fn oldest(&mut self, source: &Source) -> Result<Vec<Arc<Event>>, StoreError> {
        self.may_have_more = true;
        self.fill_up_to(PROBED, source).await?;
        let mut oldest = self.window.oldest(2);
        let end = self.end(source).await?;
        let Some(head) = oldest.first().map(|head| head.position) else {
            return Ok(oldest);
        };
        let mut after = self.window.read();
        if self.searched.0 == head {
            after = after.max(self.searched.1);
        }
        let known = oldest.len();
        for _ in 0..SEARCHED_PAGES {
            if oldest.len() == 3 || after >= end {
                break;
            }
            let request = PageRequest {
                after,
                until: end,
                limit: SEARCHED_PAGE,
                order: Order::Asc,
            };
            let page = source.page(self.scope(), request).await?;
            after = page.read;
            for event in page.events {
                if oldest.len() < 3 && oldest.iter().all(|known| known.lane != event.lane) {
                    oldest.push(Arc::new(event));
                }
            }
            if oldest.len() == known {
                self.searched = (head, after);
            }
        }
        Ok(oldest)
    }

    fn scope(&self) -> Option<&ReplayScope> {
        self.replay.as_ref().map(|replay| &replay.scope)
    }

    async fn end(&self, source: &Source) -> Result<i64, StoreError> {
        match &self.replay {
            Some(replay) => Ok(replay.until),
            None => source.store.head().await,
        }
    }
}
