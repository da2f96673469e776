//! CSV that opens correctly and is safe from formula injection.
//!
//! RFC 4180, in UTF-8 with a byte order mark: without it, Excel assumes another encoding.
//!
//! What customers wrote is foreign. An apostrophe is put before a cell that begins like a formula, or that a
//! spreadsheet would change as a number or a date (ids have 17 digits, of which Excel keeps 15; leading zeros vanish;
//! 3/4 is a day). `="…"` would be a formula itself, which other programs cannot read. A cell that begins with an
//! apostrophe gets another one, so that a reader always removes exactly one.
//! <https://owasp.org/www-community/attacks/CSV_Injection>
//!
//! Excel splits lines at the list separator of its regional settings, `;` in most of Europe, and only honours quotes
//! after that. A file for the one may be opened by the other. So a part of a text that begins like a formula after the
//! other separator, a tab or a line break gets an apostrophe, too.

use std::borrow::Cow;

use csv::{Terminator, WriterBuilder};

use super::Separator;
use crate::message::Message;
use crate::time::millis;

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
pub(super) fn rows(
    messages: &[Message],
    first: bool,
    separator: Separator,
) -> Result<Vec<u8>, csv::Error> {
    let mut bytes = Vec::new();
    if first {
        bytes.extend(BYTE_ORDER_MARK);
    }
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .delimiter(match separator {
            Separator::Comma => b',',
            Separator::Semicolon => b';',
        })
        .from_writer(&mut bytes);
    if first {
        writer.write_record(COLUMNS)?;
    }
    for message in messages {
        writer.write_record(row(message, separator).iter().map(|cell| cell.as_bytes()))?;
    }
    writer.flush()?;
    drop(writer);
    Ok(bytes)
}

fn row(message: &Message, separator: Separator) -> [Cow<'_, str>; COLUMNS.len()] {
    let optional =
        |text: &'_ Option<String>| safe_cell(text.clone().unwrap_or_default(), separator);
    let attachments = if message.attachments.is_empty() {
        String::new()
    } else {
        serde_json::json!(message.attachments).to_string()
    };
    [
        message.id.to_string().into(),
        message.position.to_string().into(),
        safe_cell(message.channel.as_str(), separator),
        message.direction.as_str().into(),
        message.kind.as_str().into(),
        optional(&message.external_id),
        safe_cell(message.contact_id.as_str(), separator),
        optional(&message.sender_id),
        optional(&message.recipient_id),
        optional(&message.username),
        optional(&message.display_name),
        optional(&message.text),
        safe_cell(attachments, separator),
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

/// The first character of formulas. The wide forms are operators in some East Asian settings.
const OPERATORS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Where a cell may begin within a text, for a spreadsheet that expects another separator.
fn foreign(separator: Separator) -> [char; 4] {
    let other = match separator {
        Separator::Comma => ';',
        Separator::Semicolon => ',',
    };
    [other, '\t', '\r', '\n']
}

/// A foreign text as a cell.
fn safe_cell<'a>(text: impl Into<Cow<'a, str>>, separator: Separator) -> Cow<'a, str> {
    let text = text.into();
    let begins = text.starts_with(OPERATORS)
        || text.starts_with(['\t', '\r', '\n', '\''])
        || is_changed(&text);
    let mut parts = text.split_inclusive(foreign(separator));
    let first = parts.next().unwrap_or_default();
    if !begins && !parts.clone().any(runs) {
        return text;
    }
    let mut cell = String::with_capacity(text.len() + 2);
    if begins {
        cell.push('\'');
    }
    cell.push_str(first);
    for part in parts {
        if runs(part) {
            cell.push('\'');
        }
        cell.push_str(part);
    }
    cell.into()
}

/// Whether a part of a text could run as a formula. One with apostrophes gets another, so that a reader removes exactly
/// one here, too.
fn runs(part: &str) -> bool {
    part.trim_start_matches(['"', '\'']).starts_with(OPERATORS)
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Whether a spreadsheet would change it as a number, a date or a time.
fn is_changed(text: &str) -> bool {
    let is_plain = text.len() <= 15
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    if is_plain || !text.contains(|letter: char| letter.is_ascii_digit()) {
        return false;
    }
    let is_number = text.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && text.trim_end().parse::<f64>().is_ok();
    let is_mark =
        |letter: &char| !letter.is_ascii_digit() && !" \u{a0}/-.,:%()$€£¥".contains(*letter);
    let word: String = text.chars().filter(is_mark).take(10).collect();
    let word = word.to_ascii_lowercase();
    let is_month = word.len() >= 3 && MONTHS.iter().any(|month| month.starts_with(&word));
    is_number || is_month || matches!(word.as_str(), "" | "a" | "p" | "am" | "pm")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comma(text: &str) -> Cow<'_, str> {
        safe_cell(text, Separator::Comma)
    }

    #[test]
    fn a_cell_is_no_formula() {
        for formula in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\tx",
            "\rx",
            "＝1+1",
            "=cmd|' /C calc'!A0",
        ] {
            assert_eq!(comma(formula), format!("'{formula}"));
        }
        for text in [
            "hello = world",
            "a; b",
            "a;b=1",
            "line\n\nline",
            "a\n'tis",
            "",
        ] {
            assert_eq!(comma(text), text);
        }
    }

    #[test]
    fn a_part_of_a_cell_is_no_formula_where_lists_are_separated_otherwise() {
        for (text, cell) in [
            ("a;=1;b;-2", "a;'=1;b;'-2"),
            ("a\r\n@SUM(A1)", "a\r\n'@SUM(A1)"),
            ("a\t＝1", "a\t'＝1"),
            ("a;\"=1\"", "a;'\"=1\""),
            ("a;'=1", "a;''=1"),
            ("\t=1", "'\t'=1"),
            (";=1", ";'=1"),
        ] {
            assert_eq!(comma(text), cell);
        }
    }

    #[test]
    fn a_cell_keeps_its_digits() {
        for id in [
            "17841400538867190",
            "00491701234567",
            "12E34",
            "1.50",
            "007",
            "3/4",
            "10-11",
            "1-2-3",
            "1,5",
            "1 000",
            "50%",
            "(5)",
            "5 €",
            "12:30",
            "9 PM",
            "4 Mar",
            "Sept-26",
        ] {
            assert_eq!(comma(id), format!("'{id}"));
        }
        for id in [
            "0",
            "12345",
            "123456789012345",
            "m_abc",
            "3/4 of it",
            "room 12",
            "10x",
            "see you at 12:30",
            "...",
        ] {
            assert_eq!(comma(id), id);
        }
    }

    #[test]
    fn a_part_of_a_cell_is_no_formula_for_who_expects_commas() {
        for (text, cell) in [
            ("a,=1;=2", "a,'=1;=2"),
            ("a\n-1", "a\n'-1"),
            (",@x", ",'@x"),
        ] {
            assert_eq!(safe_cell(text, Separator::Semicolon), cell);
        }
    }

    /// Takes away what was put in.
    fn plain(cell: &str, separator: Separator) -> String {
        let mut parts = cell.split_inclusive(foreign(separator));
        let first = parts.next().unwrap_or_default();
        let mut text = first.strip_prefix('\'').unwrap_or(first).to_owned();
        for part in parts {
            let inner = part.strip_prefix('\'').filter(|inner| runs(inner));
            text.push_str(inner.unwrap_or(part));
        }
        text
    }

    proptest::proptest! {
        #[test]
        fn what_is_put_in_can_be_taken_away(text in "[='\",;\t\n1a-]{0,12}") {
            for separator in Separator::ALL.iter().copied() {
                let cell = safe_cell(text.as_str(), separator);
                proptest::prop_assert_eq!(plain(&cell, separator), text.as_str());
            }
        }

        #[test]
        fn no_part_of_a_cell_runs(text in "[='\",;\t\n1a-]{0,12}") {
            for separator in Separator::ALL.iter().copied() {
                let cell = safe_cell(text.as_str(), separator);
                proptest::prop_assert!(!cell.starts_with(OPERATORS));
                for part in cell.split(foreign(separator)).skip(1) {
                    proptest::prop_assert!(!part.trim_start_matches('"').starts_with(OPERATORS));
                }
            }
        }
    }
}
