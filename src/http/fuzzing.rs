//! What fuzzers feed of the parsers of requests.

use super::cursor::List;
use super::webhook::WebhookQuery;
use crate::crypto::{is_meta_signature, meta_signature};
use crate::filter::parse_moment;

/// A query: what authenticates, Meta's handshake, and the rest.
pub(crate) fn query(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let parsed = WebhookQuery::parse(Some(&text));
    let again = WebhookQuery::parse(Some(&parsed.rest));
    assert!(
        again.secrets.is_empty() && again.handshake.is_none(),
        "nothing of it is kept"
    );
    assert_eq!(again.rest, parsed.rest);
}

/// The header with Meta's signature.
pub(crate) fn signature(data: &[u8]) {
    let (secret, body) = ("app-secret".into(), b"{}");
    let is_right = data.eq_ignore_ascii_case(meta_signature(&secret, body).as_bytes());
    let is_accepted = is_meta_signature(&secret, data, body);
    assert!(is_right || !is_accepted, "nothing else is accepted");
}

/// A cursor, or a time of a filter.
pub(crate) fn cursor(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for list in [
        List::Messages,
        List::Deliveries,
        List::Contacts,
        List::LastContacts,
    ] {
        if let Ok(Some(position)) = list.position("after", Some(&text)) {
            assert!(position >= 0);
            assert_eq!(
                list.position("after", Some(&list.cursor(position))).ok(),
                Some(Some(position))
            );
        }
    }
    parse_moment(&text).ok();
}
