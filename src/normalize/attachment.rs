//! Files, pictures, posts and links beside a message.

use serde_json::Value;
use url::Url;

use super::fields::find;
use super::{json_text, scalar};
use crate::message::{Attachment, Kind};

/// No message has more files than this.
const MAX_ATTACHMENTS: usize = 100;
/// Longer links are not treated as links.
const MAX_URL: usize = 8192;
/// Lists within lists are followed this far.
const MAX_DEPTH: usize = 3;

/// The link, if the text is one and nothing else.
pub(super) fn url(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_link = ["http://", "https://"].iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    (is_link
        && text.len() <= MAX_URL
        && !text.contains(char::is_whitespace)
        && !text.contains('\0'))
    .then_some(text)
}

/// Whether a link leads to a file that somebody sent, where Meta keeps it.
pub(super) fn is_metas(link: &str) -> bool {
    let link = Url::parse(link).ok();
    let host = link.as_ref().and_then(Url::host_str).unwrap_or_default();
    host == "lookaside.fbsbx.com"
        || [".cdninstagram.com", ".fbcdn.net"]
            .iter()
            .any(|domain| host.ends_with(domain))
}

/// Adds the files under a key like `image_url` or `media`: a link, an object around one, or a list of them.
/// With an empty `kind`, the kind of the message decides later.
pub(super) fn add_links(value: &Value, kind: &str, found: &mut Vec<Attachment>) {
    add_all(value, kind, false, found, 0);
}

/// Adds the files under `attachments`, where a file may lack its link.
pub(super) fn add_files(value: &Value, found: &mut Vec<Attachment>) {
    add_all(value, "", true, found, 0);
}

fn add_all(value: &Value, kind: &str, is_list: bool, found: &mut Vec<Attachment>, depth: usize) {
    if depth > MAX_DEPTH || found.len() >= MAX_ATTACHMENTS {
        return;
    }
    match value {
        Value::Array(items) => {
            for item in items.iter().take(MAX_ATTACHMENTS) {
                add_all(item, kind, is_list, found, depth + 1);
            }
        }
        Value::String(text) => {
            if let Some(url) = url(text) {
                found.push(Attachment::new(kind, Some(url)));
            } else if let Some(inner) = json_text::in_string(text) {
                add_all(&inner, kind, is_list, found, MAX_DEPTH - 1);
            }
        }
        Value::Object(map) => {
            let payload = find(map, "payload").and_then(Value::as_object);
            let link = ["url", "mediaurl", "link", "src"].iter().find_map(|key| {
                let inner = payload.and_then(|payload| find(payload, key));
                let text = inner.or_else(|| find(map, key))?.as_str()?;
                url(text)
            });
            let word = find(map, "type")
                .and_then(scalar::label)
                .map(|word| word.to_lowercase());
            let word = match word {
                // Some say `type` and mean the MIME type.
                Some(word) if word.contains('/') => {
                    type_of_mime(&word).unwrap_or_default().to_owned()
                }
                Some(word) => word,
                None if !kind.is_empty() => kind.to_owned(),
                None => find(map, "mimetype")
                    .and_then(scalar::label)
                    .and_then(|mime| type_of_mime(&mime))
                    .unwrap_or_default()
                    .to_owned(),
            };
            // Meta lists a sticker twice, once as an image: one link is one file.
            let is_there = |link| found.iter().any(|file| file.url.as_deref() == Some(link));
            if link.map_or(is_list && !word.is_empty(), |link| !is_there(link)) {
                found.push(Attachment::new(word, link));
            }
        }
        _ => {}
    }
}

/// The attachment type for a MIME type.
pub(super) fn type_of_mime(mime: &str) -> Option<&'static str> {
    Some(match mime.split('/').next()? {
        "image" => "image",
        "video" => "video",
        "audio" => "audio",
        "application" | "text" => "file",
        _ => return None,
    })
}

/// The kind of a message that has attachments and no text. An attachment of an unknown type counts if it has a link.
pub(super) fn kind_of(attachments: &[Attachment]) -> Option<Kind> {
    let any = |test: fn(&Attachment) -> bool| attachments.iter().any(test);
    if any(|file| file.kind == "story_mention") {
        Some(Kind::StoryMention)
    } else if any(|file| is_share_word(&file.kind)) {
        Some(Kind::Share)
    } else if any(|file| is_media_word(&file.kind) || file.url.is_some()) {
        Some(Kind::Media)
    } else {
        None
    }
}

/// Words for files, pictures and sounds, as `type` and `last_input_type` spell them.
pub(super) fn is_media_word(word: &str) -> bool {
    matches!(
        word,
        "image"
            | "photo"
            | "picture"
            | "gif"
            | "animated_gif"
            | "sticker"
            | "video"
            | "audio"
            | "voice"
            | "file"
            | "document"
            | "media"
            | "ephemeral"
    )
}

/// Words for posts, reels and stories that are shared.
pub(super) fn is_share_word(word: &str) -> bool {
    matches!(
        word,
        "share" | "post" | "ig_post" | "ig_reel" | "reel" | "story" | "ig_story"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_bare_link_is_a_link() {
        assert_eq!(url(" https://a.test/x "), Some("https://a.test/x"));
        assert_eq!(url("look: https://a.test/x"), None);
        assert_eq!(url("https://a.test/x and more"), None);
        assert_eq!(url("é"), None);
    }

    #[test]
    fn a_meta_attachment_may_lack_its_payload() {
        let mut found = Vec::new();
        add_files(
            &json!([{"type": "ephemeral"}, {"type": "image", "payload": {"url": "https://a.test/x"}},
                    {"type": "share", "payload": null}, null, 7, {}]),
            &mut found,
        );
        let kinds: Vec<_> = found
            .iter()
            .map(|file| (file.kind.as_str(), file.url.is_some()))
            .collect();
        assert_eq!(
            kinds,
            [("ephemeral", false), ("image", true), ("share", false)]
        );
        assert_eq!(kind_of(&found), Some(Kind::Share));
    }

    #[test]
    fn a_mime_type_becomes_a_type() {
        for key in ["type", "mime_type", "mimeType"] {
            let mut found = Vec::new();
            add_links(
                &json!({"url": "https://a.test/x", key: "audio/ogg"}),
                "",
                &mut found,
            );
            assert_eq!(found[0].kind, "audio", "{key}");
        }
    }

    #[test]
    fn links_come_bare_in_objects_in_lists_and_in_strings() {
        for value in [
            json!("https://a.test/x"),
            json!({"url": "https://a.test/x"}),
            json!(["https://a.test/x"]),
            json!("[\"https://a.test/x\"]"),
        ] {
            let mut found = Vec::new();
            add_links(&value, "image", &mut found);
            assert_eq!(found, [Attachment::new("image", Some("https://a.test/x"))]);
        }
    }
}
