//! Pages of messages that are bounded in bytes as well as in number.
//!
//! Nearly all texts are short, and a page of them is read by one statement. Of a message that is long only the outline
//! comes with it: then those long ones that fit are read whole by a second statement. So what does not fit is never read,
//! whatever its size, and a page without long messages costs nothing more.

use std::collections::HashMap;

use crate::message::Message;

/// How many bytes of texts a page has, unless a single message has more.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Reads messages with a column `size`, the bytes of their texts; what makes a message long is NULL. A condition may
/// follow, in which the columns are whole. In either dialect `octet_length` looks at no text.
pub(super) const SELECT_OUTLINES: &str = "SELECT id, position, channel, direction, kind, external_id, contact_id, \
       sender_id, recipient_id, username, display_name, reply_to, sent_at, sent_at_source, received_at, delivery_id, \
       shape, recovered, size, CASE WHEN size <= 4096 THEN body END AS body, \
       CASE WHEN size <= 4096 THEN attachments END AS attachments, CASE WHEN size <= 4096 THEN payload END AS payload \
     FROM (SELECT *, coalesce(octet_length(body), 0) + coalesce(octet_length(attachments), 0) \
       + coalesce(octet_length(payload), 0) AS size FROM messages) AS messages";

/// Reads how messages begin, for those who show them: long texts are cut, and long attachments and machine-readable parts
/// left out.
pub(super) const SELECT_BEGINNINGS: &str = "SELECT id, position, channel, direction, kind, external_id, contact_id, \
       sender_id, recipient_id, username, display_name, reply_to, sent_at, sent_at_source, received_at, delivery_id, \
       shape, recovered, substr(body, 1, 1000) AS body, \
       CASE WHEN octet_length(attachments) <= 4096 THEN attachments END AS attachments, \
       CASE WHEN octet_length(payload) <= 4096 THEN payload END AS payload \
     FROM messages";

/// What is longer than this, in bytes, is read by itself: as [`SELECT_OUTLINES`] says.
const LONG: usize = 4096;

/// The messages of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// In commit order.
    pub messages: Vec<Message>,
    /// The position at which the page was full, in number or in bytes; what is behind it has not been read. It stands
    /// though a message of the page was deleted while it was read.
    pub cut: Option<i64>,
}

/// The messages that fit in a page, of which the long ones are still to be read whole.
#[derive(Debug)]
pub(super) struct Outline {
    messages: Vec<Message>,
    long: Vec<i64>,
    cut: Option<i64>,
}

impl Outline {
    /// Takes as many as fit, at least one, of the rows of a page that asked for at most `limit`.
    ///
    /// Whether the page is full is decided here and never by counting later: a message that is deleted before it is
    /// read whole must not make a full page look like the last one.
    pub(super) fn of(rows: Vec<(Message, usize)>, limit: u32) -> Self {
        let is_full = rows.len() >= limit as usize;
        let mut outline = Self {
            messages: Vec::with_capacity(rows.len()),
            long: Vec::new(),
            cut: None,
        };
        let mut bytes = 0;
        for (message, size) in rows {
            bytes += size;
            if let Some(last) = outline.messages.last()
                && bytes > PAGE_BYTES
            {
                outline.cut = Some(last.position);
                break;
            }
            if size > LONG {
                outline.long.push(message.position);
            }
            outline.messages.push(message);
        }
        if is_full && outline.cut.is_none() {
            outline.cut = outline.messages.last().map(|last| last.position);
        }
        outline
    }

    /// The positions of the long ones.
    pub(super) fn long(&self) -> &[i64] {
        &self.long
    }

    /// The page, given the long ones. One that is missing was deleted meanwhile.
    pub(super) fn fill(self, long: Vec<Message>) -> Stretch {
        let Self {
            mut messages, cut, ..
        } = self;
        if !self.long.is_empty() {
            let mut whole: HashMap<_, _> = long
                .into_iter()
                .map(|message| (message.position, message))
                .collect();
            let is_long = |message: &Message| self.long.binary_search(&message.position).is_ok();
            messages = messages
                .into_iter()
                .filter_map(|message| {
                    if is_long(&message) {
                        whole.remove(&message.position)
                    } else {
                        Some(message)
                    }
                })
                .collect();
        }
        Stretch { messages, cut }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::message::{Channel, Direction, Kind, SentAtSource, Shape};

    fn message(position: i64, text: Option<&str>) -> Message {
        Message {
            id: Uuid::nil(),
            position,
            channel: Channel::Instagram,
            direction: Direction::Inbound,
            kind: Kind::Text,
            external_id: None,
            contact_id: "1".to_owned(),
            sender_id: None,
            recipient_id: None,
            username: None,
            display_name: None,
            text: text.map(str::to_owned),
            attachments: Vec::new(),
            reply_to: None,
            payload: None,
            sent_at: jiff::Timestamp::UNIX_EPOCH,
            sent_at_source: SentAtSource::Arrival,
            received_at: jiff::Timestamp::UNIX_EPOCH,
            delivery_id: Uuid::nil(),
            shape: Shape::Flat,
            recovered: false,
        }
    }

    fn of(sizes: &[usize]) -> Outline {
        let rows = (1..).zip(sizes);
        Outline::of(
            rows.map(|(position, size)| (message(position, None), *size))
                .collect(),
            5,
        )
    }

    #[test]
    fn a_page_is_bounded_in_number_and_in_bytes_but_never_empty() {
        const MIB: usize = 1024 * 1024;
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
            let outline = of(sizes);
            assert_eq!(
                (outline.messages.len(), outline.cut),
                (count, cut),
                "{sizes:?}"
            );
        }
    }

    #[test]
    fn the_long_ones_come_whole_and_in_their_place() {
        let outline = of(&[LONG, LONG + 1, LONG + 1, 0]);
        assert_eq!(outline.long(), [2, 3]);
        let page = outline.fill(vec![message(3, Some("long"))]);
        assert_eq!(
            page.messages,
            [message(1, None), message(3, Some("long")), message(4, None)]
        );
    }
}
