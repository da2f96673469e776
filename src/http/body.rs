//! Reading bodies: each of bounded size and in bounded time, and all together in bounded memory.
//!
//! A body takes room before it is read, and keeps it until the queue has reserved room for its delivery. Strangers and
//! senders with a valid secret have separate rooms, so that neither can keep the other out.

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::request::Parts;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::connections::OwnConnection;

/// How much of a refused body is read and dropped: an ordinary client reads the answer only after it has sent.
const DRAINED: usize = 16 * 1024 * 1024;
/// The smallest room, in bytes, so that the number of bodies is bounded as well. Without room this much is read, since
/// the buffer of the connection has it anyway: most messages are shorter, and arrive even while there is no room.
const SMALL: usize = 8 * 1024;
/// How much memory the bodies of strangers may take together (or a single one), in units of [`UNIT`].
const STRANGERS_ROOM: u32 = 24 * 1024;
/// The same for senders with a valid secret.
const SENDERS_ROOM: u32 = 32 * 1024;
const UNIT: usize = 1024;
/// How many bodies of strangers wait for room at once. Their connections hold some memory as well.
const WAITING: usize = 1024;
/// How long a stranger's body waits for room before its sender is asked to come back. A sender with a valid secret may
/// wait as long as a body may take.
const ROOM_TIMEOUT: Duration = Duration::from_secs(1);

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is larger than this many bytes.
    TooLarge {
        limit: usize,
    },
    Timeout,
    /// The client went away.
    Broken,
    /// Too many bodies arrive at once.
    Busy,
}

/// A body, and the room that it takes until this is dropped.
#[derive(Debug)]
pub(super) struct ReadBody {
    pub(super) bytes: Bytes,
    pub(super) room: Option<BodyRoom>,
}

/// Room for a body.
#[derive(Debug)]
pub(super) struct BodyRoom(#[expect(dead_code, reason = "it is dropped")] OwnedSemaphorePermit);

/// Reads the bodies of requests.
#[derive(Debug)]
pub(super) struct Bodies {
    limit: usize,
    time: Duration,
    strangers: Arc<Semaphore>,
    senders: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Bodies {
    /// Reads bodies of at most `limit` bytes that arrive within `time`.
    pub(super) fn new(limit: usize, time: Duration) -> Self {
        Self {
            limit,
            time,
            strangers: Arc::new(Semaphore::new(STRANGERS_ROOM as usize)),
            senders: Arc::new(Semaphore::new(SENDERS_ROOM as usize)),
            waiting: Semaphore::new(WAITING),
        }
    }

    /// Reads the body of a delivery to its end. `is_trusted`: from a sender with a valid secret.
    pub(super) async fn read(
        &self,
        request: &Parts,
        body: Body,
        is_trusted: bool,
    ) -> Result<ReadBody, BodyError> {
        self.read_within(request, body, self.limit, self.time, is_trusted)
            .await
    }

    /// Reads a small form of a stranger.
    pub(super) async fn read_form(
        &self,
        request: &Parts,
        body: Body,
        limit: usize,
        time: Duration,
    ) -> Result<ReadBody, BodyError> {
        self.read_within(request, body, limit, time, false).await
    }

    async fn read_within(
        &self,
        request: &Parts,
        mut body: Body,
        limit: usize,
        time: Duration,
        is_trusted: bool,
    ) -> Result<ReadBody, BodyError> {
        let read = self.read_all(&mut body, limit, time, is_trusted).await;
        if let Err(BodyError::TooLarge { .. } | BodyError::Busy) = read
            && self.waiting.available_permits() > 0
        {
            self.drain(request, body).await;
        }
        read
    }

    async fn read_all(
        &self,
        body: &mut Body,
        limit: usize,
        time: Duration,
        is_trusted: bool,
    ) -> Result<ReadBody, BodyError> {
        let announced = body.size_hint().exact();
        let announced = announced.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        let too_large = Err(BodyError::TooLarge { limit });
        if announced.is_some_and(|length| length > limit) {
            return too_large;
        }
        let most = announced.unwrap_or(limit);
        let mut reserving = pin!(self.reserve(most, time, is_trusted));
        let (mut room, mut waiting) = (None, None);
        let mut bytes = BytesMut::new();
        let mut until = Instant::now() + time;
        loop {
            let may_read = room.is_some() || announced.unwrap_or(bytes.len()) <= SMALL;
            tokio::select! {
                biased;
                reserved = &mut reserving, if room.is_none() => {
                    waiting = None;
                    room = Some(reserved.ok_or(BodyError::Busy)?);
                    bytes.reserve(announced.map_or(0, |length| length - bytes.len()));
                    until = Instant::now() + time;
                }
                () = ready(()), if !may_read && !is_trusted && waiting.is_none() => {
                    waiting = Some(self.waiting.try_acquire().map_err(|_| BodyError::Busy)?);
                }
                frame = timeout_at(until, body.frame()), if may_read => {
                    let Some(frame) = frame.map_err(|_| BodyError::Timeout)? else {
                        return Ok(ReadBody { bytes: bytes.freeze(), room });
                    };
                    let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
                        continue;
                    };
                    if data.len() > limit - bytes.len() {
                        return too_large;
                    }
                    // Copied: a piece keeps the whole buffer of its connection.
                    bytes.extend_from_slice(&data);
                }
            }
        }
    }

    /// Takes all the room that a body may need at once: bodies that wait for each other half-way would never finish.
    async fn reserve(&self, length: usize, time: Duration, is_trusted: bool) -> Option<BodyRoom> {
        let (room, all, wait) = if is_trusted {
            (&self.senders, SENDERS_ROOM, time)
        } else {
            (&self.strangers, STRANGERS_ROOM, ROOM_TIMEOUT)
        };
        let units = u32::try_from(length.max(SMALL).div_ceil(UNIT)).unwrap_or(u32::MAX);
        let permit = room.clone().acquire_many_owned(units.min(all));
        timeout(wait, permit).await.ok()?.ok().map(BodyRoom)
    }

    /// Reads and drops the rest of a body that is refused whatever it holds, as long as nobody needs the place of its
    /// connection.
    pub(super) async fn drain(&self, request: &Parts, mut body: Body) {
        OwnConnection::of(request).refuse();
        let dropping = async {
            let mut length = 0;
            while let Some(Ok(frame)) = body.frame().await {
                length += frame.data_ref().map_or(0, Bytes::len);
                if length > DRAINED {
                    break;
                }
            }
        };
        timeout(self.time, dropping).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use http_body_util::channel::{Channel, Sender};

    use super::*;

    const TIME: Duration = Duration::from_secs(30);
    const MEGABYTE: usize = 1024 * 1024;

    fn request() -> Parts {
        axum::extract::Request::new(()).into_parts().0
    }

    async fn read(bodies: &Bodies, body: impl Into<Body>) -> Result<Bytes, BodyError> {
        let read = bodies.read(&request(), body.into(), false).await;
        read.map(|body| body.bytes)
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let bodies = Bodies::new(3, TIME);
        assert_eq!(read(&bodies, "abc").await.unwrap(), "abc");
        let too_large = Err(BodyError::TooLarge { limit: 3 });
        assert_eq!(read(&bodies, "abcd").await, too_large);
        assert_eq!(read(&bodies, Body::empty()).await.unwrap(), "");
        let (mut sender, body) = unannounced();
        sender.send_data("abcd".into()).await.unwrap();
        drop(sender);
        assert_eq!(read(&bodies, body).await, too_large);
    }

    /// A body whose length is not known before its end.
    fn unannounced() -> (Sender<Bytes>, Body) {
        let (sender, body) = Channel::new(4);
        (sender, Body::new(body))
    }

    #[tokio::test]
    async fn a_body_in_pieces_is_put_together() {
        let (mut sender, body) = unannounced();
        let write = async move {
            for piece in ["ab", "c", "de"] {
                let piece = Bytes::from_static(piece.as_bytes());
                sender.send_data(piece).await.unwrap();
            }
        };
        let bodies = Bodies::new(100, TIME);
        let (read, ()) = tokio::join!(read(&bodies, body), write);
        assert_eq!(read.unwrap(), "abcde");
    }

    /// Reads bodies that stall until all the room of their kind is taken, and does something meanwhile.
    async fn while_full(bodies: &Bodies, is_trusted: bool, then: impl Future<Output = ()>) {
        let (room, all) = if is_trusted {
            (&bodies.senders, SENDERS_ROOM)
        } else {
            (&bodies.strangers, STRANGERS_ROOM)
        };
        let request = request();
        let (open, stalled): (Vec<_>, Vec<_>) = (0..all as usize * UNIT / MEGABYTE)
            .map(|_| unannounced())
            .unzip();
        let stalled = stalled
            .into_iter()
            .map(|body| bodies.read(&request, body, is_trusted));
        let then = async {
            while room.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
            then.await;
        };
        tokio::select! {
            biased;
            _ = join_all(stalled) => panic!("they stall"),
            () = then => {}
        }
        drop(open);
    }

    fn large() -> Body {
        Body::from(vec![b'a'; MEGABYTE])
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_leave_room_for_senders_and_for_messages() {
        let bodies = Bodies::new(MEGABYTE, TIME);
        while_full(&bodies, false, async {
            assert_eq!(read(&bodies, large()).await, Err(BodyError::Busy));
            let message = vec![b'a'; SMALL];
            assert_eq!(read(&bodies, message).await.unwrap().len(), SMALL);
            let sent = bodies.read(&request(), large(), true).await.unwrap();
            assert_eq!(sent.bytes.len(), MEGABYTE);
            let too_large = read(&bodies, vec![b'a'; MEGABYTE + 1]).await;
            assert_eq!(too_large, Err(BodyError::TooLarge { limit: MEGABYTE }));
        })
        .await;
        assert_eq!(read(&bodies, large()).await.unwrap().len(), MEGABYTE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_with_the_secret_waits_for_room_instead_of_being_refused() {
        let bodies = Bodies::new(MEGABYTE, TIME);
        while_full(&bodies, true, async {
            assert_eq!(read(&bodies, large()).await.unwrap().len(), MEGABYTE);
            let waiting = timeout(10 * ROOM_TIMEOUT, bodies.read(&request(), large(), true)).await;
            assert!(waiting.is_err(), "it waits");
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn small_bodies_that_stall_take_room_as_well() {
        let bodies = Bodies::new(MEGABYTE, TIME);
        let most = STRANGERS_ROOM as usize * UNIT / SMALL;
        let (_open, stalled): (Vec<_>, Vec<_>) = (0..=most).map(|_| unannounced()).unzip();
        // Their length is not known, so each may become as large as a body may be.
        let ends = join_all(stalled.into_iter().map(|body| read(&bodies, body))).await;
        let busy = ends.iter().filter(|end| **end == Err(BodyError::Busy));
        assert_eq!(busy.count(), most + 1 - most * SMALL / MEGABYTE);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_bodies_of_strangers_wait_for_room() {
        let bodies = Bodies::new(MEGABYTE, TIME);
        while_full(&bodies, false, async {
            let waiting = join_all((0..WAITING).map(|_| read(&bodies, large())));
            let one_more = async {
                while bodies.waiting.available_permits() > 0 {
                    tokio::task::yield_now().await;
                }
                let began = Instant::now();
                assert_eq!(read(&bodies, large()).await, Err(BodyError::Busy));
                assert_eq!(Instant::now(), began, "it does not wait");
            };
            tokio::join!(waiting, one_more);
        })
        .await;
    }

    #[tokio::test]
    async fn a_body_keeps_its_room_until_it_is_dropped() {
        let bodies = Bodies::new(MEGABYTE, TIME);
        let body = bodies.read(&request(), large(), false).await.unwrap();
        let free = bodies.strangers.available_permits();
        assert_eq!(free, STRANGERS_ROOM as usize - MEGABYTE / UNIT);
        drop(body);
        let free = bodies.strangers.available_permits();
        assert_eq!(free, STRANGERS_ROOM as usize);
    }

    #[tokio::test]
    async fn a_body_larger_than_all_the_room_is_read_alone() {
        let length = STRANGERS_ROOM as usize * UNIT + 1;
        let bodies = Bodies::new(length, TIME);
        let body = vec![b'a'; length];
        assert_eq!(read(&bodies, body).await.unwrap().len(), length);
    }
}
