//! The bugs of the system this replaces (`docs/chatrace.md`, section 6), each as the promise it broke.

use chatrace_webhook::message::{Direction, Identity, Kind, SentAtSource};
use serde_json::json;

use super::{message, messages, read};

#[test]
fn seconds_and_milliseconds_are_the_same_time() {
    let times = [
        "1783609000",
        "1783609000000",
        "\"1783609000\"",
        "\"1783609000000\"",
    ];
    for time in times {
        let draft = message(format!(
            r#"{{"senderId":"u","text":"hi","timestamp":{time}}}"#
        ));
        assert_eq!(draft.sent_at.to_string(), "2026-07-09T14:56:40Z", "{time}");
        assert_eq!(draft.sent_at_source, SentAtSource::Message);
    }
}

#[test]
fn a_message_object_is_descended_into() {
    let draft = message(r#"{"senderId":"u","message":{"text":"hi"}}"#);
    assert_eq!(draft.text.as_deref(), Some("hi"));
}

#[test]
fn the_mid_outranks_a_top_level_id() {
    let draft = message(r#"{"id":"x","senderId":"u","message":{"mid":"m","text":"hi"}}"#);
    assert_eq!(draft.external_id.as_deref(), Some("m"));
}

#[test]
fn a_body_without_an_id_has_the_same_identity_again() {
    let body = r#"{"senderId":"u","text":"hi"}"#;
    assert!(matches!(message(body).identity, Identity::Window(_)));
    assert_eq!(message(body).identity, message(body).identity);
    let timed = r#"{"senderId":"u","text":"hi","timestamp":1783609000}"#;
    assert!(matches!(message(timed).identity, Identity::Key(_)));
}

#[test]
fn media_without_text_is_kept_in_metas_form() {
    let body = json!({"entry": [{"messaging": [{
        "sender": {"id": "1"}, "recipient": {"id": "2"},
        "message": {"mid": "m", "attachments": [{"type": "image", "payload": {"url": "https://a.test/x"}}]}
    }]}]});
    let draft = message(body.to_string());
    assert_eq!((draft.kind, draft.attachments.len()), (Kind::Media, 1));
}

#[test]
fn an_echo_is_the_businesss_and_its_customer_is_the_recipient() {
    for body in [
        json!({"sender": {"id": "biz"}, "recipient": {"id": "cust"}, "message": {"mid": "m", "text": "hi", "is_echo": true}}),
        json!({"senderId": "biz", "recipientId": "cust", "direction": "out", "text": "hi", "messageId": "m"}),
        json!({"sender_id": "biz", "recipient_id": "cust", "dir": 0, "text": "hi", "mid": "m"}),
    ] {
        let draft = message(body.to_string());
        assert_eq!(draft.direction, Direction::Outbound);
        assert_eq!(draft.contact_id, "cust");
        assert_eq!(draft.sender_id.as_deref(), Some("biz"));
        assert_eq!(draft.recipient_id.as_deref(), Some("cust"));
    }
}

#[test]
fn changes_standby_reactions_and_postbacks_are_read() {
    let talk = json!({"sender": {"id": "1"}, "recipient": {"id": "2"}, "timestamp": 1_783_609_000_000_i64});
    let with = |key: &str, value: serde_json::Value| {
        let mut item = talk.clone();
        item[key] = value;
        item
    };
    let body = json!({"object": "instagram", "entry": [{
        "time": 1_783_609_000, "id": "2",
        "standby": [with("message", json!({"mid": "a", "text": "hi"}))],
        "messaging": [with("reaction", json!({"mid": "b", "action": "react", "emoji": "❤"})),
                      with("postback", json!({"mid": "c", "payload": "P"}))],
        "changes": [{"field": "comments", "value": {"id": "d", "from": {"id": "1"}, "text": "wow"}}],
    }]});
    let mut kinds: Vec<Kind> = messages(body.to_string())
        .iter()
        .map(|draft| draft.kind)
        .collect();
    kinds.sort();
    assert_eq!(
        kinds,
        [Kind::Text, Kind::Postback, Kind::Reaction, Kind::Comment]
    );
}

#[test]
fn null_is_read_like_anything_else() {
    for body in [
        "null",
        r#"{"message":null}"#,
        r#"{"entry":null}"#,
        r#"{"entry":[null]}"#,
        "[null]",
    ] {
        assert_eq!(read(body).items.len(), 1, "{body}");
    }
}

#[test]
fn a_number_and_a_string_are_one_contact() {
    let number = message(r#"{"contact_id":17841400538867190,"text":"hi"}"#);
    assert_eq!(
        number,
        message(r#"{"contact_id":"17841400538867190","text":"hi"}"#)
    );
    assert_eq!(
        number,
        message(r#"{"contact_id":1.7841400538867190e16,"text":"hi"}"#)
    );
}

#[test]
fn a_contact_dumps_id_is_the_contact_and_never_the_message() {
    let draft = message(r#"{"id":70011225,"page_id":1,"custom_fields":[],"last_input_text":"hi"}"#);
    assert_eq!(draft.contact_id, "70011225");
    assert_eq!(draft.external_id, None);
}

#[test]
fn an_owners_constant_id_does_not_swallow_other_messages() {
    let with = |text: &str, sender: &str| {
        message(json!({"contact_id": sender, "event_id": "evt", "text": text}).to_string()).identity
    };
    assert_eq!(with("a", "1"), with("a", "1"));
    assert_ne!(with("a", "1"), with("b", "1"));
    assert_ne!(with("a", "1"), with("a", "2"));
}

#[test]
fn a_deletion_a_reaction_and_an_edit_are_not_the_message_they_are_about() {
    let item = |members: serde_json::Value| {
        let mut item = json!({"sender": {"id": "1"}, "recipient": {"id": "2"}, "timestamp": 1_783_609_000_000_i64});
        for (key, value) in members.as_object().unwrap() {
            item[key] = value.clone();
        }
        message(item.to_string()).identity
    };
    let identities = [
        item(json!({"message": {"mid": "m", "text": "hi"}})),
        item(json!({"message": {"mid": "m", "is_deleted": true}})),
        item(json!({"message_edit": {"mid": "m", "text": "hi!", "num_edit": 1}})),
        item(json!({"message_edit": {"mid": "m", "text": "hi!", "num_edit": 2}})),
        item(json!({"reaction": {"mid": "m", "action": "react", "emoji": "❤"}})),
        item(json!({"reaction": {"mid": "m", "action": "unreact"}})),
        item(
            json!({"reaction": {"mid": "m", "action": "react", "emoji": "❤"}, "timestamp": 1_783_609_000_001_i64}),
        ),
    ];
    for (at, identity) in identities.iter().enumerate() {
        assert!(matches!(identity, Identity::Key(_)));
        assert!(!identities[..at].contains(identity), "{at}");
    }
}

#[test]
fn an_unbelievable_time_tells_no_messages_apart() {
    let draft = message(r#"{"contact_id":"1","text":"hi","timestamp":0}"#);
    assert_eq!(draft.sent_at_source, SentAtSource::Arrival);
    assert!(matches!(draft.identity, Identity::Window(_)));
}
