//! Directions, channels and kinds, as bodies spell them.

use serde_json::Value;

use crate::message::{Channel, Direction};
use crate::normalize::fields::KnownField;
use crate::normalize::scalar;

/// A word for a kind or an event, lower-case.
pub(super) fn word(value: &Value) -> Option<String> {
    scalar::label(value).map(|word| scalar::cut(word, 64).trim().to_lowercase())
}

/// Who wrote, by the word in this field.
pub(super) fn direction(value: &Value, field: KnownField) -> Option<Direction> {
    let word = word(value)?;
    let (inbound, outbound): (&[&str], &[&str]) = match field {
        KnownField::Dir => (&["1", "in"], &["0", "out"]),
        KnownField::Title => (
            &["incoming_message", "inbound_message"],
            &["outgoing_message", "outbound_message"],
        ),
        _ => (
            &["in", "incoming", "inbound"],
            &["out", "outgoing", "outbound"],
        ),
    };
    one_of(&word, inbound, outbound)
}

/// Who wrote, by what the author is. A `user` is one of the business's own: a customer is a contact.
pub(super) fn direction_of_writer(value: &Value) -> Option<Direction> {
    let (inbound, outbound) = (
        [
            "contact",
            "customer",
            "subscriber",
            "lead",
            "visitor",
            "client",
        ],
        [
            "user",
            "agent",
            "agent_bot",
            "bot",
            "page",
            "business",
            "operator",
            "admin",
            "assistant",
        ],
    );
    one_of(&word(value)?, &inbound, &outbound)
}

/// Who wrote, by the name of an event.
pub(in crate::normalize) fn direction_of_event(word: &str) -> Option<Direction> {
    let letters: String = word.chars().filter(|sign| sign.is_alphanumeric()).collect();
    let (inbound, outbound) = (
        [
            "inboundmessage",
            "incomingmessage",
            "messagereceived",
            "messageinbound",
            "messageincoming",
        ],
        [
            "outboundmessage",
            "outgoingmessage",
            "messagesent",
            "messageoutbound",
            "messageoutgoing",
            "messageecho",
        ],
    );
    one_of(&letters, &inbound, &outbound)
}

/// Whether a platform writes events of this name itself, with every value escaped and nothing that an owner typed.
pub(super) fn is_platform_event(word: &str) -> bool {
    matches!(
        word,
        // HighLevel
        "inboundmessage" | "outboundmessage"
        // Chatwoot
        | "message_created" | "message_updated"
        // Chatrace's own events
        | "message.received" | "message.sent"
    )
}

fn one_of(word: &str, inbound: &[&str], outbound: &[&str]) -> Option<Direction> {
    if outbound.contains(&word) {
        Some(Direction::Outbound)
    } else {
        inbound.contains(&word).then_some(Direction::Inbound)
    }
}

/// A channel as a body spells it: a word, or Chatrace's number.
pub(in crate::normalize) fn channel(value: &Value) -> Option<Channel> {
    let name = scalar::id(value)?.to_lowercase();
    Some(match name.as_str() {
        "10" | "ig" => Channel::Instagram,
        "0" | "page" | "facebook" | "fb" => Channel::Messenger,
        "5" | "whatsapp_business_account" => Channel::Whatsapp,
        "8" => Channel::Telegram,
        "9" | "webchat" => Channel::Web,
        "2" => Channel::Sms,
        "7" => Channel::Google,
        name => Channel::named(&name.chars().take(32).collect::<String>()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_direction_has_words_of_its_own_in_each_field() {
        assert_eq!(
            direction(&json!(0), KnownField::Dir),
            Some(Direction::Outbound)
        );
        assert_eq!(
            direction(&json!("1"), KnownField::Dir),
            Some(Direction::Inbound)
        );
        assert_eq!(
            direction(&json!("OUT"), KnownField::Direction),
            Some(Direction::Outbound)
        );
        assert_eq!(direction(&json!("0"), KnownField::Direction), None);
        assert_eq!(direction(&json!("in"), KnownField::Title), None);
        assert_eq!(
            direction(&json!("{{direction}}"), KnownField::Direction),
            None
        );
    }

    #[test]
    fn who_wrote_is_known_from_the_author_and_from_the_event() {
        assert_eq!(
            direction_of_writer(&json!("User")),
            Some(Direction::Outbound)
        );
        assert_eq!(
            direction_of_writer(&json!("contact")),
            Some(Direction::Inbound)
        );
        assert_eq!(direction_of_writer(&json!("Ana")), None);
        for (event, expected) in [
            ("message.sent", Some(Direction::Outbound)),
            ("message_sent", Some(Direction::Outbound)),
            ("outboundmessage", Some(Direction::Outbound)),
            ("message_received", Some(Direction::Inbound)),
            ("message_created", None),
        ] {
            assert_eq!(direction_of_event(event), expected, "{event}");
        }
    }

    #[test]
    fn metas_objects_are_channels_and_an_unknown_one_keeps_its_name() {
        for (word, expected) in [
            ("page", Channel::Messenger),
            ("instagram", Channel::Instagram),
            ("whatsapp_business_account", Channel::Whatsapp),
            ("9", Channel::Web),
        ] {
            assert_eq!(channel(&json!(word)), Some(expected));
        }
        let Some(Channel::Other(name)) = channel(&json!("V".repeat(100))) else {
            panic!()
        };
        assert_eq!(name, "v".repeat(32));
        assert_eq!(channel(&json!({})), None);
    }
}
