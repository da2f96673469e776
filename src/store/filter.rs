//! What can be asked for.

use jiff::Timestamp;

use crate::delivery::Outcome;
use crate::message::{Channel, Direction, Kind};

/// Which part of a list is wanted: at most `limit` rows with a position greater than `after` and up to `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// The position behind which to begin.
    pub after: i64,
    /// The last position that is wanted.
    pub until: i64,
    /// How many rows at most.
    pub limit: u32,
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
    /// With this in its text, whatever the case of its letters: SQLite knows that of A to Z only.
    pub text: Option<String>,
}

impl MessageFilter {
    /// Whether the rows that fit are found without looking at others: there is no condition, or one with an index.
    pub(super) fn is_indexed(&self) -> bool {
        let unusual = [
            self.contact_id.is_some(),
            self.kind.is_some_and(|kind| kind != Kind::Text),
            self.direction
                .is_some_and(|direction| direction != Direction::Inbound),
            self.channel
                .as_ref()
                .is_some_and(|channel| *channel != Channel::Instagram),
        ];
        let conditions = [
            self.contact_id.is_some(),
            self.kind.is_some(),
            self.direction.is_some(),
            self.channel.is_some(),
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

    /// A text as a pattern of SQL's `LIKE` that finds it anywhere, with a backslash before what means something there.
    pub(super) fn pattern(text: &str) -> String {
        let mut pattern = String::from("%");
        for letter in text.chars() {
            if matches!(letter, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern.push('%');
        pattern
    }
}

/// Which contacts are wanted; an absent condition lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactFilter {
    /// On this channel.
    pub channel: Option<Channel>,
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
        assert_eq!(MessageFilter::pattern(r"50%_\o/"), r"%50\%\_\\o/%");
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
        assert!(all.is_indexed() && media.is_indexed());
        assert!(!text.is_indexed() && !media_of_one.is_indexed());
    }
}
