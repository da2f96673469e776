//! Bodies that must never hurt (`docs/chatrace.md`, section 9).

use std::io::Write;
use std::time::{Duration, Instant};

use chatrace_webhook::delivery::{Item, ReasonCode};
use chatrace_webhook::normalize::{Normalizer, readable_text};
use serde_json::json;

use super::{delivery, message, read, refusal};

#[test]
fn valid_json_is_never_a_defect() {
    let deep = "[".repeat(20_000) + &"]".repeat(20_000);
    let deep_objects = "{\"data\":".repeat(120) + "1" + &"}".repeat(120);
    for body in [
        "null",
        "true",
        "\"text\"",
        "[]",
        "{}",
        "[[]]",
        deep.as_str(),
        deep_objects.as_str(),
        r#"{"$serde_json::private::Number":"x"}"#,
        r#"{"$serde_json::private::Number":"1"}"#,
        r#"{"text":"\ud800"}"#,
        "1e999999999",
        "[1e-999999999]",
        "\u{feff}{}",
    ] {
        let reading = read(body.to_owned());
        assert_eq!(reading.defect, None, "{body:.40}");
        assert!(
            matches!(reading.items[0], Item::Quarantined { .. }),
            "{body:.40}"
        );
    }
}

#[test]
fn an_unreadable_body_has_a_defect_with_its_place() {
    for body in [
        "",
        "hello",
        "{\"text\":\"hi\"",
        "<xml/>",
        "{\"a\":1}{\"b\":2}",
        "\0\0",
    ] {
        let reading = read(body.to_owned());
        let defect = reading.defect.unwrap();
        assert!(defect.line >= 1, "{body}");
        let [Item::Quarantined { reason, .. }] = &reading.items[..] else {
            panic!()
        };
        assert_eq!(reason.code, ReasonCode::Unreadable);
        assert!(reason.text.contains(&defect.to_string()));
    }
}

#[test]
fn a_customers_quote_is_recovered_and_two_readings_are_not() {
    let draft = message(
        "{\"contact_id\":\"1\",\"text\":\"he said \"hi\"\nand left\",\"channel\":\"instagram\"}",
    );
    assert_eq!(draft.text.as_deref(), Some("he said \"hi\"\nand left"));
    assert!(draft.recovered);
    let (is_ignored, code, ..) =
        refusal(r#"{"contact_id":"1","text":"a "b" ","text":"c","channel":"instagram"}"#);
    assert_eq!((is_ignored, code), (false, ReasonCode::Unreadable));
}

#[test]
fn nul_and_lone_surrogates_become_replacement_characters() {
    let draft = message(r#"{"contact_id":"1\u0000","text":"a\u0000b\ud800c😀"}"#);
    assert_eq!(draft.text.as_deref(), Some("a\u{fffd}b\u{fffd}c😀"));
    assert!(!draft.contact_id.contains('\0') && !draft.recovered);
}

#[test]
fn long_text_and_foreign_scripts_come_out_as_they_went_in() {
    for text in ["שלום \u{202e}עולם", "👩‍👩‍👧‍👦", &"ä".repeat(50_000)] {
        let draft = message(json!({"contact_id": 1, "text": text}).to_string());
        assert_eq!(draft.text.as_deref(), Some(text));
    }
}

#[test]
fn a_known_key_that_comes_twice_with_two_values_is_not_guessed_at() {
    for body in [
        r#"{"contact_id":1,"text":"a","text":"b"}"#,
        r#"{"contact_id":1,"text":"a","contact_id":2,"text":"b"}"#,
        r#"{"contact_id":1,"message":{"text":"a","text":"b"}}"#,
    ] {
        let items = read(body.to_owned()).items;
        let [Item::Quarantined { reason, contact }] = &items[..] else {
            panic!("{body}: {items:?}")
        };
        assert_eq!(reason.code, ReasonCode::Ambiguous, "{body}");
        assert!(reason.text.contains("stands twice"), "{}", reason.text);
        assert_eq!(*contact, None, "{body}");
    }
    let list = r#"[{"contact_id":1,"text":"a","text":"b"},{"contact_id":2,"text":"c"}]"#;
    let items = read(list.to_owned()).items;
    assert!(
        matches!(&items[..], [Item::Quarantined { .. }, Item::Message(_)]),
        "{items:?}"
    );
    for harmless in [
        r#"{"contact_id":1,"text":"a","text":"a"}"#,
        r#"{"contact_id":1,"x":"1","x":"2","text":"a"}"#,
    ] {
        assert_eq!(message(harmless).text.as_deref(), Some("a"));
    }
}

#[test]
fn a_compressed_body_is_decoded_and_a_falsely_declared_one_is_read_as_it_is() {
    let plain = br#"{"contact_id":1,"text":"hi"}"#;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    for body in [encoder.finish().unwrap(), plain.to_vec()] {
        let mut delivery = delivery(body);
        delivery.headers = vec![("content-encoding".to_owned(), "gzip".to_owned())];
        assert!(matches!(
            Normalizer::default().normalize(&delivery).items[..],
            [Item::Message(_)]
        ));
        assert_eq!(readable_text(&delivery).as_bytes(), plain);
    }
}

#[test]
fn a_query_is_never_decoded() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"contact_id=1&text=hi").unwrap();
    let mut delivery = delivery(encoder.finish().unwrap());
    delivery.headers = vec![("content-encoding".to_owned(), "gzip".to_owned())];
    delivery.is_query = true;
    let reading = Normalizer::default().normalize(&delivery);
    assert!(
        matches!(reading.items[..], [Item::Quarantined { .. }]),
        "{reading:?}"
    );
}

#[test]
fn a_body_that_does_not_decode_says_so() {
    let mut delivery = delivery(&b"\x1f\x8b\x08 broken"[..]);
    delivery.headers = vec![("content-encoding".to_owned(), "gzip".to_owned())];
    let defect = Normalizer::default().normalize(&delivery).defect.unwrap();
    assert!(
        defect.cause.starts_with("the body does not decode"),
        "{defect}"
    );
}

#[test]
fn too_many_items_are_cut_with_a_reason() {
    let reading = read(json!(vec![json!({"contact_id": 1, "text": "hi"}); 10_001]).to_string());
    assert_eq!(reading.items.len(), 10_001);
    let Some(Item::Quarantined { reason, .. }) = reading.items.last() else {
        panic!()
    };
    assert!(reason.text.contains("more than 10000"));
    let full = read(json!(vec![json!({"contact_id": 1, "text": "hi"}); 10_000]).to_string());
    assert!(
        full.items
            .iter()
            .all(|item| matches!(item, Item::Message(_)))
    );
}

#[test]
fn a_mebibyte_of_anything_is_read_in_linear_time() {
    let size = 1 << 20;
    for piece in [
        "[",
        "{\"data\":[",
        "{\"a\":\"",
        "\"",
        "\\",
        "\\u",
        "a=b&",
        "a[b]=c&",
        "--a\n",
        "-",
        "{\"text\":\"a\"b",
        "[{}],",
        "{\"text\":\"a\",",
        "\",\"text\":\"",
        " ",
        "\n(",
        "\u{feff}",
        "{{",
        "&=",
        "%7B",
    ] {
        for start in ["", "{\"contact_id\":\"1\",\"text\":\"", "["] {
            let body = start.to_owned() + &piece.repeat(size / piece.len());
            let begun = Instant::now();
            read(body);
            assert!(begun.elapsed() < Duration::from_mins(1), "{start}{piece}");
        }
    }
    let list = |item: &str| {
        format!(
            "[{}{item}]",
            format!("{item},").repeat(size / (item.len() + 1) - 1)
        )
    };
    for item in [
        "{}",
        "[]",
        "0",
        r#"{"message":"[{}]"}"#,
        r#"{"text":"a","from":1}"#,
        r#"{"entry":[{}]}"#,
    ] {
        let begun = Instant::now();
        read(list(item));
        read(format!(r#"{{"contact_id":1,"messages":{}}}"#, list(item)));
        read(format!(
            r#"{{"entry":[{{"messaging":{0},"changes":{0}}}]}}"#,
            list(item)
        ));
        assert!(begun.elapsed() < Duration::from_mins(1), "{item}");
    }
}
