//! Collects the items of one delivery, in bounded number and size.

use super::classify;
use super::extracted::{Context, Extracted};
use crate::delivery::{Item, ReasonCode};
use crate::message::Shape;

/// One delivery has no more items than this; Meta sends at most 1000.
pub(crate) const MAX_ITEMS: usize = 10_000;
/// How many bytes the items of one delivery may copy from the data around them, such as the ids of the person a list of
/// messages is about. A hundred messages of one person take a few kilobytes of it.
const MAX_INHERITED_BYTES: usize = 8 * 1024 * 1024;
/// How many bytes an item may hold for each byte of its own: an id is kept as that of the contact and as that of the
/// sender, and a byte that is not text becomes three.
const COPIES_OF_OWN_BYTE: usize = 4;

/// How many bytes of text the items of a body of this length hold at most.
pub(crate) fn max_text_bytes(body: usize) -> usize {
    body.saturating_mul(COPIES_OF_OWN_BYTE)
        .saturating_add(MAX_INHERITED_BYTES)
}

/// The items found so far.
pub(super) struct Items<'c> {
    context: &'c Context,
    list: Vec<Item>,
    shape: Option<Shape>,
    is_cut: bool,
    /// How many more bytes of text the items may hold.
    room: usize,
}

impl<'c> Items<'c> {
    /// For a body of this length.
    pub(super) fn new(context: &'c Context, body: usize) -> Self {
        Self {
            context,
            list: Vec::new(),
            shape: None,
            is_cut: false,
            room: max_text_bytes(body),
        }
    }

    /// The shape of the whole and its items, of which there is at least one.
    pub(super) fn finish(mut self) -> (Shape, Vec<Item>) {
        if self.is_cut {
            let text = if self.list.len() < MAX_ITEMS {
                "the items of one delivery repeat too much of the data around them: the rest is only in the raw body; send smaller lists"
            } else {
                "more than 10000 items in one delivery: the rest is only in the raw body; send smaller lists"
            };
            self.list.push(classify::not_understood(text));
        }
        if self.list.is_empty() {
            self.list.push(classify::nothing_understood());
        }
        (self.shape.unwrap_or(Shape::Unknown), self.list)
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn context(&self) -> &'c Context {
        self.context
    }

    /// Whether no more items are taken. Call it only when there is one more: a full list then counts as cut.
    pub(super) fn is_full(&mut self) -> bool {
        self.is_cut |= self.list.len() >= MAX_ITEMS;
        self.is_cut
    }

    /// Whether items were left out.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Adds an item. The first shape that was understood is the delivery's.
    pub(super) fn push(&mut self, shape: Shape, item: Item) {
        if self.is_full() {
            return;
        }
        let Some(room) = self.room.checked_sub(item.text_bytes()) else {
            self.is_cut = true;
            return;
        };
        self.room = room;
        let is_understood = match &item {
            Item::Quarantined { reason, .. } => reason.code != ReasonCode::NothingUnderstood,
            _ => true,
        };
        if is_understood || shape != Shape::Flat {
            self.shape.get_or_insert(shape);
        }
        self.list.push(item);
    }

    /// Classifies and adds an item.
    pub(super) fn classify(&mut self, extracted: Extracted) {
        let shape = extracted.shape;
        self.push(shape, classify::classify(extracted, self.context));
    }
}
