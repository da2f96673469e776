//! What a webhook body becomes: one [`Message`] of a conversation, whatever its shape was.
//!
//! Domain types only: no I/O, no SQL, no HTTP. The normalizer produces [`Draft`]s; the store turns a
//! draft that it keeps into a [`Message`] by giving it a position.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where a conversation takes place.
///
/// Chatrace says it as a word or as a number; a body that says nothing is Instagram's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// Instagram direct messages and comments, and the default.
    Instagram,
    /// Facebook Messenger.
    Messenger,
    /// WhatsApp.
    Whatsapp,
    /// Telegram.
    Telegram,
    /// A chat widget on a web site.
    Web,
    /// Text messages of a mobile phone.
    Sms,
    /// Google Business Messages.
    Google,
    /// TikTok.
    Tiktok,
    /// A channel this version has no name for, kept as the body spells it: lower-case, at most 32 characters.
    Other(String),
}

impl Channel {
    /// The channel's name in JSON and in the database.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Instagram => "instagram",
            Self::Messenger => "messenger",
            Self::Whatsapp => "whatsapp",
            Self::Telegram => "telegram",
            Self::Web => "web",
            Self::Sms => "sms",
            Self::Google => "google",
            Self::Tiktok => "tiktok",
            Self::Other(name) => name,
        }
    }

    /// The channel with this name, as [`as_str`](Self::as_str) gives it; an unknown name is kept as [`Other`](Self::Other).
    pub fn named(name: &str) -> Self {
        match name {
            "instagram" => Self::Instagram,
            "messenger" => Self::Messenger,
            "whatsapp" => Self::Whatsapp,
            "telegram" => Self::Telegram,
            "web" => Self::Web,
            "sms" => Self::Sms,
            "google" => Self::Google,
            "tiktok" => Self::Tiktok,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The channel that somebody asks for by name, whatever the case of its letters: those that are kept have small ones.
    pub fn asked(name: &str) -> Self {
        Self::named(&name.to_ascii_lowercase())
    }
}

impl Serialize for Channel {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Declares an enum whose variants each have one fixed name, used in JSON, in the database and in queries.
/// (The name is a `tt`: utoipa does not see into a `literal`.)
macro_rules! named_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:tt),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every variant, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in JSON, in the database and in queries.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The variant with this name, if there is one.
            pub fn named(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();

            fn from_str(name: &str) -> Result<Self, ()> {
                Self::named(name).ok_or(())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use named_enum;

named_enum! {
    /// Who wrote it.
    Direction {
        /// The customer wrote to the business.
        Inbound = "inbound",
        /// The business wrote to the customer (an echo, or a flow that reports its own answers).
        Outbound = "outbound",
    }
}

named_enum! {
    /// What kind of event of a conversation this is.
    Kind {
        /// It has text, whatever else stands beside it.
        Text = "text",
        /// A file, picture, video or voice message without text.
        Media = "media",
        /// A shared post, reel or story.
        Share = "share",
        /// The business was mentioned in a story.
        StoryMention = "story_mention",
        /// A pressed button.
        Postback = "postback",
        /// A reaction to a message, or its withdrawal.
        Reaction = "reaction",
        /// A comment under a post or a live video.
        Comment = "comment",
        /// The new text of an earlier message.
        Edit = "edit",
        /// An earlier message was taken back.
        Deletion = "deletion",
        /// The customer came by a link or an advertisement.
        Referral = "referral",
        /// A message of which only its existence is known.
        Unsupported = "unsupported",
    }
}

named_enum! {
    /// Where the time of a message was taken from.
    SentAtSource {
        /// The message's own time.
        Message = "message",
        /// The time of Meta's `entry` around it, because the message had none.
        Entry = "entry",
        /// The arrival of its delivery, because the body had no believable time.
        Arrival = "arrival",
    }
}

named_enum! {
    /// Which form of body something was read from.
    Shape {
        /// One object with keys like `contact_id` and `text`, perhaps in a wrapper: what a Chatrace flow sends.
        Flat = "flat",
        /// Chatrace's "All Contact Data", or another platform's contact record.
        ContactDump = "contact_dump",
        /// A transcript: `chat_history` as a list or as text.
        ChatHistory = "chat_history",
        /// `event` or `event_name` around the content.
        Event = "event",
        /// A frame of Chatrace's own inbox: `message` is a list, or a list as JSON inside a string.
        Dashboard = "dashboard",
        /// SendPulse's batch of events.
        Sendpulse = "sendpulse",
        /// Meta: `entry[].messaging[]`.
        MetaMessaging = "meta_messaging",
        /// Meta: `entry[].standby[]`.
        MetaStandby = "meta_standby",
        /// Meta: `entry[].changes[]`, or a bare `field` and `value`.
        MetaChanges = "meta_changes",
        /// Meta's WhatsApp form: `changes[].value.messages[]`.
        Whatsapp = "whatsapp",
        /// None of them.
        Unknown = "unknown",
    }
}

/// A file, picture, post or link that belongs to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attachment {
    /// What it is, in the sender's word: `image`, `video`, `audio`, `file`, `share`, `story_mention`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it can be fetched, if the body said so. Meta's links expire.
    #[schema(required)]
    pub url: Option<String>,
}

/// What makes two items the same message. See `docs/chatrace.md`, "Same message or a new one".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identity {
    /// At most one message ever has this key.
    Key(Uuid),
    /// The body has neither id nor time: two items with this key are one message only if their deliveries
    /// arrived within the dedupe window of each other.
    Window(Uuid),
}

/// A message as the normalizer reads it, before anything keeps it.
///
/// Every text in it can be stored: no NUL, no lone surrogate, ids of bounded length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Where the conversation takes place.
    pub channel: Channel,
    /// Who wrote it.
    pub direction: Direction,
    /// What kind of event it is.
    pub kind: Kind,
    /// The id which the body gave the message (Meta's `mid`, a comment's id, or one an owner made).
    pub external_id: Option<String>,
    /// The customer: the sender of an inbound message, the recipient of an outbound one.
    pub contact_id: String,
    /// Who sent it, if the body named them.
    pub sender_id: Option<String>,
    /// Who got it, if the body named them.
    pub recipient_id: Option<String>,
    /// The customer's handle, without a leading `@`.
    pub username: Option<String>,
    /// The customer's name as shown to people.
    pub display_name: Option<String>,
    /// What was written.
    pub text: Option<String>,
    /// Files, pictures, posts and links beside or instead of the text.
    pub attachments: Vec<Attachment>,
    /// The `mid` or the story this answers; of a reaction, an edit or a deletion: the message it is about.
    pub reply_to: Option<String>,
    /// The machine-readable part of a button, a quick reply, a reaction or a referral.
    pub payload: Option<String>,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Where that time was taken from.
    pub sent_at_source: SentAtSource,
    /// Which form of body it was read from.
    pub shape: Shape,
    /// Whether it was read from a body that had to be repaired first.
    pub recovered: bool,
    /// What makes it the same as another one.
    pub identity: Identity,
    /// Other ids of the same person which the body named: erasing the person finds them in every form.
    pub aliases: Vec<String>,
}

/// The customer of a conversation, as one item names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Where the conversation takes place.
    pub channel: Channel,
    /// The customer's id on that channel or in Chatrace.
    pub id: String,
    /// The customer's handle, without a leading `@`.
    pub username: Option<String>,
    /// The customer's name as shown to people.
    pub display_name: Option<String>,
    /// Other ids of the same person.
    pub aliases: Vec<String>,
}

/// How many bytes texts take, each of which may be absent.
fn length<'t>(texts: impl IntoIterator<Item = &'t Option<String>>) -> usize {
    texts.into_iter().flatten().map(String::len).sum()
}

/// How many bytes a list of texts takes.
fn length_of_list(texts: &[String]) -> usize {
    size_of_val(texts) + texts.iter().map(String::len).sum::<usize>()
}

impl Contact {
    /// How many bytes its texts take.
    pub(crate) fn texts(&self) -> usize {
        self.channel.as_str().len()
            + self.id.len()
            + length([&self.username, &self.display_name])
            + length_of_list(&self.aliases)
    }

    /// Leaves nothing but the ids, so that what is known of the names stays.
    pub fn forget_names(&mut self) {
        self.username = None;
        self.display_name = None;
    }

    /// Takes over the names of a later mention of the same contact, and adds its aliases.
    pub fn merge(&mut self, later: Self) {
        self.username = later.username.or(self.username.take());
        self.display_name = later.display_name.or(self.display_name.take());
        for alias in later.aliases {
            if !self.aliases.contains(&alias) {
                self.aliases.push(alias);
            }
        }
    }
}

impl Draft {
    /// How many bytes its texts take.
    pub(crate) fn texts(&self) -> usize {
        let attachments = &self.attachments;
        let in_attachments = attachments
            .iter()
            .map(|one| one.kind.len() + length([&one.url]));
        self.channel.as_str().len()
            + self.contact_id.len()
            + length([
                &self.external_id,
                &self.sender_id,
                &self.recipient_id,
                &self.username,
                &self.display_name,
                &self.text,
                &self.reply_to,
                &self.payload,
            ])
            + length_of_list(&self.aliases)
            + size_of_val(&attachments[..])
            + in_attachments.sum::<usize>()
    }

    /// The customer this message belongs to.
    pub fn contact(&self) -> Contact {
        Contact {
            channel: self.channel.clone(),
            id: self.contact_id.clone(),
            username: self.username.clone(),
            display_name: self.display_name.clone(),
            aliases: self.aliases.clone(),
        }
    }
}

/// A message that is kept, as the API shows it. Absent values are `null`, never left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "01a2040f-ed23-7574-ac16-ad6fae66b3ad", "position": 1, "channel": "instagram", "direction": "inbound",
    "kind": "text", "externalId": null, "contactId": "12345", "senderId": "12345", "recipientId": null,
    "username": "ana.shop", "displayName": "Ana", "text": "Is it in stock?", "attachments": [], "replyTo": null,
    "payload": null, "sentAt": "2026-11-22T16:21:22.000Z", "sentAtSource": "message",
    "receivedAt": "2026-11-22T16:21:22.334Z", "deliveryId": "01a2040f-ed1d-7538-9fcf-72dd32147a87", "shape": "flat",
    "recovered": false
}))]
pub struct Message {
    /// This service's id of the message (`UUIDv7`).
    pub id: Uuid,
    /// Its place in commit order. Grows, with gaps.
    pub position: i64,
    /// Where the conversation takes place.
    #[schema(value_type = String)]
    pub channel: Channel,
    /// Who wrote it.
    pub direction: Direction,
    /// What kind of event it is.
    pub kind: Kind,
    /// The id which the body gave it.
    #[schema(required)]
    pub external_id: Option<String>,
    /// The customer.
    pub contact_id: String,
    /// Who sent it, if known.
    #[schema(required)]
    pub sender_id: Option<String>,
    /// Who got it, if known.
    #[schema(required)]
    pub recipient_id: Option<String>,
    /// The customer's handle.
    #[schema(required)]
    pub username: Option<String>,
    /// The customer's name.
    #[schema(required)]
    pub display_name: Option<String>,
    /// What was written.
    #[schema(required)]
    pub text: Option<String>,
    /// Files, pictures, posts and links.
    pub attachments: Vec<Attachment>,
    /// What it answers or is about.
    #[schema(required)]
    pub reply_to: Option<String>,
    /// The machine-readable part of a button, reaction or referral.
    #[schema(required)]
    pub payload: Option<String>,
    /// When it was sent.
    #[serde(with = "millis")]
    pub sent_at: Timestamp,
    /// Where that time was taken from.
    pub sent_at_source: SentAtSource,
    /// When its delivery arrived.
    #[serde(with = "millis")]
    pub received_at: Timestamp,
    /// The delivery that brought it.
    pub delivery_id: Uuid,
    /// Which form of body it was read from.
    pub shape: Shape,
    /// Whether the body had to be repaired first.
    pub recovered: bool,
}

/// Times in JSON: RFC 3339, UTC, always three decimals.
pub mod millis {
    use jiff::Timestamp;
    use serde::Serializer;

    /// The time as `2026-07-09T14:56:00.123Z`.
    pub fn format(time: Timestamp) -> String {
        format!("{time:.3}")
    }

    /// For `#[serde(with)]`.
    #[expect(clippy::missing_errors_doc, reason = "the serializer's own errors")]
    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format(*time))
    }

    /// The same for a time that may be absent.
    pub mod option {
        use jiff::Timestamp;
        use serde::Serializer;

        /// For `#[serde(with)]`.
        #[expect(clippy::missing_errors_doc, reason = "the serializer's own errors")]
        pub fn serialize<S: Serializer>(
            time: &Option<Timestamp>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => super::serialize(time, serializer),
                None => serializer.serialize_none(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_always_have_three_decimals() {
        assert_eq!(
            millis::format("2026-07-09T14:56:00Z".parse().unwrap()),
            "2026-07-09T14:56:00.000Z"
        );
        assert_eq!(
            millis::format("2026-07-09T14:56:00.1239Z".parse().unwrap()),
            "2026-07-09T14:56:00.123Z"
        );
    }

    #[test]
    fn every_name_leads_back_to_its_variant() {
        for kind in Kind::ALL {
            assert_eq!(Kind::named(kind.as_str()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        for shape in Shape::ALL {
            assert_eq!(Shape::named(shape.as_str()), Some(*shape));
        }
        assert_eq!(Channel::named(Channel::Sms.as_str()), Channel::Sms);
        assert_eq!(Channel::named("viber"), Channel::Other("viber".to_owned()));
    }
}
