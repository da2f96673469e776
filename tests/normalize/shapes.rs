//! Rules of one shape each.

use chatrace_webhook::delivery::{Item, ReasonCode};
use chatrace_webhook::message::{Channel, Direction, Identity, Kind, SentAtSource, Shape};
use serde_json::{Value, json};

use super::{message, messages, read, refusal};

fn whatsapp(message: &Value) -> String {
    json!({"object": "whatsapp_business_account", "entry": [{"id": "9", "changes": [{"field": "messages", "value": {
        "messaging_product": "whatsapp", "metadata": {"phone_number_id": "7"},
        "contacts": [{"wa_id": "55", "profile": {"name": "Ana"}}], "messages": [message]}}]}]})
    .to_string()
}

#[test]
fn whatsapps_files_buttons_and_reactions_are_read() {
    let image = message(whatsapp(
        &json!({"from": "55", "id": "w1", "type": "image", "image": {"id": "1", "caption": "slip"}}),
    ));
    assert_eq!(
        (image.kind, image.text.as_deref()),
        (Kind::Text, Some("slip"))
    );
    assert_eq!(
        (image.attachments[0].kind.as_str(), image.channel),
        ("image", Channel::Whatsapp)
    );
    let voice = message(whatsapp(
        &json!({"from": "55", "id": "w2", "type": "audio", "audio": {"id": "1", "voice": true}}),
    ));
    assert_eq!(
        (voice.kind, voice.display_name.as_deref()),
        (Kind::Media, Some("Ana"))
    );
    let choice = message(whatsapp(
        &json!({"from": "55", "id": "w3", "type": "interactive", "context": {"id": "w0"},
                "interactive": {"type": "button_reply", "button_reply": {"id": "YES", "title": "Yes"}}}),
    ));
    assert_eq!(
        (choice.kind, choice.payload.as_deref()),
        (Kind::Postback, Some("YES"))
    );
    assert_eq!(
        (choice.text.as_deref(), choice.reply_to.as_deref()),
        (Some("Yes"), Some("w0"))
    );
    let reaction = message(whatsapp(
        &json!({"from": "55", "id": "w4", "type": "reaction", "reaction": {"message_id": "w1", "emoji": "👍"}}),
    ));
    assert_eq!(
        (reaction.kind, reaction.payload.as_deref()),
        (Kind::Reaction, Some("👍"))
    );
    assert_eq!(
        (
            reaction.external_id.as_deref(),
            reaction.reply_to.as_deref()
        ),
        (Some("w4"), Some("w1"))
    );
    let unknown = message(whatsapp(
        &json!({"from": "55", "id": "w5", "type": "unsupported"}),
    ));
    assert_eq!(unknown.kind, Kind::Unsupported);
}

#[test]
fn whatsapps_receipts_are_ignored() {
    let (is_ignored, code, ..) = refusal(
        json!({"messaging_product": "whatsapp", "statuses": [{"id": "w", "status": "read"}]})
            .to_string(),
    );
    assert_eq!((is_ignored, code), (true, ReasonCode::NotAMessage));
}

fn sendpulse(title: &str, info: &Value) -> String {
    json!([{"service": "instagram", "title": title, "bot": {"external_id": "17"}, "info": info, "date": 1_783_609_000_000_i64,
        "contact": {"id": "c", "name": "Ana", "last_message": "old words"}}])
    .to_string()
}

#[test]
fn sendpulses_last_message_is_new_only_in_an_incoming_message() {
    let incoming = message(sendpulse("incoming_message", &json!({})));
    assert_eq!(incoming.text.as_deref(), Some("old words"));
    let answer = json!({"message": {"channel_data": {"message": {"mid": "m", "text": "hello"}}}});
    let outgoing = message(sendpulse("outgoing_message", &answer));
    assert_eq!(outgoing.direction, Direction::Outbound);
    assert_eq!(
        (outgoing.contact_id.as_str(), outgoing.sender_id.as_deref()),
        ("c", Some("17"))
    );
    let (is_ignored, code, _, contact) = refusal(sendpulse("new_subscriber", &json!({})));
    assert_eq!((is_ignored, code), (true, ReasonCode::BusinessEvent));
    assert_eq!(contact.unwrap().id, "c");
}

#[test]
fn the_businesss_own_comment_is_outbound() {
    let comment = |from: &str| {
        let body = json!({"object": "instagram", "entry": [{"id": "17", "time": 1_783_609_000, "changes": [
            {"field": "live_comments", "value": {"comment_id": "c", "from": {"id": from}, "text": "hi"}}]}]});
        message(body.to_string())
    };
    assert_eq!(comment("17").direction, Direction::Outbound);
    let customers = comment("5");
    assert_eq!(
        (customers.direction, customers.recipient_id.as_deref()),
        (Direction::Inbound, Some("17"))
    );
    assert_eq!(customers.sent_at_source, SentAtSource::Entry);
    assert_eq!(customers.external_id.as_deref(), Some("c"));
}

#[test]
fn a_transcript_next_to_a_text_is_not_stored_twice() {
    let body = json!({"contact_id": 1, "chat_history": [
        {"role": "user", "content": "hello?", "timestamp": "2026-07-09T14:00:00Z"},
        {"role": "assistant", "content": "yes", "timestamp": "2026-07-09T14:01:00Z"},
        {"role": "user", "content": "hi", "timestamp": "2026-07-09T14:02:00Z"}], "text": "hi"});
    let reading = read(body.to_string());
    let outline: Vec<_> = reading
        .items
        .iter()
        .map(|item| match item {
            Item::Message(draft) => draft.text.clone().unwrap() + " " + draft.direction.as_str(),
            Item::Ignored { reason, .. } => reason.code.to_string(),
            Item::Quarantined { .. } => "quarantined".to_owned(),
            Item::Duplicate { .. } => panic!("the normalizer cannot know"),
        })
        .collect();
    assert_eq!(
        outline,
        ["hello? inbound", "yes outbound", "transcript", "hi inbound"]
    );
    let text =
        json!({"contact_id": 1, "text": "hi", "chat_history": "User (2026-07-9 2:56pm): old"});
    assert_eq!(message(text.to_string()).text.as_deref(), Some("hi"));
}

#[test]
fn two_equal_lines_of_one_minute_are_two_messages_if_the_contact_was_active_between() {
    let dump = |interaction: i64| {
        let body = json!({"id": 5, "page_id": 1, "last_interaction": interaction,
            "custom_fields": [{"name": "x", "value": "User (2026-07-9 2:56pm): ok"}]});
        message(body.to_string())
    };
    let first = dump(1_783_609_000_123);
    assert_eq!(
        (first.shape, first.text.as_deref()),
        (Shape::ChatHistory, Some("ok"))
    );
    assert!(matches!(first.identity, Identity::Key(_)));
    assert_eq!(first.identity, dump(1_783_609_000_123).identity);
    assert_ne!(first.identity, dump(1_783_609_020_000).identity);
}

#[test]
fn a_frame_of_the_inbox_gives_its_items_who_when_and_its_id() {
    let body = json!({"id": "m_1", "ms_id": "5", "channel": "10", "dir": "0", "timestamp": "1783609000123",
        "message": [{"text":"one"},{"type":"image","url":"https://a.test/x"},{"type":"typing"}]});
    let reading = read(body.to_string());
    assert_eq!((reading.shape, reading.items.len()), (Shape::Dashboard, 3));
    let [
        Item::Message(text),
        Item::Message(image),
        Item::Ignored { .. },
    ] = &reading.items[..]
    else {
        panic!("{:?}", reading.items)
    };
    assert_eq!((text.kind, image.kind), (Kind::Text, Kind::Media));
    assert_ne!(text.identity, image.identity);
    for draft in [text, image] {
        assert_eq!(draft.direction, Direction::Outbound);
        assert_eq!(
            (draft.contact_id.as_str(), draft.external_id.as_deref()),
            ("5", Some("m_1"))
        );
    }
}

#[test]
fn of_several_ids_of_one_person_the_others_are_aliases() {
    let draft =
        message(r#"{"phone":"+55","ig_id":"17","contact_id":"5","external_id":"17","text":"hi"}"#);
    assert_eq!(draft.contact_id, "5");
    assert_eq!(draft.aliases, ["+55", "17"]);
}

#[test]
fn an_agents_name_is_not_the_customers() {
    let draft = message(
        r#"{"contact_id":"5","direction":"outgoing","sender":{"id":"biz","name":"Shop"},"name":"Ana","senderName":"Agent","text":"hi"}"#,
    );
    assert_eq!(
        (draft.display_name.as_deref(), draft.sender_id.as_deref()),
        (Some("Ana"), Some("biz"))
    );
    assert!(!draft.aliases.contains(&"biz".to_owned()));
    assert_eq!(
        message(r#"{"contact_id":"5","senderName":"Ana","text":"hi"}"#)
            .display_name
            .as_deref(),
        Some("Ana")
    );
}

#[test]
fn a_batch_of_entries_keeps_the_good_ones() {
    let good = json!({"sender": {"id": "1"}, "recipient": {"id": "2"}, "message": {"mid": "m", "text": "hi"}});
    let body = json!({"object": "instagram", "entry": [null, {"id": "2"}, {"messaging": [7, good]}, {"messaging": good}]});
    let stored = read(body.to_string())
        .items
        .iter()
        .filter(|item| matches!(item, Item::Message(_)))
        .count();
    assert_eq!(stored, 2);
    assert_eq!(read(body.to_string()).items.len(), 5);
}

#[test]
fn a_form_a_query_and_a_multipart_body_are_the_same_message() {
    let expected = messages(r#"{"contact_id":"1","text":"hi you"}"#);
    assert_eq!(messages("contact_id=1&text=hi+you"), expected);
    assert_eq!(
        messages(
            "--b\r\nContent-Disposition: form-data; name=\"contact_id\"\r\n\r\n1\r\n--b\r\n\
                  Content-Disposition: form-data; name=\"text\"\r\n\r\nhi you\r\n--b--\r\n"
        ),
        expected
    );
}

#[test]
fn metas_form_may_come_as_a_form() {
    let entry = r#"[{"messaging":[{"sender":{"id":"1"},"recipient":{"id":"2"},"message":{"mid":"m","text":"hi"}}]}]"#;
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("object", "instagram")
        .append_pair("entry", entry)
        .finish();
    assert_eq!(
        message(form),
        message(format!(r#"{{"object":"instagram","entry":{entry}}}"#))
    );
}

#[test]
fn a_reaction_without_a_time_may_come_back() {
    let reaction = json!({"sender": {"id": "1"}, "recipient": {"id": "2"}, "reaction": {"mid": "m", "action": "react", "emoji": "x"}});
    assert!(matches!(
        message(reaction.to_string()).identity,
        Identity::Window(_)
    ));
}
