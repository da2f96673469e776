//! What becomes of what: the table of `docs/chatrace.md`, row by row.

use super::findings::Context;
use super::findings::{Act, Findings, Unfilled};
use super::{attachment, identity};
use crate::delivery::{Item, Reason, ReasonCode};
use crate::message::{Contact, Direction, Draft, Kind, SentAtSource};

/// Judges one item; the first row that fits.
pub(super) fn judge(findings: Findings, context: &Context) -> Item {
    let has_content = findings.has_content();
    let has_contact = findings.person.contact.is_some();
    if let Some(Act::Happening(what)) = findings.act
        && !has_content
    {
        let text = format!("{what}: nothing that anybody wrote");
        return ignored(&findings, ReasonCode::NotAMessage, text);
    }
    if findings.is_event && !has_content {
        let text = "an event without a message".to_owned() + &but_unfilled(&findings);
        return ignored(&findings, ReasonCode::BusinessEvent, text);
    }
    if matches!(findings.act, Some(Act::Edit { .. })) && findings.text.is_none() {
        return quarantined(
            &findings,
            ReasonCode::EditWithoutContent,
            "edit without content: subscribe the app to `messages`".to_owned(),
        );
    }
    if has_content && has_contact {
        return message(findings, context);
    }
    if findings.is_record && !has_content && has_contact {
        let text = "contact data without a message".to_owned() + &but_unfilled(&findings);
        return ignored(&findings, ReasonCode::ContactOnly, text);
    }
    if has_contact && findings.id.is_some() {
        return message(findings, context);
    }
    if let (Some(unfilled), false) = (&findings.unfilled_text, has_content) {
        let text = format!(
            "the flow sent {}: pick the variable from Chatrace's list so that it is filled",
            literally(unfilled)
        );
        return quarantined(&findings, ReasonCode::UnfilledPlaceholder, text);
    }
    if has_contact {
        let advice = if findings.is_metas() {
            ""
        } else {
            ": add `\"text\":\"{{last_input}}\"` to the body"
        };
        let text = format!("a person, but no text, file or button{advice}");
        return quarantined(&findings, ReasonCode::NoContent, text);
    }
    if has_content {
        let text = match &findings.unfilled_person {
            Some(unfilled) => format!(
                "content, but nobody who sent it, because the flow sent {}: pick the variable from Chatrace's list",
                literally(unfilled)
            ),
            None => {
                "content, but nobody who sent it: add `\"contact_id\":\"{{user_id}}\"` to the body"
                    .to_owned()
            }
        };
        return quarantined(&findings, ReasonCode::NoSender, text);
    }
    nothing_understood()
}

/// Neither a person nor content.
pub(super) fn nothing_understood() -> Item {
    unknown("neither a person nor a message was found: compare the body with the recommended one")
}

/// Not understood, for this reason.
pub(super) fn unknown(text: &str) -> Item {
    Item::Quarantined {
        reason: Reason::new(ReasonCode::NothingUnderstood, text),
        contact: None,
    }
}

/// Understood, and nothing in it to keep but the contact.
pub(super) fn ignored(findings: &Findings, code: ReasonCode, text: impl Into<String>) -> Item {
    Item::Ignored {
        reason: Reason::new(code, text),
        contact: contact(findings),
    }
}

/// The same where nobody is named.
pub(super) fn ignored_alone(code: ReasonCode, text: &str) -> Item {
    Item::Ignored {
        reason: Reason::new(code, text),
        contact: None,
    }
}

fn quarantined(findings: &Findings, code: ReasonCode, text: String) -> Item {
    Item::Quarantined {
        reason: Reason::new(code, text),
        contact: contact(findings),
    }
}

fn contact(findings: &Findings) -> Option<Box<Contact>> {
    let person = &findings.person;
    Some(Box::new(Contact {
        channel: findings.channel.clone(),
        id: person.contact.clone()?,
        username: person.username.clone(),
        display_name: person.display_name.clone(),
        aliases: person.aliases.clone(),
    }))
}

fn literally(unfilled: &Unfilled) -> String {
    format!("{} literally in `{}`", unfilled.placeholder, unfilled.key)
}

fn but_unfilled(findings: &Findings) -> String {
    findings
        .unfilled_text
        .as_ref()
        .map(|unfilled| format!(", but with {}", literally(unfilled)))
        .unwrap_or_default()
}

fn message(findings: Findings, context: &Context) -> Item {
    let Some(contact) = findings.person.contact.clone() else {
        return nothing_understood();
    };
    let kind = kind(&findings);
    let own_time = findings.time.map(|(time, _)| time);
    let identity = identity::of(&findings, kind, &contact, own_time);
    let (sent_at, sent_at_source) = findings
        .time
        .unwrap_or((context.arrival, SentAtSource::Arrival));
    let person = findings.person;
    let (sender_id, recipient_id) = match findings.direction {
        Direction::Inbound => (Some(contact.clone()), person.business),
        Direction::Outbound => (person.business, Some(contact.clone())),
    };
    Item::Message(Box::new(Draft {
        channel: findings.channel,
        direction: findings.direction,
        kind,
        external_id: findings.id.map(|(id, _)| id),
        contact_id: contact,
        sender_id,
        recipient_id,
        username: person.username,
        display_name: person.display_name,
        text: findings.text,
        attachments: findings.attachments,
        reply_to: findings.reply_to,
        payload: findings.payload,
        sent_at,
        sent_at_source,
        shape: findings.shape,
        recovered: context.recovered,
        identity,
        aliases: person.aliases,
    }))
}

/// The kind, first that fits (section 2).
fn kind(findings: &Findings) -> Kind {
    match &findings.act {
        Some(Act::Deletion) => Kind::Deletion,
        Some(Act::Reaction { .. }) => Kind::Reaction,
        Some(Act::Edit { .. }) => Kind::Edit,
        Some(Act::Postback) => Kind::Postback,
        Some(Act::Comment) => Kind::Comment,
        _ if findings.text.is_some() => Kind::Text,
        act => attachment::kind(&findings.attachments).unwrap_or(match act {
            Some(Act::Referral) => Kind::Referral,
            _ => Kind::Unsupported,
        }),
    }
}
