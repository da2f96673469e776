//! The body of a delivery without its content encoding, so that it is decoded once.

use std::borrow::Cow;

use super::encoding::{self, DecodeError};
use super::tree;
use crate::delivery::Delivery;

/// A body without its content encoding. If it is not what its header says: the body as it came, and why.
#[derive(Debug)]
pub struct DecodedBody<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) error: Option<DecodeError>,
}

impl<'a> DecodedBody<'a> {
    /// Decodes the body of a delivery, up to `limit` bytes. The limit is for what unpacks: a body as it came was taken
    /// already.
    pub fn of(delivery: &'a Delivery, limit: usize) -> Self {
        let limit = limit.max(delivery.body.len());
        match encoding::decode(&delivery.body, declared(delivery), limit) {
            Ok(bytes) => Self { bytes, error: None },
            Err(error) => Self {
                bytes: Cow::Borrowed(&delivery.body),
                error: Some(error),
            },
        }
    }

    /// How many bytes it can have at most, before it is decoded.
    pub fn longest(delivery: &Delivery, limit: usize) -> usize {
        encoding::longest(delivery.body.len(), declared(delivery), limit)
    }

    /// Whether it has more bytes than the limit.
    pub fn is_too_large(&self) -> bool {
        self.error == Some(DecodeError::TooLarge)
    }

    /// The body as text for people, with U+FFFD for what is not text.
    pub fn readable_text(&self, delivery: &Delivery) -> String {
        let content_type = delivery.content_type.as_deref().unwrap_or_default();
        tree::to_text(&self.bytes, &content_type.to_ascii_lowercase())
            .0
            .into_owned()
    }
}

/// The content encoding. What a header says of the body says nothing of a query.
fn declared(delivery: &Delivery) -> Option<&str> {
    delivery
        .header("content-encoding")
        .filter(|_| !delivery.is_query)
}
