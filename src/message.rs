//! What a webhook body becomes: one [`Message`] of a conversation, in any shape of body.
//!
//! Domain types only: no I/O, no SQL, no HTTP. The normalizer produces [`Draft`]s; the store turns a
//! draft that it keeps into a [`Message`] by giving it a position.

mod contact;
mod names;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use contact::{list_bytes, optional_bytes};

pub use crate::time::millis;
pub use contact::Contact;
pub use names::{Channel, Direction, Kind, SentAtSource, Shape};

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

impl Attachment {
    /// A file of this kind, with its link if there is one.
    pub fn new(kind: impl Into<String>, url: Option<&str>) -> Self {
        Self {
            kind: kind.into(),
            url: url.map(str::to_owned),
        }
    }
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

/// A message as the normalizer reads it, before it is stored.
///
/// Every text in it can be stored: no NUL, no lone surrogate, ids of bounded length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The platform of the conversation.
    pub channel: Channel,
    /// Who wrote it.
    pub direction: Direction,
    /// What kind of event it is.
    pub kind: Kind,
    /// The id that the body gave the message (Meta's `mid`, a comment's id, or one an owner made).
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
    /// Files, pictures, posts and links besides or instead of the text.
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
    /// What makes it the same message as another one.
    pub identity: Identity,
    /// Other ids of the same person in the body: erasing the person finds them by any of these.
    pub aliases: Vec<String>,
}

impl Draft {
    /// How many bytes its texts take.
    pub(crate) fn text_bytes(&self) -> usize {
        let attachments = &self.attachments;
        let in_attachments = attachments
            .iter()
            .map(|one| one.kind.len() + optional_bytes([&one.url]));
        self.channel.as_str().len()
            + self.contact_id.len()
            + optional_bytes([
                &self.external_id,
                &self.sender_id,
                &self.recipient_id,
                &self.username,
                &self.display_name,
                &self.text,
                &self.reply_to,
                &self.payload,
            ])
            + list_bytes(&self.aliases)
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
