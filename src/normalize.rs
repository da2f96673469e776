//! Bytes to items. (Under construction: replaced by the real one.)
use crate::delivery::{Delivery, Item, Reason, ReasonCode};
use crate::message::Shape;

/// What a body says.
#[derive(Debug)]
pub struct Reading {
    /// The form.
    pub shape: Shape,
    /// The items.
    pub items: Vec<Item>,
    /// Why the body is no JSON.
    pub defect: Option<Defect>,
}

/// Where and why a body is not readable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// Why.
    pub cause: String,
}

impl std::fmt::Display for Defect {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "line {}, column {}: {}",
            self.line, self.column, self.cause
        )
    }
}

/// Reads a delivery.
pub fn normalize(_delivery: &Delivery) -> Reading {
    Reading {
        shape: Shape::Unknown,
        items: vec![Item::Quarantined {
            reason: Reason::new(ReasonCode::NothingUnderstood, "x"),
            contact: None,
        }],
        defect: None,
    }
}

/// The body as text.
pub fn readable_text(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.body).into_owned()
}

/// Compression.
pub mod encoding {
    use std::borrow::Cow;
    /// Why bytes cannot be decoded.
    #[derive(Debug, thiserror::Error)]
    pub enum DecodeError {
        /// Too large.
        #[error("too large")]
        TooLarge,
        /// Corrupt.
        #[error("corrupt: {0}")]
        Corrupt(String),
        /// Unknown.
        #[error("unsupported: {0}")]
        Unsupported(String),
    }
    /// Decodes.
    #[expect(clippy::missing_errors_doc, reason = "stub")]
    pub fn decode<'a>(
        body: &'a [u8],
        _encoding: Option<&str>,
        _limit: usize,
    ) -> Result<Cow<'a, [u8]>, DecodeError> {
        Ok(Cow::Borrowed(body))
    }
}
