//! Which messages a destination gets.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::filter::parse_fixed_moment;
use crate::message::{Channel, Direction, Kind, Message};

/// Which messages are wanted, in the words of `GET /instagram/messages`: `kind=text,media&direction=inbound`. An absent
/// condition lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageSelector {
    text: String,
    kinds: Vec<Kind>,
    direction: Option<Direction>,
    channels: Vec<Channel>,
    contacts: Vec<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl MessageSelector {
    /// What a replay is about.
    pub(crate) fn of_replay(
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        contact: Option<String>,
    ) -> Self {
        let mut text = form_urlencoded::Serializer::new(String::new());
        let times = [("since", since), ("until", until)];
        for (name, time) in times
            .iter()
            .filter_map(|(name, time)| Some((name, (*time)?)))
        {
            text.append_pair(name, &time.to_string());
        }
        let contacts: Vec<_> = contact.into_iter().collect();
        for contact in &contacts {
            text.append_pair("contactId", contact);
        }
        Self {
            text: text.finish(),
            contacts,
            since,
            until,
            ..Self::default()
        }
    }

    /// Whether a message is wanted.
    pub fn selects(&self, message: &Message) -> bool {
        self.is_within(message.received_at)
            && self.selects_parts(
                message.kind,
                message.direction,
                &message.channel,
                &message.contact_id,
            )
    }

    /// Whether what arrived then is wanted.
    pub(crate) fn is_within(&self, received_at: Timestamp) -> bool {
        self.since.is_none_or(|since| received_at >= since)
            && self.until.is_none_or(|until| received_at < until)
    }

    /// Whether a message is wanted whenever it arrived.
    pub(crate) fn selects_parts(
        &self,
        kind: Kind,
        direction: Direction,
        channel: &Channel,
        contact: &str,
    ) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&kind))
            && self.direction.is_none_or(|wanted| wanted == direction)
            && (self.channels.is_empty() || self.channels.contains(channel))
            && (self.contacts.is_empty() || self.contacts.iter().any(|id| id == contact))
    }

    pub(crate) fn kinds(&self) -> Vec<String> {
        self.kinds.iter().map(ToString::to_string).collect()
    }

    pub(crate) fn directions(&self) -> Vec<String> {
        self.direction.iter().map(ToString::to_string).collect()
    }

    pub(crate) fn channels(&self) -> Vec<String> {
        let channels = self.channels.iter();
        channels
            .map(|channel| channel.as_str().to_owned())
            .collect()
    }

    pub(crate) fn contacts(&self) -> Vec<String> {
        self.contacts.clone()
    }

    /// The person, if it selects messages of one person only.
    pub(crate) fn contact(&self) -> Option<&str> {
        match self.contacts.as_slice() {
            [contact] => Some(contact),
            _ => None,
        }
    }

    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.since
    }

    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Whether it selects every message.
    pub(crate) fn is_all(&self) -> bool {
        self.text.is_empty()
    }
}

/// As it was written.
impl fmt::Display for MessageSelector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl FromStr for MessageSelector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut selector = Self {
            text: text.to_owned(),
            ..Self::default()
        };
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, values) = pair.split_once('=').unwrap_or((pair, ""));
            // A comma in a value is written %2C.
            let values: Vec<_> = values.split(',').map(decoded).collect();
            let first = values.first().map(String::as_str).unwrap_or_default();
            match name {
                "kind" => {
                    let kinds: Result<Vec<_>, _> =
                        values.iter().map(|one| named(one, Kind::ALL)).collect();
                    selector.kinds = kinds?;
                }
                "direction" => selector.direction = Some(named(first, Direction::ALL)?),
                "channel" => {
                    selector.channels = values.iter().map(|one| Channel::asked(one)).collect();
                }
                "contactId" => selector.contacts = values,
                "since" => selector.since = Some(parse_fixed_moment(first)?),
                "until" => selector.until = Some(parse_fixed_moment(first)?),
                other => {
                    return Err(format!(
                        "`{other}` is unknown: expected kind, direction, channel, contactId, since and until, as in \
                         kind=text,media&direction=inbound"
                    ));
                }
            }
        }
        Ok(selector)
    }
}

/// One of a few names.
fn named<T: FromStr + Copy + Into<&'static str>>(text: &str, all: &[T]) -> Result<T, String> {
    text.parse().map_err(|_| {
        let all: Vec<&str> = all.iter().map(|one| (*one).into()).collect();
        format!("`{text}` is unknown: expected one of {}", all.join(", "))
    })
}

/// A value as it was before it was put into a query.
fn decoded(value: &str) -> String {
    let value = value.trim().replace('+', " ");
    let value = percent_encoding::percent_decode_str(&value);
    value.decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, kind: Kind, direction: Direction, contact: &str) -> bool {
        let selector: MessageSelector = selector.parse().unwrap();
        selector.selects_parts(kind, direction, &Channel::Instagram, contact)
    }

    #[test]
    fn each_condition_narrows_and_several_values_widen() {
        let is = |selector| selects(selector, Kind::Text, Direction::Inbound, "1");
        for fits in [
            "",
            "kind=text",
            "kind=media,text",
            "kind=text&direction=inbound&channel=instagram&contactId=2,1",
        ] {
            assert!(is(fits), "{fits}");
        }
        for differs in [
            "kind=media",
            "direction=outbound",
            "channel=whatsapp",
            "contactId=2",
            "kind=text&contactId=2",
        ] {
            assert!(!is(differs), "{differs}");
        }
    }

    #[test]
    fn an_id_with_a_comma_stays_one_id() {
        let selector = MessageSelector::of_replay(None, None, Some("a,b+c".to_owned()));
        let read: MessageSelector = selector.to_string().parse().unwrap();
        assert_eq!(read, selector);
    }

    #[test]
    fn what_is_unknown_is_named() {
        for wrong in [
            "kind=word",
            "direction=in",
            "direction=",
            "contact=1",
            "text",
        ] {
            let error = wrong.parse::<MessageSelector>().unwrap_err();
            assert!(error.contains("expected"), "{error}");
        }
    }
}
