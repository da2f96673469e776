//! Every row of "What becomes of what" (`docs/chatrace.md`), and each item of a list classified alone.

use chatrace_webhook::delivery::{Item, ReasonCode};
use chatrace_webhook::message::{Channel, Direction, Kind, Shape};
use chatrace_webhook::normalize::Normalizer;
use serde_json::json;

use super::{delivery, message, messages, read, refusal};

#[test]
fn system_events_are_ignored() {
    for body in [
        r#"{"sender":{"id":"1"},"recipient":{"id":"2"},"read":{"mid":"m"}}"#,
        r#"{"dir":"0","message":"[{\"type\":\"typing\"}]"}"#,
        r#"{"field":"story_insights","value":{"media_id":"1"}}"#,
        r#"{"field":"mentions","value":{"media_id":"1","comment_id":"2"}}"#,
    ] {
        let (is_ignored, code, ..) = refusal(body);
        assert_eq!(
            (is_ignored, code),
            (true, ReasonCode::NotAMessage),
            "{body}"
        );
    }
    for body in [
        r#"{"event":"opportunity.won","data":{"id":1,"contact_id":2}}"#,
        r#"{"event_name":"Lead","event_id":"e","phone":"1"}"#,
        r#"{"event":"x"}"#,
    ] {
        let (is_ignored, code, ..) = refusal(body);
        assert_eq!(
            (is_ignored, code),
            (true, ReasonCode::BusinessEvent),
            "{body}"
        );
    }
}

#[test]
fn a_sender_and_content_are_stored() {
    for (body, kind) in [
        (r#"{"contact_id":1,"text":"hi"}"#, Kind::Text),
        (
            r#"{"contact_id":1,"image":"https://a.test/x"}"#,
            Kind::Media,
        ),
        (r#"{"contact_id":1,"action":"buy"}"#, Kind::Postback),
        (
            r#"{"contact_id":1,"last_input":"https://a.test/x","last_input_type":"audio"}"#,
            Kind::Media,
        ),
        (
            r#"{"contact_id":1,"last_input":"https://a.test/x","last_input_type":"text"}"#,
            Kind::Text,
        ),
        (
            r#"{"contact_id":1,"last_input":"https://a.test/x"}"#,
            Kind::Text,
        ),
        (
            r#"{"contact_id":1,"text":"https://a.test/x","type":"ig_reel"}"#,
            Kind::Share,
        ),
        (
            r#"{"contact_id":1,"text":"wow","type":"comment"}"#,
            Kind::Comment,
        ),
        (
            r#"{"sender":{"id":"1"},"recipient":{"id":"2"},"referral":{"ref":"ad"}}"#,
            Kind::Referral,
        ),
    ] {
        assert_eq!(message(body).kind, kind, "{body}");
    }
}

#[test]
fn a_contact_record_without_content_is_remembered() {
    let (is_ignored, code, text, contact) =
        refusal(r#"{"id":5,"page_id":1,"external_id":"9","custom_fields":[],"full_name":"Ana"}"#);
    assert_eq!((is_ignored, code), (true, ReasonCode::ContactOnly));
    assert_eq!(text, "contact data without a message");
    let contact = contact.unwrap();
    assert_eq!(
        (contact.id.as_str(), contact.aliases),
        ("5", vec!["9".to_owned()])
    );
}

#[test]
fn a_sender_and_an_id_alone_are_a_message_whose_content_is_unknown() {
    for body in [
        r#"{"contact_id":1,"message_id":"m"}"#,
        r#"{"contact_id":1,"message_id":"m","text":""}"#,
        r#"{"contact_id":1,"message_id":"m","text":"{{last_input}}"}"#,
    ] {
        assert_eq!(message(body).kind, Kind::Unsupported, "{body}");
    }
}

#[test]
fn an_unfilled_text_names_its_key_and_placeholder() {
    let (is_ignored, code, text, contact) =
        refusal(r#"{"contact_id":1,"last_input":"{{last_input}}"}"#);
    assert_eq!((is_ignored, code), (false, ReasonCode::UnfilledPlaceholder));
    assert!(
        text.contains("`last_input`") && text.contains("{{last_input}}"),
        "{text}"
    );
    assert_eq!(contact.unwrap().id, "1");
    let long = format!("{{\"text\":\"{{{{{}}}}}\"}}", "x".repeat(10_000));
    let (_, code, text, _) = refusal(long);
    assert_eq!(code, ReasonCode::UnfilledPlaceholder);
    assert!(text.len() < 400);
}

#[test]
fn a_half_understood_body_is_quarantined_with_its_contact() {
    let code = |body: &str| {
        let (is_ignored, code, ..) = refusal(body.to_owned());
        assert!(!is_ignored, "{body}");
        code
    };
    assert_eq!(code(r#"{"contact_id":1}"#), ReasonCode::NoContent);
    assert_eq!(code(r#"{"text":"hi"}"#), ReasonCode::NoSender);
    assert_eq!(code(r#"{"id":"m","text":"hi"}"#), ReasonCode::NoSender);
    assert_eq!(
        code(r#"{"contact_id":"{{user_id}}","text":"hi"}"#),
        ReasonCode::NoSender
    );
    assert_eq!(
        code(r#"{"entry":[{"messaging":[{"message_edit":{"mid":"m","num_edit":0}}]}]}"#),
        ReasonCode::EditWithoutContent
    );
    for body in [
        "{}",
        "[]",
        "1",
        "true",
        "null",
        r#""text""#,
        r#"{"a":1}"#,
        "[[]]",
        r#"{"entry":{}}"#,
        r#"{"entry":[{"messaging":null}]}"#,
        r#"{"contact_id":true}"#,
    ] {
        assert_eq!(code(body), ReasonCode::NothingUnderstood, "{body}");
    }
}

#[test]
fn each_item_of_a_list_is_classified_alone() {
    let reading = read(
        r#"[{"contact_id":1,"text":"a"},7,{"contact_id":2,"text":"{{x}}"},{"contact_id":3,"text":"b"}]"#,
    );
    let stored: Vec<bool> = reading
        .items
        .iter()
        .map(|item| matches!(item, Item::Message(_)))
        .collect();
    assert_eq!(stored, [true, false, false, true]);
}

#[test]
fn the_items_of_a_wrapper_inherit_who_where_and_when_but_not_what() {
    let body = json!({"contact_id": 5, "channel": "messenger", "timestamp": 1_783_609_000,
        "messages": [{"text": "a"}, {"direction": "out", "text": "b"}, {"from": "6", "text": "c"}, {"id": "x"}],
        "full_name": "Ana"});
    let drafts = messages(body.to_string());
    assert_eq!(drafts.len(), 4);
    for draft in &drafts {
        assert_eq!(draft.channel, Channel::Messenger);
        assert_eq!(draft.sent_at.to_string(), "2026-07-09T14:56:40Z");
    }
    let contacts: Vec<&str> = drafts
        .iter()
        .map(|draft| draft.contact_id.as_str())
        .collect();
    assert_eq!(contacts, ["5", "5", "6", "5"]);
    assert_eq!(drafts[0].display_name.as_deref(), Some("Ana"));
    assert_eq!(drafts[1].direction, Direction::Outbound);
    assert_eq!(drafts[2].display_name, None, "the name is another person's");
    assert_eq!(drafts[3].kind, Kind::Unsupported);
}

#[test]
fn the_header_names_the_sender_only_where_a_flat_body_does_not() {
    let contact = |body: &str| {
        let mut delivery = delivery(body.to_owned());
        delivery.headers = vec![("x-user-id".to_owned(), "777".to_owned())];
        match &Normalizer::default().normalize(&delivery).items[..] {
            [Item::Message(draft)] => Some(draft.contact_id.clone()),
            _ => None,
        }
    };
    assert_eq!(contact(r#"{"text":"hi"}"#).as_deref(), Some("777"));
    assert_eq!(
        contact(r#"{"phone":"1","text":"hi"}"#).as_deref(),
        Some("1")
    );
    assert_eq!(
        contact(r#"{"entry":[{"messaging":[{"message":"hi"}]}]}"#),
        None
    );
}

#[test]
fn metas_form_is_read_in_a_wrapper_too_and_a_thousand_updates_are_a_thousand_items() {
    let item = json!({"sender": {"id": "1"}, "recipient": {"id": "2"}, "message": {"mid": "m", "text": "hi"}});
    let body = json!({"object": "instagram", "entry": [{"id": "2", "messaging": [item]}]});
    let direct = message(body.to_string());
    assert_eq!(direct.shape, Shape::MetaMessaging);
    for wrapped in [
        json!({"data": body}),
        json!([body]),
        json!({"contact_id": 5, "data": body}),
        json!({"entry": body["entry"][0]}),
        item.clone(),
    ] {
        assert_eq!(message(wrapped.to_string()), direct);
    }
    let many = json!({"entry": [{"messaging": vec![item; 1000]}]});
    assert_eq!(messages(many.to_string()).len(), 1000);
}

#[test]
fn a_story_reply_an_unsent_reaction_and_a_quick_reply_keep_what_they_are_about() {
    let item = |member: &str, value: serde_json::Value| {
        let mut item = json!({"sender": {"id": "1"}, "recipient": {"id": "2"}});
        item[member] = value;
        message(item.to_string())
    };
    let story = item(
        "message",
        json!({"mid": "m", "text": "hi", "reply_to": {"story": {"url": "https://a.test/s"}}}),
    );
    assert_eq!(story.reply_to.as_deref(), Some("https://a.test/s"));
    let quick = item(
        "message",
        json!({"mid": "m", "text": "Yes", "quick_reply": {"payload": "YES"}}),
    );
    assert_eq!(
        (quick.kind, quick.payload.as_deref()),
        (Kind::Text, Some("YES"))
    );
    let unsent = item("reaction", json!({"mid": "m", "action": "unreact"}));
    assert_eq!(unsent.payload.as_deref(), Some("unreact"));
    assert_eq!(unsent.reply_to.as_deref(), Some("m"));
}

#[test]
fn a_key_means_the_same_under_a_person_as_at_the_root() {
    let root = json!({"senderId": "s", "last_input": "https://cdn.test/a", "last_input_type": "image", "messageId": "m",
                      "timestamp": 1_783_609_000, "video_url": "https://cdn.test/b"});
    let expected = message(root.to_string());
    assert_eq!(expected.external_id.as_deref(), Some("m"));
    assert_eq!(expected.attachments.len(), 2);
    for place in ["from", "sender", "user", "contact", "message", "data"] {
        let nested = message(json!({ place: root }).to_string());
        assert_eq!(nested.identity, expected.identity, "{place}");
        assert_eq!(nested.sent_at, expected.sent_at, "{place}");
    }
    let profile = json!({"user": {"id": "s", "image": "https://cdn.test/me"}});
    assert_eq!(refusal(profile.to_string()).1, ReasonCode::NoContent);
}

#[test]
fn the_kind_does_not_depend_on_the_order_of_the_body() {
    let acts = [
        (Kind::Deletion, r#""is_deleted":true"#),
        (Kind::Reaction, r#""reaction":{"mid":"a","emoji":"x"}"#),
        (Kind::Edit, r#""message_edit":{"mid":"a","text":"new"}"#),
        (Kind::Postback, r#""postback":{"payload":"P"}"#),
    ];
    for (at, (kind, first)) in acts.iter().enumerate() {
        for (_, second) in &acts[at + 1..] {
            for (one, other) in [(first, second), (second, first)] {
                let body = format!(r#"{{"contact_id":"1","text":"hi",{one},{other}}}"#);
                assert_eq!(message(body.clone()).kind, *kind, "{body}");
            }
        }
    }
}

#[test]
fn a_reason_is_one_line_for_any_placeholder() {
    let body = json!({"contact_id": 1, "text": "{{é \"a\"\nERROR \u{1b}[31m\u{2028}\0}}"});
    let reason = refusal(body.to_string()).2;
    let shown = r#"{{é "a"\nERROR \u{1b}[31m\u{2028}\0}} literally in `text`"#;
    assert!(reason.contains(shown), "{reason}");
}

#[test]
fn the_order_of_the_body_never_decides() {
    for (body, contact, payload) in [
        (r#"{"sender":"s","from":"f","text":"hi"}"#, "f", None),
        (r#"{"from":"f","sender":"s","text":"hi"}"#, "f", None),
        (
            r#"{"from":"f","postback":"P","reaction":"R"}"#,
            "f",
            Some("R"),
        ),
        (
            r#"{"from":"f","reaction":"R","postback":"P"}"#,
            "f",
            Some("R"),
        ),
        (
            r#"{"from":"f","quick_reply":"Q","postback":"P"}"#,
            "f",
            Some("P"),
        ),
    ] {
        let draft = message(body);
        assert_eq!(draft.contact_id, contact, "{body}");
        assert_eq!(draft.payload.as_deref(), payload, "{body}");
    }
}

#[test]
fn a_handle_among_a_contacts_variables_is_their_handle() {
    let body = |contact| json!({"contact": contact, "text": "hi"}).to_string();
    let variable = message(body(json!({"id": 1, "variables": {"username": "@ana"}})));
    assert_eq!(variable.username.as_deref(), Some("ana"));
    let own = json!({"id": 1, "variables": {"username": "old"}, "ig_username": "ana"});
    assert_eq!(message(body(own)).username.as_deref(), Some("ana"));
}

#[test]
fn channels_are_words_or_chatraces_numbers() {
    for (value, channel) in [
        (json!(10), Channel::Instagram),
        (json!("0"), Channel::Messenger),
        (json!(5), Channel::Whatsapp),
        (json!("TikTok"), Channel::Tiktok),
        (json!("{{channel}}"), Channel::Instagram),
        (json!("Viber"), Channel::Other("viber".to_owned())),
    ] {
        let body = json!({"contact_id": 1, "text": "hi", "channel": value});
        assert_eq!(message(body.to_string()).channel, channel);
    }
}
