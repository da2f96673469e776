//! Properties of the open set: a new combination of known keys works without new code.

use bytes::Bytes;
use chatrace_webhook::delivery::Item;
use chatrace_webhook::message::Draft;
use chatrace_webhook::normalize::{Normalizer, readable_text};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{delivery, message, read};

const SENDERS: &[&str] = &[
    "sender_id",
    "user_id",
    "contact_id",
    "ms_id",
    "subscriber_id",
    "from_id",
    "from",
    "chatfuel_user_id",
    "bothelp_user_id",
    "user_ns",
    "cuid",
    "ig_id",
    "external_id",
    "user_external_id",
    "messenger_user_id",
    "session_id",
    "phone",
    "contact_phone",
    "user_phone",
    "whatsapp",
    "from/id",
    "sender/id",
    "user/id",
    "contact/id",
    "data/contact_id",
    "data/user_id",
    "message/from/id",
    "user/contact_id",
    "sender/phone",
];

const TEXTS: &[&str] = &[
    "text",
    "message",
    "content",
    "body",
    "mensaje",
    "last_input",
    "last_text_input",
    "last_message",
    "last_msg",
    "caption",
    "last_input_text",
    "last_text",
    "message_text",
    "last_user_freeform_input",
    "message/text",
    "message/content",
    "message/body",
    "data/message",
    "data/text",
    "user/last_message",
    "contact/last_message",
    "text/body",
];

/// How many ways owners and platforms spell a key of several words.
const SPELLINGS: usize = 6;

fn spell(key: &str, spelling: usize) -> String {
    let words: Vec<&str> = key.split('_').collect();
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    match spelling {
        0 => words.join("_"),
        1 => words.join("-"),
        2 => words.join(" "),
        3 => {
            words[0].to_owned()
                + &words[1..]
                    .iter()
                    .map(|word| capital(word))
                    .collect::<String>()
        }
        4 => words.iter().map(|word| capital(word)).collect(),
        _ => words.join("_").to_uppercase(),
    }
}

/// Puts a value at a path like `message/text`.
fn put(map: &mut Map<String, Value>, path: &str, spelling: usize, value: Value) {
    match path.split_once('/') {
        None => {
            map.insert(spell(path, spelling), value);
        }
        Some((place, rest)) => {
            let inner = map
                .entry(spell(place, spelling))
                .or_insert_with(|| json!({}));
            put(inner.as_object_mut().unwrap(), rest, spelling, value);
        }
    }
}

/// Whether both can be in one object: `message` cannot be a text and an object.
fn fit(sender: &str, text: &str) -> bool {
    match (sender.split_once('/'), text.split_once('/')) {
        (None, None) | (Some(_), Some(_)) => true,
        (Some((place, _)), None) => place != text,
        (None, Some((place, _))) => place != sender,
    }
}

fn wrap(body: Value, wrapper: usize) -> Value {
    match wrapper {
        0 => body,
        1 => json!([body]),
        2 => json!({ "messages": [body] }),
        3 => json!({ "data": body }),
        4 => json!({ "sample": body }),
        5 => json!({ "data": [body] }),
        6 => json!({ "data": { "messages": [body] } }),
        7 => json!([[{ "sample": { "data": body } }]]),
        8 => json!({ "messages": body }),
        9 => Value::String(body.to_string()),
        10 => json!({ "data": body.to_string() }),
        _ => json!({ "messages": Value::Array(vec![body]).to_string() }),
    }
}

fn flatten(prefix: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}[{key}]")
                };
                flatten(&key, value, pairs);
            }
        }
        Value::String(text) => pairs.push((prefix.to_owned(), text.clone())),
        other => pairs.push((prefix.to_owned(), other.to_string())),
    }
}

fn as_form(body: &Value) -> String {
    let mut pairs = Vec::new();
    flatten("", body, &mut pairs);
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// What customers write, except blanks, placeholders and JSON.
fn words() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9é😀א\"\\\\ \n:,&=+%]{1,24}".prop_filter("not blank", |text| !text.trim().is_empty())
}

fn any_json() -> impl Strategy<Value = Value> {
    let keys: Vec<&'static str> = SENDERS
        .iter()
        .chain(TEXTS)
        .flat_map(|path| path.split('/'))
        .chain([
            "entry",
            "messaging",
            "standby",
            "changes",
            "field",
            "value",
            "object",
            "messages",
            "data",
            "sample",
            "event",
            "chat_history",
            "role",
            "custom_fields",
            "page_id",
            "id",
            "mid",
            "timestamp",
            "time",
            "reaction",
            "postback",
            "payload",
            "attachments",
            "media",
            "url",
            "type",
            "is_echo",
            "dir",
            "title",
            "info",
            "bot",
            "service",
            "recipient",
            "message_edit",
            "read",
            "referral",
            "reply_to",
            "messaging_product",
            "statuses",
        ])
        .collect();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("a\u{0}b")),
        Just(json!("{{last_input}}")),
        Just(json!("User (2026-07-9 2:56pm): hi")),
        Just(json!("https://a.test/x.jpg")),
        Just(json!("[{\"text\":\"hi\"}]")),
        Just(json!("comments")),
    ];
    leaf.prop_recursive(5, 48, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(keys.clone()), inner), 0..6).prop_map(
                |pairs| {
                    let pairs = pairs
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value));
                    Value::Object(pairs.collect())
                }
            ),
        ]
    })
}

/// Checks what must hold for every body.
fn assert_sound(body: &[u8]) {
    let mut delivery = delivery(Bytes::copy_from_slice(body));
    delivery.headers = vec![("x-user-id".to_owned(), "777".to_owned())];
    let reading = Normalizer::default().normalize(&delivery);
    assert_eq!(
        reading,
        Normalizer::default().normalize(&delivery),
        "the same again"
    );
    assert!(!reading.items.is_empty());
    for item in &reading.items {
        if let Item::Message(draft) = item {
            let texts = [
                &draft.external_id,
                &draft.sender_id,
                &draft.recipient_id,
                &draft.username,
                &draft.display_name,
                &draft.text,
                &draft.reply_to,
                &draft.payload,
            ];
            let files = draft.attachments.iter();
            let all: Vec<&String> = texts
                .into_iter()
                .flatten()
                .chain([&draft.contact_id])
                .chain(&draft.aliases)
                .chain(
                    files
                        .flat_map(|file| [Some(&file.kind), file.url.as_ref()])
                        .flatten(),
                )
                .collect();
            assert!(all.iter().all(|text| !text.contains('\0')));
            for id in [Some(&draft.contact_id), draft.external_id.as_ref()]
                .into_iter()
                .flatten()
            {
                assert!(!id.trim().is_empty() && id.chars().count() <= 512);
            }
        }
    }
    assert_eq!(
        reading.defect.is_none(),
        !matches!(&reading.items[..], [Item::Quarantined { reason, .. }]
            if reason.code == chatrace_webhook::delivery::ReasonCode::Unreadable)
    );
    readable_text(&delivery);
    delivery.is_query = true;
    assert!(!Normalizer::default().normalize(&delivery).items.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_fields_are_the_same_message_under_any_name_and_wrapper(
        sender in prop::sample::select(SENDERS),
        text in prop::sample::select(TEXTS),
        spelling in 0..SPELLINGS,
        wrapper in 0..12_usize,
        id in 10_000_000_000_000_000_u64..99_999_999_999_999_999,
        is_number in any::<bool>(),
        words in words(),
    ) {
        prop_assume!(fit(sender, text));
        let expected: Draft =
            message(json!({"contact_id": id.to_string(), "text": words}).to_string());
        prop_assert_eq!(&expected.contact_id, &id.to_string());
        prop_assert_eq!(expected.text.as_deref(), Some(words.as_str()));
        let mut body = Map::new();
        let id = if is_number { json!(id) } else { json!(id.to_string()) };
        put(&mut body, sender, spelling, id);
        put(&mut body, text, spelling, json!(words));
        let body = Value::Object(body);
        prop_assert_eq!(&message(wrap(body.clone(), wrapper).to_string()), &expected);

        let form = as_form(&body);
        let mut declared = delivery(form.clone());
        declared.content_type = Some("application/x-www-form-urlencoded".to_owned());
        let mut query = delivery(form.clone());
        query.is_query = true;
        let guessed = delivery(form);
        for delivery in [declared, query, guessed] {
            prop_assert_eq!(
                Normalizer::default().normalize(&delivery).items,
                vec![Item::Message(Box::new(expected.clone()))]
            );
        }
    }

    #[test]
    fn no_tree_hurts(value in any_json()) {
        assert_sound(value.to_string().as_bytes());
    }

    #[test]
    fn no_bytes_hurt(body in prop::collection::vec(any::<u8>(), 0..200)) {
        assert_sound(&body);
    }

    #[test]
    fn nothing_that_looks_like_a_body_hurts(body in "[\\[\\]{}\":,a\\\\u0dn=&% \n-]{0,60}") {
        assert_sound(body.as_bytes());
    }

    #[test]
    fn text_comes_out_as_it_went_in(text in "\\PC{1,80}") {
        prop_assume!(!text.trim().is_empty() && !text.contains("{{"));
        let draft = message(json!({"contact_id": 1, "text": text}).to_string());
        prop_assert_eq!(draft.text, Some(text));
    }

    #[test]
    fn a_broken_template_is_read_exactly_or_not_at_all(
        text in prop_oneof![
            "[a-z\"\n\\\\ ,:{}é]{1,40}",
            prop::collection::vec(
                prop::sample::select(vec![
                    "\"", "\",\"", "\":\"", "text", "foo", "username", "phone", "\"}", "\n", "\\",
                    "\\\"", " ", "{", "},{", "hi", ",", ":", "\t", "\\n", "full_name", "]",
                ]),
                1..14,
            ).prop_map(|parts| parts.concat()),
        ],
    ) {
        prop_assume!(!text.trim().is_empty());
        let body = format!(
            "{{\"contact_id\":\"1\",\"external_id\":\"2\",\"username\":\"ana\",\"full_name\":\"Ana\",\n \
             \"text\":\"{text}\",\"last_input_type\":\"text\",\"last_interaction\":\"1783609000123\",\"channel\":\"instagram\"}}"
        );
        // A body that is valid JSON by chance is read as it is.
        prop_assume!(serde_json::from_str::<Value>(&body).is_err());
        match &read(body).items[..] {
            [Item::Message(draft)] => {
                prop_assert!(draft.recovered);
                prop_assert_eq!(&draft.contact_id, "1");
                prop_assert_eq!(draft.text.as_deref(), Some(text.as_str()));
                prop_assert_eq!(draft.username.as_deref(), Some("ana"));
                prop_assert_eq!(draft.display_name.as_deref(), Some("Ana"));
            }
            [Item::Quarantined { .. }] => {}
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn quotes_and_line_breaks_alone_are_always_read(text in "[a-z\"\n ']{0,20}[a-z]\"?[a-z\n]") {
        let body = format!(
            "{{\"contact_id\":\"1\",\"text\":\"{text}\",\"channel\":\"instagram\"}}"
        );
        prop_assert_eq!(message(body).text, Some(text));
    }
}
