//! Which key means what: the table of aliases from `docs/chatrace.md`, section 2.
//!
//! Keys are compared lower-cased and without `_`, `-` and blanks, so `sender_id`, `senderId`, `sender-id` and
//! `Sender ID` are one entry. Within a meaning, the smaller number wins.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

/// What a key means. For `id`, `name`, `from`, `message`, `body` and `data` that depends on the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KnownField {
    // People
    /// An id of the customer, no matter who wrote.
    Customer(u8),
    /// An id of the author.
    Writer(u8),
    /// The one it was written to.
    Recipient,
    Handle(u8),
    Name(u8),
    WriterName,
    FirstName,
    LastName,
    /// What another platform keeps about a person.
    Variables,

    // The message
    /// An id which an owner gave the message.
    MessageId,
    /// Meta's id of a message.
    Mid,
    /// An owner's id of an event.
    EventId,
    /// An id of the object that has it.
    Id,
    Text(u8),
    /// What was written, or an object around it.
    Body(u8),
    Time(u8),
    /// When something was made: the message, or the contact's record.
    CreatedAt,
    Channel,
    /// `in` or `out`.
    Direction,
    /// What the author is: an agent, a bot, the customer.
    WriterType,
    /// 1 or 0.
    Dir,
    /// `incoming_message` or `outgoing_message`.
    Title,
    /// The kind of content in the text slot.
    InputType,
    KindWord(u8),
    /// The name of an event, or an object around the content.
    Event,
    /// A button of a flow.
    Action(u8),
    /// A link to a file of this type; if it is empty, the kind of the message decides.
    Media(&'static str),
    /// A link, if the kind says that it is one to a file.
    Url,
    MimeType,
    Attachments,
    /// The machine-readable part of a button.
    Payload,
    QuickReply,
    Postback,
    Reaction,
    /// The link or advertisement the customer came by.
    Referral,
    ReplyTo,
    Edit,
    /// The business wrote it.
    IsEcho,
    /// It was taken back.
    IsDeleted,
    /// Meta cannot show it.
    IsUnsupported,
    /// In Meta's form: the platform reports something that nobody wrote.
    SystemEvent(&'static str),

    // Containers
    Message,
    /// An object or list around everything.
    Wrapper,
    /// An object or list of messages.
    Messages,
    /// The author: an id, or an object.
    From,
    Sender,
    User,
    Contact,

    // A contact's record
    ChatHistory,
    /// The fields an owner added.
    CustomFields,
    /// Only a contact dump has it.
    DumpMark,
    /// Only a contact's record has it.
    RecordMark,
}

impl KnownField {
    /// Whether its value is something that a customer types: a text, a name or a handle.
    pub(super) fn is_typed(self) -> bool {
        matches!(
            self,
            Self::Text(_)
                | Self::Body(_)
                | Self::Message
                | Self::Handle(_)
                | Self::Name(_)
                | Self::WriterName
                | Self::FirstName
                | Self::LastName
        )
    }
}

use KnownField::{
    Action, Attachments, Body, Channel, ChatHistory, Contact, CreatedAt, CustomFields, Customer,
    Dir, Direction, DumpMark, Edit, Event, EventId, FirstName, From, Handle, Id, InputType,
    IsDeleted, IsEcho, IsUnsupported, KindWord, LastName, Media, Message, MessageId, Messages, Mid,
    MimeType, Name, Payload, Postback, QuickReply, Reaction, Recipient, RecordMark, Referral,
    ReplyTo, Sender, SystemEvent, Text, Time, Title, Url, User, Variables, Wrapper, Writer,
    WriterName, WriterType,
};

/// The rank of `user_id`: the customer's id at Chatrace, and elsewhere that of an employee beside a `contact_id`.
pub(super) const RANK_USER_ID: u8 = 1;
/// The rank of a contact dump's own `id`, and of `contact_id`.
pub(super) const RANK_CONTACT_ID: u8 = 2;
/// The rank of a `from` that is not an object.
pub(super) const RANK_FROM: u8 = 6;
/// The rank of an `id` inside `from`; `sender`, `user` and `contact` follow.
pub(super) const RANK_PERSON: u8 = 7;
/// The rank of `data.contact_id`.
pub(super) const RANK_DATA_CONTACT_ID: u8 = 11;
/// The rank of `phone`; the other numbers follow. A customer can be asked for them.
pub(super) const RANK_PHONE: u8 = 20;
/// Texts with these ranks have `last` in their name: only a contact's record has them.
pub(super) const LAST_TEXTS: [u8; 7] = [5, 6, 7, 8, 10, 11, 12];
/// Texts before this rank are those of the original system, which also read them under `message`.
pub(super) const ORIGINAL_TEXTS: u8 = 4;

const ALIASES: &[(&str, KnownField)] = &[
    // Who: the reading order of section 2. Ranks 6 to 11 come from the container.
    ("senderid", Writer(0)),
    ("userid", Customer(RANK_USER_ID)),
    ("contactid", Customer(RANK_CONTACT_ID)),
    ("msid", Customer(3)),
    ("subscriberid", Customer(4)),
    ("fromid", Writer(5)),
    ("fromuserid", Writer(RANK_FROM)),
    ("chatfueluserid", Customer(12)),
    ("bothelpuserid", Customer(13)),
    ("userns", Customer(14)),
    ("cuid", Customer(15)),
    ("igid", Customer(16)),
    ("externalid", Customer(17)),
    ("userexternalid", Customer(17)),
    ("messengeruserid", Customer(18)),
    ("sessionid", Customer(19)),
    ("phone", Customer(RANK_PHONE)),
    ("contactphone", Customer(21)),
    ("userphone", Customer(22)),
    ("phonenumber", Customer(23)),
    ("whatsapp", Customer(24)),
    ("waid", Customer(25)),
    ("recipientid", Recipient),
    ("recipient", Recipient),
    ("toid", Recipient),
    ("to", Recipient),
    ("username", Handle(0)),
    ("igusername", Handle(1)),
    ("instagramusername", Handle(2)),
    ("messengerusername", Handle(3)),
    ("name", Name(0)),
    ("fullname", Name(1)),
    ("contactname", Name(2)),
    ("contacto", Name(3)),
    ("sendername", WriterName),
    ("fromname", WriterName),
    ("authorname", WriterName),
    ("firstname", FirstName),
    ("lastname", LastName),
    ("variables", Variables),
    // The message
    ("messageid", MessageId),
    ("mid", Mid),
    ("eventid", EventId),
    ("id", Id),
    ("text", Body(0)),
    ("content", Body(2)),
    ("body", Body(3)),
    ("mensaje", Text(4)),
    ("lastinput", Text(5)),
    ("lasttextinput", Text(6)),
    ("lastinputtext", Text(7)),
    ("lasttext", Text(8)),
    ("messagetext", Text(9)),
    ("lastmessage", Text(10)),
    ("lastmsg", Text(11)),
    ("lastuserfreeforminput", Text(12)),
    ("caption", Text(13)),
    ("timestamp", Time(0)),
    ("time", Time(1)),
    ("createdat", CreatedAt),
    ("eventtime", Time(3)),
    ("lastinteraction", Time(4)),
    ("date", Time(5)),
    ("channel", Channel),
    ("service", Channel),
    ("direction", Direction),
    ("messagetype", Direction),
    ("traffic", Direction),
    ("sendertype", WriterType),
    ("dir", Dir),
    ("title", Title),
    ("lastinputtype", InputType),
    ("type", KindWord(0)),
    ("eventtype", KindWord(1)),
    ("event", Event),
    ("eventname", Event),
    ("action", Action(0)),
    ("lastbtttitle", Action(1)),
    ("mediaurl", Media("")),
    ("media", Media("")),
    ("fileurl", Media("file")),
    ("attachmenturl", Media("")),
    ("image", Media("image")),
    ("imageurl", Media("image")),
    ("audio", Media("audio")),
    ("audiourl", Media("audio")),
    ("video", Media("video")),
    ("videourl", Media("video")),
    ("attachments", Attachments),
    ("attachment", Attachments),
    ("lastinputattachments", Attachments),
    ("url", Url),
    ("mimetype", MimeType),
    ("payload", Payload),
    ("quickreply", QuickReply),
    ("postback", Postback),
    ("optin", Postback),
    ("reaction", Reaction),
    ("referral", Referral),
    ("replyto", ReplyTo),
    ("messageedit", Edit),
    ("isecho", IsEcho),
    ("isdeleted", IsDeleted),
    ("isunsupported", IsUnsupported),
    ("read", SystemEvent("a read receipt")),
    ("delivery", SystemEvent("a delivery receipt")),
    ("typing", SystemEvent("a typing notice")),
    ("passthreadcontrol", SystemEvent("a handover between apps")),
    ("takethreadcontrol", SystemEvent("a handover between apps")),
    (
        "requestthreadcontrol",
        SystemEvent("a handover between apps"),
    ),
    ("approles", SystemEvent("a handover between apps")),
    // Containers
    ("message", Message),
    ("messages", Messages),
    ("data", Wrapper),
    ("sample", Wrapper),
    ("from", From),
    ("sender", Sender),
    ("user", User),
    ("contact", Contact),
    ("subscriber", Contact),
    // A contact's record
    ("chathistory", ChatHistory),
    ("chathistorylarge", ChatHistory),
    ("customfields", CustomFields),
    ("pageid", DumpMark),
    ("subscribeddate", DumpMark),
    ("subscribed", RecordMark),
    ("conversationscount", RecordMark),
    ("firstcontactat", RecordMark),
    ("lastcontactat", RecordMark),
    ("profilepic", RecordMark),
    ("gender", RecordMark),
    ("locale", RecordMark),
    ("timezone", RecordMark),
];

static TABLE: LazyLock<HashMap<&str, KnownField>> =
    LazyLock::new(|| ALIASES.iter().copied().collect());

/// No alias is longer than this, so a longer key needs no look-up.
const LONGEST: usize = 24;

/// What this key means, in any spelling.
pub(super) fn known_field(key: &str) -> Option<KnownField> {
    let mut folded = [0; LONGEST];
    let folded = fold(key, &mut folded)?;
    TABLE.get(folded).copied()
}

/// Whether a key is this alias, which is given folded.
fn is(key: &str, alias: &str) -> bool {
    fold(key, &mut [0; LONGEST]) == Some(alias)
}

/// The value under an alias, which is given folded.
pub(super) fn find<'v>(map: &'v Map<String, Value>, alias: &str) -> Option<&'v Value> {
    map.get(alias).or_else(|| {
        map.iter()
            .find_map(|(key, value)| is(key, alias).then_some(value))
    })
}

fn fold<'b>(key: &str, buffer: &'b mut [u8; LONGEST]) -> Option<&'b str> {
    let mut length = 0;
    for byte in key.bytes() {
        if matches!(byte, b'_' | b'-' | b' ') {
            continue;
        }
        *buffer.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    str::from_utf8(&buffer[..length]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spelling_of_a_key_does_not_matter() {
        for key in [
            "sender_id",
            "senderId",
            "SENDER-ID",
            "Sender Id",
            "senderid",
        ] {
            assert_eq!(known_field(key), Some(Writer(0)), "{key}");
        }
        assert_eq!(known_field("last user freeform input"), Some(Text(12)));
        assert_eq!(known_field("señder"), None);
        assert_eq!(known_field(&"x".repeat(1000)), None);
    }

    #[test]
    fn every_alias_is_listed_once_and_folded() {
        assert_eq!(TABLE.len(), ALIASES.len());
        for (alias, meaning) in ALIASES {
            assert_eq!(known_field(alias), Some(*meaning), "{alias}");
        }
    }
}
