//! One snapshot for each sample body. Each was checked by hand against `docs/chatrace.md`.

use std::path::Path;

use chatrace_webhook::delivery::Item;
use chatrace_webhook::message::{Contact, Identity};
use serde_json::{Map, Value, json};

use super::read;

#[test]
fn every_sample_body_becomes_what_the_rules_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/payloads");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 48);
    for name in names {
        let body = std::fs::read(folder.join(&name)).unwrap();
        let reading = read(body);
        let view = json!({
            "shape": reading.shape,
            "items": reading.items.iter().map(view).collect::<Vec<_>>(),
        });
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("../snapshots");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_json_snapshot!(name.trim_end_matches(".json"), view));
    }
}

/// An item for people, without what is absent.
fn view(item: &Item) -> Value {
    let full = match item {
        Item::Message(draft) => json!({
            "message": draft.kind,
            "channel": draft.channel,
            "direction": draft.direction,
            "externalId": draft.external_id,
            "contactId": draft.contact_id,
            "senderId": draft.sender_id,
            "recipientId": draft.recipient_id,
            "username": draft.username,
            "displayName": draft.display_name,
            "text": draft.text,
            "attachments": draft.attachments,
            "replyTo": draft.reply_to,
            "payload": draft.payload,
            "sentAt": draft.sent_at.to_string(),
            "sentAtSource": draft.sent_at_source,
            "shape": draft.shape,
            "recovered": draft.recovered,
            "identity": match draft.identity {
                Identity::Key(_) => "key",
                Identity::Window(_) => "window",
            },
            "aliases": draft.aliases,
        }),
        Item::Ignored { reason, contact } => json!({
            "ignored": reason.code,
            "reason": reason.text,
            "contact": contact.as_deref().map(person),
        }),
        Item::Quarantined { reason, contact } => json!({
            "quarantined": reason.code,
            "reason": reason.text,
            "contact": contact.as_deref().map(person),
        }),
        Item::Duplicate { .. } => panic!("the normalizer cannot know"),
    };
    present(full)
}

fn person(contact: &Contact) -> Value {
    present(json!({
        "channel": contact.channel,
        "id": contact.id,
        "username": contact.username,
        "displayName": contact.display_name,
        "aliases": contact.aliases,
    }))
}

fn present(value: Value) -> Value {
    let Value::Object(map) = value else {
        return value;
    };
    let is_empty = |value: &Value| value.is_null() || *value == json!([]) || *value == json!(false);
    let kept: Map<String, Value> = map
        .into_iter()
        .filter(|(_, value)| !is_empty(value))
        .collect();
    Value::Object(kept)
}
