//! `multipart/form-data`: the text fields of it, as the object they stand for.

use std::borrow::Cow;

use serde_json::Value;

use super::form;

/// More parts than this are no webhook.
const MAX_PARTS: usize = 1000;

/// Reads a multipart body: by its content type's boundary, or by the one it begins with.
pub(super) fn read(body: &[u8], content_type: &str) -> Option<Value> {
    if !content_type.contains("multipart/") && !body.starts_with(b"--") {
        return None;
    }
    // Case matters in a boundary, so the body's own line is asked, not the lower-cased header.
    let declared = parameter(content_type, "boundary").unwrap_or_default();
    let declared = format!("--{declared}");
    let boundary = body
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_end)
        .find(|line| match declared.as_str() {
            "--" => line.starts_with(b"--"),
            declared => line.eq_ignore_ascii_case(declared.as_bytes()),
        })?;
    if boundary.len() < 3 || boundary.len() > 200 {
        return None;
    }
    let mut fields = Vec::new();
    let (_, mut rest) = split(body, boundary)?;
    while fields.len() < MAX_PARTS {
        let Some((before, after)) = split(rest, boundary) else {
            break;
        };
        if let Some(field) = part(before) {
            fields.push(field);
        }
        rest = after;
    }
    (!fields.is_empty()).then(|| form::collect(fields.into_iter()))
}

/// What stands before and behind the next line that is the boundary, or its last one with two more dashes. In the
/// middle of a line, or with more behind it, it is a part's own text.
fn split<'b>(body: &'b [u8], boundary: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let mut from = 0;
    loop {
        let at = from + find(&body[from..], boundary)?;
        let (before, after) = (&body[..at], &body[at + boundary.len()..]);
        let line = after.split(|byte| *byte == b'\n').next().unwrap_or(after);
        let is_alone = after.starts_with(b"--") || line.trim_ascii().is_empty();
        if is_alone && (at == 0 || before.ends_with(b"\n")) {
            return Some((before, after));
        }
        from = at + 1;
    }
}

/// Name and text of one part; nothing for a file.
fn part(part: &[u8]) -> Option<(String, Cow<'_, str>)> {
    let part = part
        .strip_prefix(b"\r")
        .unwrap_or(part)
        .strip_prefix(b"\n")?;
    let (head, value) = if let Some(end) = find(part, b"\r\n\r\n") {
        (&part[..end], &part[end + 4..])
    } else {
        let end = find(part, b"\n\n")?;
        (&part[..end], &part[end + 2..])
    };
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    let value = value.strip_suffix(b"\r").unwrap_or(value);
    let head = String::from_utf8_lossy(head);
    let disposition = head.lines().find(|line| {
        line.to_ascii_lowercase()
            .starts_with("content-disposition:")
    })?;
    if parameter(disposition, "filename").is_some() {
        return None;
    }
    Some((
        parameter(disposition, "name")?,
        String::from_utf8_lossy(value),
    ))
}

fn parameter(line: &str, name: &str) -> Option<String> {
    line.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BODY: &str = "--X7\r\nContent-Disposition: form-data; name=\"contact_id\"\r\n\r\n1\r\n\
        --X7\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\nPNG\r\n\
        --X7\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhi\r\nyou\r\n--X7--\r\n";

    #[test]
    fn text_parts_are_fields_and_files_are_left_out() {
        let expected = Some(json!({"contact_id": "1", "text": "hi\r\nyou"}));
        assert_eq!(
            read(BODY.as_bytes(), "multipart/form-data; boundary=x7"),
            expected
        );
        assert_eq!(read(BODY.as_bytes(), ""), expected);
        assert_eq!(
            read(BODY.replace("\r\n", "\n").as_bytes(), "").unwrap()["contact_id"],
            "1"
        );
    }

    #[test]
    fn a_boundary_within_a_text_is_text() {
        let body = BODY.replace("you", "--X7y\r\na --X7\r\n--X7 b");
        let expected = Some(json!({"contact_id": "1", "text": "hi\r\n--X7y\r\na --X7\r\n--X7 b"}));
        assert_eq!(read(body.as_bytes(), ""), expected);
        let body = format!("-- a preamble\r\n{body}");
        for content_type in [
            "multipart/form-data; boundary=x7",
            "multipart/form-data; boundary=\"x7\"",
        ] {
            assert_eq!(read(body.as_bytes(), content_type), expected);
        }
    }

    #[test]
    fn what_only_begins_like_one_is_none() {
        for body in [
            "--",
            "--\n",
            "--a\n",
            "--a\n--a\n--a",
            "--a\nb: c\n\nd--a--",
            "x",
        ] {
            assert_eq!(
                read(body.as_bytes(), "multipart/form-data"),
                None,
                "{body:?}"
            );
        }
    }
}
