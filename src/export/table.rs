//! Messages as rows of CSV that spreadsheets open rightly and cannot run.
//!
//! RFC 4180, in UTF-8 with a byte order mark, without which Excel takes it for another encoding.
//!
//! What customers wrote is foreign. A cell that begins like a formula, or that is a number which a spreadsheet would
//! change (ids have 17 digits, of which Excel keeps 15; leading zeros vanish), gets an apostrophe in front. Not `="…"`:
//! that is a formula itself, and unreadable for every other program. So that the apostrophe can be taken away again, a
//! cell that begins with one gets another: exactly one is to be removed. <https://owasp.org/www-community/attacks/CSV_Injection>

use std::borrow::Cow;

use csv::{Terminator, WriterBuilder};

use crate::message::{Message, millis};

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The names of the columns: those of a message in JSON.
const COLUMNS: [&str; 21] = [
    "id",
    "position",
    "channel",
    "direction",
    "kind",
    "externalId",
    "contactId",
    "senderId",
    "recipientId",
    "username",
    "displayName",
    "text",
    "attachments",
    "replyTo",
    "payload",
    "sentAt",
    "sentAtSource",
    "receivedAt",
    "deliveryId",
    "shape",
    "recovered",
];

/// Rows, with a header if they are the first.
pub(super) fn rows(messages: &[Message], first: bool) -> Result<Vec<u8>, csv::Error> {
    let mut bytes = Vec::new();
    if first {
        bytes.extend(BYTE_ORDER_MARK);
    }
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(&mut bytes);
    if first {
        writer.write_record(COLUMNS)?;
    }
    for message in messages {
        writer.write_record(row(message).iter().map(|cell| cell.as_bytes()))?;
    }
    writer.flush()?;
    drop(writer);
    Ok(bytes)
}

fn row(message: &Message) -> [Cow<'_, str>; COLUMNS.len()] {
    let optional = |text: &'_ Option<String>| harmless(text.clone().unwrap_or_default());
    let attachments = if message.attachments.is_empty() {
        String::new()
    } else {
        serde_json::json!(message.attachments).to_string()
    };
    [
        message.id.to_string().into(),
        message.position.to_string().into(),
        harmless(message.channel.as_str()),
        message.direction.as_str().into(),
        message.kind.as_str().into(),
        optional(&message.external_id),
        harmless(message.contact_id.as_str()),
        optional(&message.sender_id),
        optional(&message.recipient_id),
        optional(&message.username),
        optional(&message.display_name),
        optional(&message.text),
        harmless(attachments),
        optional(&message.reply_to),
        optional(&message.payload),
        millis::format(message.sent_at).into(),
        message.sent_at_source.as_str().into(),
        millis::format(message.received_at).into(),
        message.delivery_id.to_string().into(),
        message.shape.as_str().into(),
        if message.recovered { "true" } else { "false" }.into(),
    ]
}

/// A foreign text as a cell.
fn harmless<'a>(text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let text = text.into();
    // The wide forms are operators in some East Asian settings.
    let runs = text.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠', '\'',
    ]);
    if runs || loses_digits(&text) {
        format!("'{text}").into()
    } else {
        text
    }
}

/// Whether a spreadsheet takes it for a number and shows another one.
fn loses_digits(text: &str) -> bool {
    let is_number = text.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && text.trim_end().parse::<f64>().is_ok();
    let is_plain = text.len() <= 15
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    is_number && !is_plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula() {
        for formula in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "＝1+1",
            "=cmd|' /C calc'!A0",
        ] {
            assert_eq!(harmless(formula), format!("'{formula}"));
        }
        assert_eq!(harmless("hello = world"), "hello = world");
        assert_eq!(harmless(""), "");
    }

    #[test]
    fn a_cell_keeps_its_digits() {
        for id in [
            "17841400538867190",
            "00491701234567",
            "12E34",
            "1.50",
            "007",
        ] {
            assert_eq!(harmless(id), format!("'{id}"));
        }
        for id in ["0", "12345", "123456789012345", "m_abc", "1-2-3"] {
            assert_eq!(harmless(id), id);
        }
    }

    #[test]
    fn what_is_put_in_front_can_be_taken_away() {
        for text in ["'tis", "=1", "'=1", "hello", "17841400538867190"] {
            let cell = harmless(text);
            assert_eq!(cell.strip_prefix('\'').unwrap_or(&cell), text);
        }
    }
}
