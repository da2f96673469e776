//! What can be asked for.

use jiff::Timestamp;
use regex_syntax::escape;
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::delivery::Outcome;
use crate::message::{Channel, Direction, Kind};

/// From which end a list is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Oldest first.
    #[default]
    Asc,
    /// Newest first.
    Desc,
}

/// Which part of a list is wanted: at most `limit` rows with a position greater than `after` and up to `until`, from
/// the end that `order` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// The position behind which the part begins.
    pub after: i64,
    /// The last position of the part.
    pub until: i64,
    /// How many rows at most.
    pub limit: u32,
    /// From which end.
    pub order: Order,
}

impl PageRequest {
    pub(super) fn is_empty(self) -> bool {
        self.after >= self.until
    }

    /// The same request, for the positions that are read first, at most so many.
    pub(super) fn first(self, positions: i64) -> Self {
        let (mut after, mut until) = (self.after, self.until);
        match self.order {
            Order::Asc => until = until.min(after.saturating_add(positions)),
            Order::Desc => after = after.max(until.saturating_sub(positions)),
        }
        Self {
            after,
            until,
            ..self
        }
    }

    /// The same request, up to a position.
    pub(super) fn up_to(self, position: i64) -> Self {
        match self.order {
            Order::Asc => Self {
                until: position,
                ..self
            },
            Order::Desc => Self {
                after: position - 1,
                ..self
            },
        }
    }

    /// The same request, for what is left when everything up to a position has been read.
    pub(crate) fn rest(self, read: i64) -> Self {
        match self.order {
            Order::Asc => Self {
                after: read,
                ..self
            },
            Order::Desc => Self {
                until: read - 1,
                ..self
            },
        }
    }

    /// The position that is read last.
    pub(super) fn last(self) -> i64 {
        match self.order {
            Order::Asc => self.until,
            Order::Desc => self.after + 1,
        }
    }

    /// The position that was read before the first one.
    pub(super) fn read(self) -> i64 {
        match self.order {
            Order::Asc => self.after,
            Order::Desc => self.until + 1,
        }
    }
}

/// Which messages are wanted; an absent condition lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Of this customer.
    pub contact_id: Option<String>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// In this direction.
    pub direction: Option<Direction>,
    /// On this channel.
    pub channel: Option<Channel>,
    /// Arrived at this time or later.
    pub since: Option<Timestamp>,
    /// Arrived before this time.
    pub until: Option<Timestamp>,
    /// With this in its text, whatever the case of its letters.
    pub text: Option<String>,
    /// Not a condition: only how messages begin is read, for those who show them. Long texts are cut, and long
    /// attachments and payloads left out.
    pub is_shortened: bool,
}

impl MessageFilter {
    /// Whether the rows that fit are found without looking at others: there is no condition, or one with an index. A
    /// contact's id is hardly ever another one's on another channel.
    pub(super) fn is_indexed(&self) -> bool {
        let unusual = [
            self.contact_id.is_some(),
            self.kind.is_some_and(|kind| kind != Kind::Text),
            self.direction
                .is_some_and(|direction| direction != Direction::Inbound),
            self.contact_id.is_none()
                && self
                    .channel
                    .as_ref()
                    .is_some_and(|channel| *channel != Channel::Instagram),
        ];
        let conditions = [
            self.contact_id.is_some(),
            self.kind.is_some(),
            self.direction.is_some(),
            self.channel.is_some() && self.contact_id.is_none(),
            self.since.is_some() || self.until.is_some(),
            self.text.is_some(),
        ];
        let count = |given: &[bool]| given.iter().filter(|given| **given).count();
        match count(&conditions) {
            0 => true,
            1 => count(&unusual) == 1,
            _ => false,
        }
    }
}

/// A text as a regular expression that finds it anywhere, whatever the case of its letters: each letter is written in
/// every case. So it means the same to the engines of both databases, whatever their locale. Both search in linear
/// time, which `LIKE` does not. Letters are the same if Unicode's simple case folding makes them so: `ß` and `ẞ`, but
/// not `ß` and `ss`; `е` and `ё` are two.
pub(super) fn pattern(text: &str) -> String {
    let mut pattern = String::new();
    for letter in text.chars() {
        let mut same = ClassUnicode::new([ClassUnicodeRange::new(letter, letter)]);
        same.case_fold_simple();
        let same = same.iter().flat_map(|range| range.start()..=range.end());
        let same: String = same.collect();
        if same.chars().nth(1).is_some() {
            pattern.extend(["[", &same, "]"]);
        } else {
            pattern.push_str(&escape(&same));
        }
    }
    pattern
}

/// In which order contacts come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ContactOrder {
    /// By their first message, oldest first.
    #[default]
    First,
    /// By their last message, newest first.
    Last,
}

/// Which contacts are wanted, and in which order; an absent condition lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactFilter {
    /// On this channel.
    pub channel: Option<Channel>,
    /// With this in their name, handle or id, whatever the case of its letters.
    pub text: Option<String>,
    /// In this order.
    pub order: ContactOrder,
}

impl ContactFilter {
    /// Whether the rows that fit are found without looking at others.
    pub(super) fn is_indexed(&self) -> bool {
        self.text.is_none() && self.channel != Some(Channel::Instagram)
    }
}

/// Which deliveries are wanted; an absent condition lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// With this outcome. `Quarantined`: with any item still in quarantine, whatever the delivery's own outcome.
    pub outcome: Option<Outcome>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_pattern_is_looked_for_as_it_stands() {
        assert_eq!(pattern(r"5.*(_\ №"), r"5\.\*\(_\\ №");
    }

    #[test]
    fn a_pattern_has_each_letter_in_every_case() {
        for (text, expected) in [
            ("Ёж", "[Ёё][Жж]"),
            ("ß", "[ßẞ]"),
            ("ς", "[Σςσ]"),
            ("K9", "[Kk\u{212a}]9"),
            ("日", "日"),
        ] {
            assert_eq!(pattern(text), expected);
        }
    }

    #[test]
    fn one_condition_with_an_index_needs_no_search() {
        let all = MessageFilter::default();
        let media = MessageFilter {
            kind: Some(Kind::Media),
            ..all.clone()
        };
        let text = MessageFilter {
            kind: Some(Kind::Text),
            ..all.clone()
        };
        let media_of_one = MessageFilter {
            contact_id: Some("1".to_owned()),
            ..media.clone()
        };
        let on_channel = |channel: Channel, contact: Option<&str>| MessageFilter {
            channel: Some(channel),
            contact_id: contact.map(str::to_owned),
            ..all.clone()
        };
        assert!(all.is_indexed() && media.is_indexed());
        assert!(!text.is_indexed() && !media_of_one.is_indexed());
        assert!(on_channel(Channel::Whatsapp, None).is_indexed());
        assert!(!on_channel(Channel::Instagram, None).is_indexed());
        assert!(on_channel(Channel::Whatsapp, Some("1")).is_indexed());
        assert!(on_channel(Channel::Instagram, Some("1")).is_indexed());
    }

    #[test]
    fn a_range_is_read_from_either_end_without_a_gap() {
        for order in [Order::Asc, Order::Desc] {
            for step in 1..7 {
                let mut rest = PageRequest {
                    after: 10,
                    until: 20,
                    limit: 1,
                    order,
                };
                let mut seen = Vec::new();
                while !rest.is_empty() {
                    let part = rest.first(step);
                    seen.extend(part.after + 1..=part.until);
                    rest = rest.rest(part.last());
                    assert_eq!(rest.read(), part.last());
                }
                seen.sort_unstable();
                assert_eq!(seen, (11..=20).collect::<Vec<_>>(), "{order:?} {step}");
            }
        }
    }
}
