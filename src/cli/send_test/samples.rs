//! Bodies as they really arrive, with new ids and times so that none is a duplicate, all of one contact that nobody
//! mistakes for a customer.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::normalize::RECOMMENDED;
use crate::time::new_id;

/// The contact of every test message.
pub(super) const CONTACT: &str = "send-test";
const NAME: &str = "Send Test";

#[derive(Debug)]
pub(super) struct TestSample {
    pub(super) name: &'static str,
    /// What it is, and its expected outcome.
    pub(super) description: &'static str,
    body: &'static str,
    /// The values to replace, by JSON pointer.
    fresh: &'static [(&'static str, Fresh)],
}

/// A new value.
#[derive(Debug, Clone, Copy)]
enum Fresh {
    Contact,
    Name,
    Text,
    /// The URL of a picture.
    Picture,
    /// A new id.
    Id,
    Seconds,
    Millis,
    /// A number of Chatrace's list of channels: Instagram.
    Instagram,
    /// A fixed word.
    Word(&'static str),
}

use Fresh::{Contact, Id, Instagram, Millis, Name, Picture, Seconds, Text, Word};

macro_rules! payload {
    ($file:literal) => {
        include_str!(concat!("../../../tests/payloads/", $file, ".json"))
    };
}

/// Every sample.
pub(super) static SAMPLES: [TestSample; 10] = [
    TestSample {
        name: "template",
        description: "the body that `setup` recommends: stored",
        body: RECOMMENDED,
        fresh: &[
            ("/contact_id", Contact),
            ("/external_id", Contact),
            ("/username", Contact),
            ("/full_name", Name),
            ("/text", Text),
            ("/last_input_type", Word("text")),
            ("/last_interaction", Millis),
        ],
    },
    TestSample {
        name: "picture",
        description: "the same with a picture's URL in the text's place: stored as media",
        body: RECOMMENDED,
        fresh: &[
            ("/contact_id", Contact),
            ("/external_id", Contact),
            ("/username", Contact),
            ("/full_name", Name),
            ("/text", Picture),
            ("/last_input_type", Word("image")),
            ("/last_interaction", Millis),
        ],
    },
    TestSample {
        name: "flat",
        description: "the flat body of the system that this one replaces: stored",
        body: payload!("27-original-flat-seconds"),
        fresh: &[
            ("/senderId", Contact),
            ("/username", Contact),
            ("/messageId", Id),
            ("/text", Text),
            ("/timestamp", Seconds),
        ],
    },
    TestSample {
        name: "button",
        description: "a button of a flow that sends its action: stored as postback",
        body: payload!("20-flat-action"),
        fresh: &[
            ("/phone", Contact),
            ("/message_id", Id),
            ("/last_interaction", Millis),
        ],
    },
    TestSample {
        name: "all-contact-data",
        description: "\"All Contact Data\", which has no text: ignored",
        body: payload!("12-contact-dump-api-record"),
        fresh: &[
            ("/id", Contact),
            ("/external_id", Contact),
            ("/phone", Word("")),
            ("/full_name", Name),
            ("/channel", Instagram),
            ("/last_interaction", Millis),
        ],
    },
    TestSample {
        name: "unfilled",
        description: "a variable that was typed instead of picked: quarantined",
        body: RECOMMENDED,
        fresh: &[
            ("/contact_id", Contact),
            ("/external_id", Contact),
            ("/username", Contact),
            ("/full_name", Name),
            ("/last_input_type", Word("text")),
            ("/last_interaction", Millis),
        ],
    },
    TestSample {
        name: "manychat",
        description: "ManyChat's names of the same things: stored",
        body: payload!("59-manychat-template"),
        fresh: &[
            ("/subscriber_id", Contact),
            ("/username", Contact),
            ("/first_name", Name),
            ("/message_text", Text),
            ("/message_id", Id),
        ],
    },
    TestSample {
        name: "meta",
        description: "a message as Meta itself posts it: stored",
        body: payload!("35-meta-text"),
        fresh: &[
            ("/entry/0/time", Millis),
            ("/entry/0/messaging/0/sender/id", Contact),
            ("/entry/0/messaging/0/timestamp", Millis),
            ("/entry/0/messaging/0/message/mid", Id),
            ("/entry/0/messaging/0/message/text", Text),
        ],
    },
    TestSample {
        name: "meta-postback",
        description: "a button as Meta posts it: stored as postback",
        body: payload!("46-meta-postback"),
        fresh: &[
            ("/entry/0/time", Millis),
            ("/entry/0/messaging/0/sender/id", Contact),
            ("/entry/0/messaging/0/timestamp", Millis),
            ("/entry/0/messaging/0/postback/mid", Id),
        ],
    },
    TestSample {
        name: "meta-comment",
        description: "a comment as Meta posts it: stored as comment",
        body: payload!("51-meta-comment"),
        fresh: &[
            ("/entry/0/time", Seconds),
            ("/entry/0/changes/0/value/from/id", Contact),
            ("/entry/0/changes/0/value/from/username", Contact),
            ("/entry/0/changes/0/value/id", Id),
            ("/entry/0/changes/0/value/text", Text),
        ],
    },
];

/// Parses the name of a sample on the command line.
pub(super) fn parser() -> impl TypedValueParser<Value = &'static TestSample> {
    let names = SAMPLES.iter().map(|sample| sample.name);
    PossibleValuesParser::new(names).try_map(|name| named(&name).ok_or("unknown name"))
}

fn named(name: &str) -> Option<&'static TestSample> {
    SAMPLES.iter().find(|sample| sample.name == name)
}

impl TestSample {
    /// The body with a new id and the time of now.
    pub(super) fn fresh(&self, now: Timestamp) -> String {
        let mut body: Value = serde_json::from_str(self.body).unwrap_or_default();
        for (pointer, fresh) in self.fresh {
            let value = fresh.value(now);
            if let Some(place) = body.pointer_mut(pointer) {
                *place = value;
            } else if let (Some(object), Some(key)) =
                (body.as_object_mut(), pointer.strip_prefix('/'))
            {
                object.insert(key.to_owned(), value);
            }
        }
        body.to_string()
    }
}

impl Fresh {
    fn value(self, now: Timestamp) -> Value {
        match self {
            Contact => json!(CONTACT),
            Name => json!(NAME),
            Text => json!(format!(
                "A test message of chatrace-webhook, {now:.0}, {}",
                new_id()
            )),
            Picture => json!(format!("https://cdn.example.test/{}.jpg", new_id())),
            Id => json!(format!("send-test-{}", new_id())),
            Seconds => json!(now.as_second()),
            Millis => json!(now.as_millisecond()),
            Instagram => json!(10),
            Word(word) => json!(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_of_the_test_contact_and_never_the_same_twice() {
        for sample in &SAMPLES {
            let now = Timestamp::UNIX_EPOCH;
            let first = sample.fresh(now);
            assert!(first.contains(&format!("\"{CONTACT}\"")), "{first}");
            // Two runs may send at the same moment.
            if sample.description.contains(": stored") {
                assert_ne!(first, sample.fresh(now), "{}", sample.name);
            }
            assert!(named(sample.name).is_some());
        }
    }
}
