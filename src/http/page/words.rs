//! What templates show of checks, messages and people. Templates pass references.
#![expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "templates pass references"
)]

use super::super::contacts::ContactView;
use crate::delivery::Outcome;
use crate::forward::DestinationHealth;
use crate::i18n::{Locale, Text};
use crate::message::{Attachment, Direction, Kind, Message};

/// How many attachments of a message are shown in a list.
pub(super) const ATTACHMENTS: usize = 20;

/// The channels that have a name.
pub(super) const CHANNELS: [&str; 8] = [
    "instagram",
    "messenger",
    "whatsapp",
    "telegram",
    "web",
    "sms",
    "google",
    "tiktok",
];

/// A piece of a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    /// It stood in backticks.
    pub(super) is_code: bool,
    /// The page about it.
    pub(super) path: Option<String>,
}

/// The pieces of a sentence: what is in backticks is code, and what the page has a view of is a link to it.
pub(super) fn pieces(sentence: &Text, locale: &Locale) -> Vec<Piece> {
    let mut pieces = api_pieces(&sentence.in_locale(*locale));
    for piece in &mut pieces {
        let is_one = |path: &String| path.starts_with("deliveries/");
        if piece.path.as_ref().is_some_and(is_one) {
            piece.text = Text::new("this-delivery").in_locale(*locale);
            piece.is_code = false;
        }
    }
    pieces
}

fn api_pieces(sentence: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (number, piece) in sentence.split('`').enumerate() {
        if number % 2 == 1 {
            pieces.push(Piece {
                text: piece.to_owned(),
                is_code: true,
                path: page_of(piece),
            });
        } else {
            push_addresses(&mut pieces, piece);
        }
    }
    pieces
}

/// Addresses of the API in a text become links to the views of the page.
fn push_addresses(pieces: &mut Vec<Piece>, mut text: &str) {
    const API: &str = "GET /instagram/";
    let mut words = |text: &str, path: Option<String>| {
        if !text.is_empty() {
            pieces.push(Piece {
                text: text.to_owned(),
                is_code: path.is_some(),
                path,
            });
        }
    };
    while let Some(begin) = text.find(API) {
        let address = &text[begin..];
        let is_end =
            |character: char| character.is_whitespace() || matches!(character, ',' | ';' | ')');
        let end = address[API.len()..]
            .find(is_end)
            .map_or(address.len(), |end| API.len() + end);
        let address = address[..end].trim_end_matches(['.', ':', '…']);
        words(&text[..begin], None);
        words(address, page_of(address));
        text = &text[begin + address.len()..];
    }
    words(text, None);
}

/// The page about a command or an address of the API, relative to the root.
fn page_of(code: &str) -> Option<String> {
    let path = code
        .strip_prefix("GET /instagram/")
        .map(|path| path.trim_end_matches('/'));
    let command = code.strip_prefix("chatrace-webhook ");
    let path = match (path, command) {
        (Some(path), _) => match path.split(['/', '?']).next()? {
            "deliveries" if path.contains('{') => "deliveries",
            "deliveries" => path,
            "messages" => "messages",
            "contacts" => "conversations",
            "destinations" => "forwarding",
            "diagnosis" | "stats" => ".",
            _ => return None,
        },
        (_, Some(command)) => match command.split(' ').next()? {
            "setup" => "setup",
            "reprocess" => "quarantine",
            "forward" => "forwarding",
            _ => return None,
        },
        _ => return None,
    };
    Some(path.to_owned())
}

/// The message with a kind.
pub(super) fn of_kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text => "kind-text",
        Kind::Media => "kind-media",
        Kind::Share => "kind-share",
        Kind::StoryMention => "kind-story-mention",
        Kind::Postback => "kind-postback",
        Kind::Reaction => "kind-reaction",
        Kind::Comment => "kind-comment",
        Kind::Edit => "kind-edit",
        Kind::Deletion => "kind-deletion",
        Kind::Referral => "kind-referral",
        Kind::Unsupported => "kind-unsupported",
    }
}

/// The message with a direction.
pub(super) fn of_direction(direction: &Direction) -> &'static str {
    match direction {
        Direction::Inbound => "direction-inbound",
        Direction::Outbound => "direction-outbound",
    }
}

/// The message with an outcome.
pub(super) fn of_outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Stored => "outcome-stored",
        Outcome::Duplicate => "outcome-duplicate",
        Outcome::Ignored => "outcome-ignored",
        Outcome::Quarantined => "outcome-quarantined",
        Outcome::Spooled => "outcome-spooled",
    }
}

/// The message with the state of a destination.
pub(super) fn of_health(health: &DestinationHealth) -> &'static str {
    match health {
        DestinationHealth::Up => "destination-up",
        DestinationHealth::Down => "destination-down",
        DestinationHealth::Paused => "destination-paused",
        DestinationHealth::NotConfigured => "destination-not-configured",
    }
}

/// The name that a message came with.
pub(super) fn own_name(message: &Message) -> Option<&str> {
    message
        .display_name
        .as_deref()
        .or(message.username.as_deref())
}

/// What a person is called: their name, their handle or their id.
pub(super) fn name_of(person: &ContactView) -> &str {
    let name = person
        .display_name
        .as_deref()
        .or(person.username.as_deref());
    name.unwrap_or(&person.id)
}

/// The address of a person's conversation, relative to the root.
pub(super) fn conversation(channel: &str, id: &str) -> String {
    address("conversation", &[("channel", channel), ("id", id)])
}

/// The address of a view with these parameters, without those that are empty.
pub(super) fn address(view: &str, parameters: &[(&str, &str)]) -> String {
    let begin = format!("{view}?");
    let length = begin.len();
    let mut query = form_urlencoded::Serializer::for_suffix(begin, length);
    query.extend_pairs(parameters.iter().filter(|(_, value)| !value.is_empty()));
    query.finish()
}

/// The link to an attachment, if it is a web address: a foreign address may also be a script.
pub(super) fn link(attachment: &Attachment) -> Option<&str> {
    let url = attachment.url.as_deref()?;
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    is_web.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_become_links() {
        let to = |url: Option<&str>| Attachment {
            kind: "image".to_owned(),
            url: url.map(str::to_owned),
        };
        assert!(link(&to(Some("https://cdn.example/a.jpg"))).is_some());
        for url in [
            None,
            Some("javascript:alert(1)"),
            Some("data:text/html,x"),
            Some(""),
        ] {
            assert_eq!(link(&to(url)), None);
        }
    }

    #[test]
    fn what_the_page_shows_is_linked() {
        let sentence = "Run `doctor`, then `chatrace-webhook setup`. Look at GET /instagram/deliveries/01a2: it says why.";
        let shown = pieces(&Text::from(sentence.to_owned()), &Locale::En).into_iter();
        let shown: Vec<_> = shown
            .map(|piece| (piece.text, piece.is_code, piece.path))
            .collect();
        let piece = |text: &str, is_code, path: Option<&str>| {
            (text.to_owned(), is_code, path.map(str::to_owned))
        };
        assert_eq!(
            shown,
            [
                piece("Run ", false, None),
                piece("doctor", true, None),
                piece(", then ", false, None),
                piece("chatrace-webhook setup", true, Some("setup")),
                piece(". Look at ", false, None),
                piece("this delivery", false, Some("deliveries/01a2")),
                piece(": it says why.", false, None),
            ]
        );
    }

    #[test]
    fn an_id_of_any_letters_leads_to_its_conversation() {
        assert_eq!(
            conversation("instagram", "a/б&=?"),
            "conversation?channel=instagram&id=a%2F%D0%B1%26%3D%3F"
        );
    }
}
