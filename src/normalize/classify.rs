//! What becomes of each item: the table of outcomes in `docs/chatrace.md`, row by row.

use super::extracted::{Action, Context, Extracted, Unfilled};
use super::{attachment, identity};
use crate::delivery::{Item, ReasonCode};
use crate::message::{Contact, Direction, Draft, Kind, SentAtSource};

/// Classifies one item: the first row of the table that fits.
pub(super) fn classify(extracted: Extracted, context: &Context) -> Item {
    let has_content = extracted.has_content();
    let has_contact = extracted.parties.contact.is_some();
    if let Some(Action::SystemEvent(what)) = extracted.action
        && !has_content
    {
        let text = format!("{what}, not a message");
        return ignored(&extracted, ReasonCode::NotAMessage, text);
    }
    if extracted.is_event && !has_content {
        let text = "an event without a message".to_owned() + &but_unfilled(&extracted);
        return ignored(&extracted, ReasonCode::BusinessEvent, text);
    }
    if matches!(extracted.action, Some(Action::Edit { .. })) && extracted.text.is_none() {
        return quarantined(
            &extracted,
            ReasonCode::EditWithoutContent,
            "edit without content: subscribe the app to `messages`".to_owned(),
        );
    }
    if extracted.is_record && !has_content && has_contact {
        let text = "contact data without a message".to_owned() + &but_unfilled(&extracted);
        return ignored(&extracted, ReasonCode::ContactOnly, text);
    }
    let is_message = has_contact && (has_content || extracted.id.is_some());
    if (has_content || is_message)
        && let Some(doubt) = &extracted.doubt
    {
        let text = format!(
            "{doubt}: what a customer typed can look like that; put the text last in the body, or declare the body as BODY_TEMPLATE"
        );
        return quarantined(&extracted, ReasonCode::Ambiguous, text);
    }
    if is_message {
        return draft(extracted, context);
    }
    if let (Some(unfilled), false) = (&extracted.unfilled_text, has_content) {
        let text = format!(
            "the flow sent {}: pick the variable from Chatrace's list so that it is filled",
            literally(unfilled)
        );
        return quarantined(&extracted, ReasonCode::UnfilledPlaceholder, text);
    }
    if has_contact {
        let advice = if extracted.shape.is_metas() {
            ""
        } else {
            ": add `\"text\":\"{{last_input}}\"` to the body"
        };
        let text = format!("a person, but no text, file or button{advice}");
        return quarantined(&extracted, ReasonCode::NoContent, text);
    }
    if has_content {
        let text = match &extracted.unfilled_person {
            Some(unfilled) => format!(
                "content, but no sender, because the flow sent {}: pick the variable from Chatrace's list",
                literally(unfilled)
            ),
            None => "content, but no sender: add `\"contact_id\":\"{{user_id}}\"` to the body"
                .to_owned(),
        };
        return quarantined(&extracted, ReasonCode::NoSender, text);
    }
    nothing_understood()
}

/// Neither a person nor content.
pub(super) fn nothing_understood() -> Item {
    not_understood(
        "neither a person nor a message was found: compare the body with the recommended one",
    )
}

/// Not understood, for this reason.
pub(super) fn not_understood(text: &str) -> Item {
    Item::quarantined(ReasonCode::NothingUnderstood, text, None)
}

/// Understood, with nothing to keep except the contact.
pub(super) fn ignored(extracted: &Extracted, code: ReasonCode, text: impl Into<String>) -> Item {
    Item::ignored(code, text, contact_of(extracted))
}

fn quarantined(extracted: &Extracted, code: ReasonCode, text: String) -> Item {
    Item::quarantined(code, text, contact_of(extracted))
}

/// The person it is about, unless a customer could have typed who that is.
fn contact_of(extracted: &Extracted) -> Option<Contact> {
    if extracted.doubt.is_some() {
        return None;
    }
    let parties = &extracted.parties;
    Some(Contact {
        channel: extracted.channel.clone(),
        id: parties.contact.clone()?,
        username: parties.username.clone(),
        display_name: parties.display_name.clone(),
        aliases: parties.aliases.clone(),
    })
}

fn literally(unfilled: &Unfilled) -> String {
    format!("{} literally in `{}`", unfilled.placeholder, unfilled.key)
}

fn but_unfilled(extracted: &Extracted) -> String {
    extracted
        .unfilled_text
        .as_ref()
        .map(|unfilled| format!(", but with {}", literally(unfilled)))
        .unwrap_or_default()
}

fn draft(extracted: Extracted, context: &Context) -> Item {
    let Some(contact) = extracted.parties.contact.clone() else {
        return nothing_understood();
    };
    let kind = message_kind(&extracted);
    let own_time = extracted.time.map(|(time, _)| time);
    let identity = identity::identify(&extracted, kind, &contact, own_time);
    let (sent_at, sent_at_source) = extracted
        .time
        .unwrap_or((context.arrival, SentAtSource::Arrival));
    let parties = extracted.parties;
    let (sender_id, recipient_id) = match extracted.direction {
        Direction::Inbound => (Some(contact.clone()), parties.business),
        Direction::Outbound => (parties.business, Some(contact.clone())),
    };
    Item::Message(Box::new(Draft {
        channel: extracted.channel,
        direction: extracted.direction,
        kind,
        external_id: extracted.id.map(|(id, _)| id),
        contact_id: contact,
        sender_id,
        recipient_id,
        username: parties.username,
        display_name: parties.display_name,
        text: extracted.text,
        attachments: extracted.attachments,
        reply_to: extracted.reply_to,
        payload: extracted.payload,
        sent_at,
        sent_at_source,
        shape: extracted.shape,
        recovered: context.recovered,
        identity,
        aliases: parties.aliases,
    }))
}

/// The kind, first that fits (section 2).
fn message_kind(extracted: &Extracted) -> Kind {
    match &extracted.action {
        Some(Action::Deletion) => Kind::Deletion,
        Some(Action::Reaction { .. }) => Kind::Reaction,
        Some(Action::Edit { .. }) => Kind::Edit,
        Some(Action::Postback) => Kind::Postback,
        Some(Action::Comment) => Kind::Comment,
        _ if extracted.text.is_some() => Kind::Text,
        action => attachment::kind_of(&extracted.attachments).unwrap_or(match action {
            Some(Action::Referral) => Kind::Referral,
            _ => Kind::Unsupported,
        }),
    }
}
