//! How much memory a delivery takes while it waits: its body and headers, and what was read from them, which can be far
//! more.

use crate::delivery::{Delivery, Item, Record};
use crate::message::Draft;
use crate::normalize::{MAX_ITEMS, max_text_bytes};

/// The memory of an item beside its texts: itself, and what the allocator adds to short ones.
const ITEM: usize = size_of::<Item>() + size_of::<Draft>() + 200;
/// The shortest item is a digit and a comma in a list.
const SHORTEST_ITEM: usize = 2;
/// The longest reason for which an item is not stored.
const REASON: usize = 1024;
/// How often an item repeats something of its delivery, at most.
const REPEATED: usize = 4;

/// An upper bound on the memory of a delivery, in bytes, before it is parsed. `unpacked` is the size of its decoded
/// body, or a bound on that.
pub fn most_memory(delivery: &Delivery, unpacked: usize) -> usize {
    let size = delivery.size();
    let items = (unpacked / SHORTEST_ITEM).clamp(1, MAX_ITEMS) + 1;
    // A small body, or few items, cannot repeat much.
    let texts = REPEATED.saturating_mul(size.saturating_add(unpacked));
    let texts = items.saturating_mul(texts.saturating_add(REASON));
    size.saturating_add(unpacked)
        .saturating_add(items * ITEM + REASON)
        .saturating_add(texts.min(max_text_bytes(unpacked)))
}

/// The memory of a delivery once it is parsed, in bytes.
pub(crate) fn of(record: &Record) -> usize {
    let items = record.items.iter().map(|item| ITEM + item.text_bytes());
    record.delivery.size() + items.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::normalize::Normalizer;

    fn delivery(body: Vec<u8>, header: Option<(&str, &str)>) -> Delivery {
        let headers = header.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Delivery {
            headers: headers.into_iter().collect(),
            ..Delivery::example(body)
        }
    }

    #[test]
    fn a_parsed_delivery_never_takes_more_than_was_reserved() {
        let message = r#"{"contact_id":"1","text":"a"}"#;
        let many = format!("[{}]", vec![message; 20_000].join(","));
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        zip.write_all(many.as_bytes()).unwrap();
        let zipped = zip.finish().unwrap();
        let unpacked = many.len();
        let of_one = of_one_person(500, 10_000);
        let user = "1".repeat(500);
        let bodies = [
            (message.to_owned().into_bytes(), None),
            (b"1".to_vec(), None),
            (b"1".to_vec(), Some(("x-user-id", &user[..]))),
            (
                format!("[{}]", vec![r#"{"text":"a"}"#; 9_000].join(",")).into(),
                Some(("x-user-id", &user)),
            ),
            (format!("[{}]", vec!["1"; 20_000].join(",")).into(), None),
            (many.into_bytes(), None),
            (zipped, Some(("content-encoding", "gzip"))),
            (of_one_person(10, 3).into_bytes(), None),
            (of_one.into_bytes(), None),
        ];
        for (body, header) in bodies {
            let delivery = delivery(body, header);
            let zipped = delivery.header("content-encoding").is_some();
            let unpacked = if zipped {
                unpacked
            } else {
                delivery.body.len()
            };
            let most = most_memory(&delivery, unpacked);
            let weight = of(&Normalizer::default().to_record(delivery));
            assert!(weight <= most, "{weight} > {most}");
        }
    }

    /// Messages of one person with many long ids, each only once in the body.
    fn of_one_person(length: usize, messages: usize) -> String {
        let ids = (0..20).map(|number| {
            let (key, id) = ("_".repeat(number), format!("{number:0length$}"));
            format!(r#""phone{key}":"{id}","#)
        });
        let messages = vec![r#"{"text":"a"}"#; messages].join(",");
        format!("{{{}\"messages\":[{messages}]}}", ids.collect::<String>())
    }

    #[test]
    fn what_items_repeat_of_their_person_is_counted_and_limited() {
        let little = Normalizer::default().to_record(delivery(of_one_person(500, 10).into(), None));
        assert_eq!(little.items.len(), 10);
        assert!(of(&little) > 10 * 16 * 500, "{}", of(&little));
        let body = of_one_person(500, 10_000);
        let much = Normalizer::default().to_record(delivery(body.into(), None));
        assert!(of(&much) < 16 * 1024 * 1024, "{}", of(&much));
        let Some(Item::Quarantined { reason, .. }) = much.items.last() else {
            panic!("the rest is lost silently")
        };
        assert!(reason.text.contains("repeat too much"), "{}", reason.text);
    }

    #[test]
    fn headers_weigh() {
        let long = "x".repeat(50_000);
        let mut delivery = delivery(b"1".to_vec(), Some(("content-type", &long)));
        delivery.content_type = Some(long);
        assert!(of(&Normalizer::default().to_record(delivery)) > 100_000);
    }

    #[test]
    fn no_single_delivery_reserves_all_the_room() {
        let bomb = delivery(vec![0; 2_000], Some(("content-encoding", "gzip")));
        assert!(most_memory(&bomb, 1024 * 1024) < 32 * 1024 * 1024);
        let plain = delivery(vec![b'1'; 55_000], Some(("content-encoding", "identity")));
        assert!(most_memory(&plain, 55_000) < 32 * 1024 * 1024);
        let message = delivery(vec![b'1'; 500], None);
        assert!(most_memory(&message, 500) < 2 * 1024 * 1024);
    }

    #[test]
    fn items_weigh_although_their_body_is_short() {
        let body = format!("[{}]", vec!["1"; 9_000].join(","));
        assert!(
            of(&Normalizer::default().to_record(delivery(body.into(), None)))
                > 9_000 * size_of::<Item>()
        );
    }
}
