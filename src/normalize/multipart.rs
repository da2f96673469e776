//! `multipart/form-data`: its text fields, as a JSON object.

use std::borrow::Cow;

use serde_json::Value;

use super::form;

/// Further parts are left out.
const MAX_PARTS: usize = 1000;

/// Reads a multipart body: by its content type's boundary, or by the one it begins with.
pub(super) fn parse_parts(body: &[u8], content_type: &str) -> Option<Value> {
    if !content_type.contains("multipart/") && !body.starts_with(b"--") {
        return None;
    }
    // Case matters in a boundary, so it is taken from the body; the header is lower-cased.
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
    let mut start = None;
    let mut at = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        // In the middle of a line, or with more after it, it is a part's own text.
        let text = line.trim_ascii_end();
        if text == boundary || text.strip_suffix(b"--") == Some(boundary) {
            fields.extend(start.and_then(|start| parse_part(&body[start..at])));
            start = (text == boundary).then_some(at + line.len());
        }
        at += line.len();
        if fields.len() == MAX_PARTS {
            break;
        }
    }
    // The closing boundary may be missing.
    fields.extend(start.and_then(|start| parse_part(&body[start..at])));
    (!fields.is_empty()).then(|| form::object_of_pairs(fields.into_iter()))
}

/// Name and text of one part; nothing for a file.
fn parse_part(part: &[u8]) -> Option<(String, Cow<'_, str>)> {
    let (head, value) = if let Some(end) = find_bytes(part, b"\r\n\r\n") {
        (&part[..end], &part[end + 4..])
    } else {
        let end = find_bytes(part, b"\n\n")?;
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

fn find_bytes(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BODY: &str = "--X7\r\nContent-Disposition: form-data; name=\"contact_id\"\r\n\r\n1\r\n\
        --X7\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\n\
        Content-Type: image/png\r\n\r\nPNG\r\n\
        --X7\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhi\r\nyou\r\n--X7--\r\n";

    #[test]
    fn text_parts_are_fields_and_files_are_left_out() {
        let expected = Some(json!({"contact_id": "1", "text": "hi\r\nyou"}));
        assert_eq!(
            parse_parts(BODY.as_bytes(), "multipart/form-data; boundary=x7"),
            expected
        );
        assert_eq!(parse_parts(BODY.as_bytes(), ""), expected);
        assert_eq!(
            parse_parts(BODY.replace("\r\n", "\n").as_bytes(), "").unwrap()["contact_id"],
            "1"
        );
    }

    #[test]
    fn a_boundary_within_a_text_is_text() {
        let body = BODY.replace("you", "--X7y\r\na --X7\r\n--X7 b");
        let expected = Some(json!({"contact_id": "1", "text": "hi\r\n--X7y\r\na --X7\r\n--X7 b"}));
        assert_eq!(parse_parts(body.as_bytes(), ""), expected);
        let unfinished = body.strip_suffix("--X7--\r\n").unwrap();
        assert_eq!(parse_parts(unfinished.as_bytes(), ""), expected);
        let body = format!("-- a preamble\r\n{body}");
        for content_type in [
            "multipart/form-data; boundary=x7",
            "multipart/form-data; boundary=\"x7\"",
        ] {
            assert_eq!(parse_parts(body.as_bytes(), content_type), expected);
        }
    }

    #[test]
    fn dashes_take_linear_time() {
        let start = std::time::Instant::now();
        for body in [
            format!("{}\n{}", "-".repeat(150), "-".repeat(1 << 20)),
            format!("--a\n{}", "--a".repeat(1 << 18)),
            "--a\n".repeat(1 << 18),
        ] {
            assert_eq!(parse_parts(body.as_bytes(), "multipart/form-data"), None);
        }
        assert!(start.elapsed().as_secs() < 60);
    }

    #[test]
    fn a_body_that_only_begins_like_one_is_not_multipart() {
        for body in [
            "--",
            "--\n",
            "--a\n",
            "--a\n--a\n--a",
            "--a\nb: c\n\nd--a--",
            "x",
        ] {
            assert_eq!(
                parse_parts(body.as_bytes(), "multipart/form-data"),
                None,
                "{body:?}"
            );
        }
    }
}
