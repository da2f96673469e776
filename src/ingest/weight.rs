//! How much memory a delivery takes while it waits: its body, and what was read of it, which can be far more.

use crate::delivery::{Delivery, Item, Record};
use crate::message::Draft;
use crate::normalize::MAX_ITEMS;

/// What an item takes beside its text: itself, and short texts such as ids and names.
const ITEM: usize = size_of::<Item>() + size_of::<Draft>() + 200;
/// The shortest item is a digit and a comma in a list.
const SHORTEST_ITEM: usize = 2;
/// How many times longer than itself a compressed body can be, at most:
/// <https://www.zlib.net/zlib_tech.html>
const COMPRESSION: usize = 1032;

/// The most that a delivery can take, before it is read.
pub(super) fn at_most(delivery: &Delivery) -> usize {
    let body = delivery.body.len();
    let text = match delivery.header("content-encoding") {
        Some(_) => body.saturating_mul(COMPRESSION),
        None => body,
    };
    let items = (text / SHORTEST_ITEM).clamp(1, MAX_ITEMS + 1);
    body.saturating_add(text).saturating_add(items * ITEM)
}

/// What a delivery takes once it is read.
pub(super) fn of(record: &Record) -> usize {
    let items = record.items.iter().map(|item| match item {
        Item::Message(draft) => ITEM + draft.text.as_ref().map_or(0, String::len),
        _ => ITEM,
    });
    record.delivery.body.len() + items.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::ingest::read;

    fn delivery(body: Vec<u8>, encoding: Option<&str>) -> Delivery {
        let headers = encoding.map(|encoding| ("content-encoding".to_owned(), encoding.to_owned()));
        Delivery {
            id: uuid::Uuid::now_v7(),
            received_at: jiff::Timestamp::now(),
            method: "POST".to_owned(),
            content_type: None,
            headers: headers.into_iter().collect(),
            body: body.into(),
            is_query: false,
        }
    }

    #[test]
    fn what_is_read_never_takes_more_than_was_made_room_for() {
        let message = r#"{"contact_id":"1","text":"a"}"#;
        let many = format!("[{}]", vec![message; 20_000].join(","));
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        zip.write_all(many.as_bytes()).unwrap();
        let zipped = zip.finish().unwrap();
        let bodies = [
            (message.to_owned().into_bytes(), None),
            (b"1".to_vec(), None),
            (format!("[{}]", vec!["1"; 20_000].join(",")).into(), None),
            (many.into_bytes(), None),
            (zipped, Some("gzip")),
        ];
        for (body, encoding) in bodies {
            let delivery = delivery(body, encoding);
            let most = at_most(&delivery);
            let weight = of(&read(delivery));
            assert!(weight <= most, "{weight} > {most}");
        }
    }

    #[test]
    fn items_weigh_although_their_body_is_short() {
        let body = format!("[{}]", vec!["1"; 9_000].join(","));
        assert!(of(&read(delivery(body.into(), None))) > 9_000 * size_of::<Item>());
    }
}
