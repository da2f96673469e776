//! Reading bodies: of bounded size, in bounded time, and all of them together in bounded memory.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// How much more than allowed is read and thrown away: an ordinary client reads the refusal only after it has sent.
const DRAINED: usize = 16 * 1024 * 1024;
/// Up to this length a body needs no leave: messages are far shorter, and never wait behind large ones.
const SMALL: usize = 64 * 1024;
/// How many bytes of larger bodies are held at once, or one body, in units of [`UNIT`].
const ROOM: u32 = 64 * 1024;
const UNIT: usize = 1024;
/// How long a large body waits for room before its sender is told to come back.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    TooLarge,
    Timeout,
    /// The client went away.
    Broken,
    /// Too many large bodies come in at once.
    Busy,
}

/// Reads the bodies of deliveries.
#[derive(Debug)]
pub(super) struct Bodies {
    limit: usize,
    time: Duration,
    room: Semaphore,
}

/// A body, and the room that it takes until this is dropped.
#[derive(Debug)]
pub(super) struct Whole<'a> {
    pub(super) bytes: Bytes,
    _room: Option<SemaphorePermit<'a>>,
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

    /// Reads a body to its end.
    pub(super) async fn read(&self, body: Body) -> Result<Whole<'_>, BodyError> {
        timeout(self.time, self.read_all(body))
            .await
            .unwrap_or(Err(BodyError::Timeout))
    }

    async fn read_all(&self, mut body: Body) -> Result<Whole<'_>, BodyError> {
        let mut room = None;
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        let mut length = 0_usize;
        let mut busy = false;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
                continue;
            };
            length = length.saturating_add(data.len());
            if length > self.limit.saturating_add(DRAINED) {
                break;
            }
            if length > SMALL && room.is_none() && !busy {
                room = self.enter().await;
                busy = room.is_none();
            }
            if busy || length > self.limit {
                first = Bytes::new();
                rest = BytesMut::new();
            } else if first.is_empty() {
                first = data; // most bodies come in one piece and are not copied
            } else {
                rest.extend_from_slice(&data);
            }
        }
        if length > self.limit {
            return Err(BodyError::TooLarge);
        }
        if busy {
            return Err(BodyError::Busy);
        }
        let bytes = if rest.is_empty() {
            first
        } else {
            [first, rest.freeze()].concat().into()
        };
        Ok(Whole { bytes, _room: room })
    }

    /// Takes all the room that a body may come to need, at once: bodies that wait for each other in the middle would
    /// never come to an end.
    async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        let units = u32::try_from(self.limit.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let room = self.room.acquire_many(units.clamp(1, ROOM));
        timeout(PATIENCE, room).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(30);
    const MEGABYTE: usize = 1024 * 1024;

    async fn read(bodies: &Bodies, body: impl Into<Body>) -> Result<Bytes, BodyError> {
        bodies.read(body.into()).await.map(|whole| whole.bytes)
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let bodies = Bodies::new(3, TIME);
        assert_eq!(read(&bodies, "abc").await.unwrap(), "abc");
        assert_eq!(read(&bodies, "abcd").await, Err(BodyError::TooLarge));
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

    #[tokio::test(start_paused = true)]
    async fn large_bodies_leave_room_for_messages_and_come_back() {
        let bodies = Bodies::new(MEGABYTE, TIME);
        let mut held = Vec::new();
        for _ in 0..ROOM as usize * UNIT / MEGABYTE {
            let large = vec![b'a'; SMALL + 1];
            held.push(bodies.read(large.into()).await.unwrap());
        }
        let large = || vec![b'a'; MEGABYTE];
        assert_eq!(read(&bodies, large()).await, Err(BodyError::Busy));
        let message = vec![b'a'; SMALL];
        assert_eq!(read(&bodies, message).await.unwrap().len(), SMALL);
        held.pop();
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
