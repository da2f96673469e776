//! Reading bodies: each of bounded size and in bounded time; large ones of strangers together in bounded memory.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// How much of a body beyond the limit is read and dropped: an ordinary client reads the answer only after it has sent.
const DRAINED: usize = 16 * 1024 * 1024;
/// Bodies up to this length need no permit: messages are far shorter, and never wait behind large bodies.
const SMALL: usize = 64 * 1024;
/// How much memory the larger bodies of strangers may take together (or a single one), in units of [`UNIT`].
const ROOM: u32 = 64 * 1024;
const UNIT: usize = 1024;
/// How long a large body waits for room before its sender is asked to come back.
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
    /// Too many large bodies arrive at once.
    Busy,
}

/// Reads the bodies of deliveries.
#[derive(Debug)]
pub(super) struct Bodies {
    limit: usize,
    time: Duration,
    room: Semaphore,
}

impl Bodies {
    /// Reads bodies of at most `limit` bytes that arrive within `time`.
    pub(super) fn new(limit: usize, time: Duration) -> Self {
        Self {
            limit,
            time,
            room: Semaphore::new(ROOM as usize),
        }
    }

    /// Reads a body to its end. A sender with a valid secret (`is_trusted`) needs no permit.
    pub(super) async fn read(&self, body: Body, is_trusted: bool) -> Result<Bytes, BodyError> {
        timeout(self.time, self.read_all(body, is_trusted))
            .await
            .unwrap_or(Err(BodyError::Timeout))
    }

    async fn read_all(&self, mut body: Body, is_trusted: bool) -> Result<Bytes, BodyError> {
        let announced = body.size_hint().exact();
        let mut may_be_large = is_trusted;
        let mut room = None;
        let mut refused = None;
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        let mut length = 0_usize;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
                continue;
            };
            length = length.saturating_add(data.len());
            if length > self.limit.saturating_add(DRAINED) {
                break;
            }
            if length > self.limit {
                refused = Some(BodyError::TooLarge { limit: self.limit });
            } else if length > SMALL && !may_be_large && refused.is_none() {
                room = self.reserve(announced).await;
                may_be_large = room.is_some();
                refused = room.is_none().then_some(BodyError::Busy);
            }
            if refused.is_some() {
                // What is dropped takes no room.
                (room, first, rest) = (None, Bytes::new(), BytesMut::new());
            } else if first.is_empty() && rest.is_empty() {
                first = data; // most bodies come in one piece
            } else {
                rest.extend_from_slice(&std::mem::take(&mut first));
                rest.extend_from_slice(&data);
            }
        }
        drop(room);
        match refused {
            Some(error) => Err(error),
            // Copied: a piece keeps everything in memory that was read ahead with it, which may be far more than
            // itself.
            None if rest.is_empty() => Ok(Bytes::copy_from_slice(&first)),
            None => Ok(rest.freeze()),
        }
    }

    /// Takes all the room that a body may need at once: bodies that wait for each other half-way would never finish.
    async fn reserve(&self, announced: Option<u64>) -> Option<SemaphorePermit<'_>> {
        let length = announced.and_then(|length| usize::try_from(length).ok());
        let length = length.unwrap_or(self.limit).min(self.limit);
        let units = u32::try_from(length.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let room = self.room.acquire_many(units.clamp(1, ROOM));
        timeout(ROOM_TIMEOUT, room).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(30);
    const MEGABYTE: usize = 1024 * 1024;

    async fn read(bodies: &Bodies, body: impl Into<Body>) -> Result<Bytes, BodyError> {
        bodies.read(body.into(), false).await
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let bodies = Bodies::new(3, TIME);
        assert_eq!(read(&bodies, "abc").await.unwrap(), "abc");
        assert_eq!(
            read(&bodies, "abcd").await,
            Err(BodyError::TooLarge {
                limit: bodies.limit
            })
        );
        assert_eq!(read(&bodies, Body::empty()).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_body_in_pieces_is_put_together() {
        let (mut sender, body) = http_body_util::channel::Channel::<Bytes>::new(4);
        let write = async move {
            for piece in ["ab", "c", "de"] {
                let piece = Bytes::from_static(piece.as_bytes());
                sender.send_data(piece).await.unwrap();
            }
        };
        let bodies = Bodies::new(100, TIME);
        let (read, ()) = tokio::join!(read(&bodies, Body::new(body)), write);
        assert_eq!(read.unwrap(), "abcde");
    }

    /// A body that stalls after its beginning.
    async fn stalled(begins_with: usize) -> (Body, impl Sized) {
        let (mut sender, body) = http_body_util::channel::Channel::<Bytes>::new(4);
        sender
            .send_data(vec![b'a'; begins_with].into())
            .await
            .unwrap();
        (Body::new(body), sender)
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_of_strangers_leave_room_for_messages_and_for_senders() {
        let bodies = Bodies::new(MEGABYTE, TIME);
        let mut open = Vec::new();
        let mut reading = futures_util::stream::FuturesUnordered::new();
        for _ in 0..ROOM as usize * UNIT / MEGABYTE {
            let (body, sender) = stalled(SMALL + 1).await;
            open.push(sender);
            reading.push(bodies.read(body, false));
        }
        let large = || Body::from(vec![b'a'; MEGABYTE]);
        let others = async {
            while bodies.room.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(read(&bodies, large()).await, Err(BodyError::Busy));
            let message = vec![b'a'; SMALL];
            assert_eq!(read(&bodies, message).await.unwrap().len(), SMALL);
            assert_eq!(bodies.read(large(), true).await.unwrap().len(), MEGABYTE);
            let too_large = vec![b'a'; MEGABYTE + 1];
            assert_eq!(
                read(&bodies, too_large).await,
                Err(BodyError::TooLarge {
                    limit: bodies.limit
                })
            );
        };
        tokio::select! {
            biased;
            _ = futures_util::StreamExt::collect::<Vec<_>>(&mut reading) => panic!("they stall"),
            () = others => {}
        }
        drop((reading, open));
        assert_eq!(read(&bodies, large()).await.unwrap().len(), MEGABYTE);
    }

    #[tokio::test]
    async fn a_body_larger_than_all_the_room_is_read_alone() {
        let length = ROOM as usize * UNIT + 1;
        let bodies = Bodies::new(length, TIME);
        let body = vec![b'a'; length];
        assert_eq!(read(&bodies, body).await.unwrap().len(), length);
    }
}
