//! What a message can be: its channel, direction, kind and shape, and the source of its time.

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, Display, EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::named::impl_named;

/// The platform of a conversation.
///
/// Chatrace says it as a word or as a number; a body that does not say it is Instagram's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, AsRefStr, EnumString)]
#[strum(serialize_all = "snake_case")]
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
    #[strum(default, transparent)]
    Other(String),
}

impl Channel {
    /// The channel's name in JSON and in the database.
    pub fn as_str(&self) -> &str {
        self.as_ref()
    }

    /// The channel with this name; an unknown one is kept as [`Other`](Self::Other).
    pub fn named(name: &str) -> Self {
        name.into()
    }

    /// The channel with this name in any case. Stored names are lower-case.
    pub fn asked(name: &str) -> Self {
        Self::named(&name.to_ascii_lowercase())
    }
}

impl Serialize for Channel {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Who wrote it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Direction {
    /// The customer wrote to the business.
    Inbound,
    /// The business wrote to the customer (an echo, or a flow that reports its own answers).
    Outbound,
}

/// What kind of event of a conversation this is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// It has text, alone or with something else.
    Text,
    /// A file, picture, video or voice message without text.
    Media,
    /// A shared post, reel or story.
    Share,
    /// The business was mentioned in a story.
    StoryMention,
    /// A pressed button.
    Postback,
    /// A reaction to a message, or its withdrawal.
    Reaction,
    /// A comment under a post or a live video.
    Comment,
    /// The new text of an earlier message.
    Edit,
    /// An earlier message was taken back.
    Deletion,
    /// The customer came by a link or an advertisement.
    Referral,
    /// A message whose content is unknown.
    Unsupported,
}

/// Where the time of a message was taken from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum SentAtSource {
    /// The message's own time.
    Message,
    /// The time of Meta's `entry` around it, because the message had none.
    Entry,
    /// The arrival of its delivery, because the body had no believable time.
    Arrival,
}

/// Which form of body something was read from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Shape {
    /// One object with keys like `contact_id` and `text`, perhaps in a wrapper: what a Chatrace flow sends.
    Flat,
    /// Chatrace's "All Contact Data", or another platform's contact record.
    ContactDump,
    /// A transcript: `chat_history` as a list or as text.
    ChatHistory,
    /// `event` or `event_name` around the content.
    Event,
    /// A frame of Chatrace's own inbox: `message` is a list, or a list as JSON inside a string.
    Dashboard,
    /// SendPulse's batch of events.
    Sendpulse,
    /// Meta: `entry[].messaging[]`.
    MetaMessaging,
    /// Meta: `entry[].standby[]`.
    MetaStandby,
    /// Meta: `entry[].changes[]`, or a bare `field` and `value`.
    MetaChanges,
    /// Meta's WhatsApp form: `changes[].value.messages[]`.
    Whatsapp,
    /// None of them.
    Unknown,
}

impl Shape {
    /// Whether Meta makes bodies of this shape itself, so that no owner of a flow can change them.
    pub fn is_metas(self) -> bool {
        matches!(
            self,
            Self::MetaMessaging | Self::MetaStandby | Self::MetaChanges | Self::Whatsapp
        )
    }
}

impl_named!(Direction, Kind, SentAtSource, Shape);

#[cfg(test)]
mod tests {
    use super::*;

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
