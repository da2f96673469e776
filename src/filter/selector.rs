//! Which messages a destination gets.

use std::fmt;
use std::str::FromStr;

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
}

impl MessageSelector {
    /// Whether a message is wanted.
    pub fn selects(&self, message: &Message) -> bool {
        self.selects_parts(
            message.kind,
            message.direction,
            &message.channel,
            &message.contact_id,
        )
    }

    /// The same, of the parts of a message that are looked at.
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
        for (name, values) in form_urlencoded::parse(text.as_bytes()) {
            let mut values = values
                .split(',')
                .map(str::trim)
                .filter(|value| !value.is_empty());
            let named = |value, names: Vec<&str>| {
                format!(
                    "`{value}` is no {name}: expected one of {}",
                    names.join(", ")
                )
            };
            match &*name {
                "kind" => {
                    for value in values {
                        let kind = Kind::named(value);
                        let all = || Kind::ALL.iter().map(|kind| kind.as_str()).collect();
                        selector
                            .kinds
                            .push(kind.ok_or_else(|| named(value, all()))?);
                    }
                }
                "direction" => {
                    let value = values.next().unwrap_or_default();
                    let all = || Direction::ALL.iter().map(|one| one.as_str()).collect();
                    let direction = Direction::named(value);
                    selector.direction = Some(direction.ok_or_else(|| named(value, all()))?);
                }
                "channel" => selector.channels.extend(values.map(Channel::asked)),
                "contactId" => selector.contacts.extend(values.map(str::to_owned)),
                other => {
                    return Err(format!(
                        "`{other}` is unknown: expected kind, direction, channel and contactId, as in \
                         kind=text,media&direction=inbound"
                    ));
                }
            }
        }
        Ok(selector)
    }
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
