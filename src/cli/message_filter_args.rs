//! The arguments by which commands filter messages: the same as the API's.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;

use crate::filter::{Moment, parse_moment, parse_text};
use crate::message::{Channel, Direction, Kind};
use crate::store::MessageFilter;
use crate::time::millis;

/// Only messages that match every given filter.
#[derive(Debug, Clone, Args)]
pub struct MessageFilterArgs {
    /// Arrived at this time or later: 2026-07-09T14:56:00Z, a date (its beginning in UTC), or how long ago (12h, 7d).
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub since: Option<Moment>,
    /// Arrived before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub until: Option<Moment>,
    /// Of this kind.
    #[arg(long, value_parser = names(Kind::ALL, Kind::as_str))]
    pub kind: Option<Kind>,
    /// inbound: written by the customer; outbound: by the business.
    #[arg(long, value_parser = names(Direction::ALL, Direction::as_str))]
    pub direction: Option<Direction>,
    /// On this channel, for example instagram or whatsapp.
    #[arg(long)]
    pub channel: Option<String>,
    /// Of this customer.
    #[arg(long, value_name = "ID")]
    pub contact_id: Option<String>,
    /// With this text in the message.
    #[arg(short, long = "query", value_name = "TEXT", value_parser = parse_text)]
    pub query: Option<String>,
}

impl MessageFilterArgs {
    /// The filter of a database query.
    pub(super) fn filter(self, now: Timestamp) -> MessageFilter {
        MessageFilter {
            contact_id: self.contact_id,
            kind: self.kind,
            direction: self.direction,
            channel: self.channel.as_deref().map(Channel::asked),
            since: self.since.map(|since| since.resolve(now)),
            until: self.until.map(|until| until.resolve(now)),
            text: self.query,
            is_shortened: false,
        }
    }

    /// The parameters of an API request.
    pub(super) fn parameters(&self, now: Timestamp) -> Vec<(&'static str, String)> {
        let resolved = |moment: Moment| millis::format(moment.resolve(now));
        let given = [
            ("since", self.since.map(resolved)),
            ("until", self.until.map(resolved)),
            ("kind", self.kind.map(|kind| kind.to_string())),
            (
                "direction",
                self.direction.map(|direction| direction.to_string()),
            ),
            ("channel", self.channel.clone()),
            ("contactId", self.contact_id.clone()),
            ("q", self.query.clone()),
        ];
        given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

/// Parses one of some names, which the help lists.
pub(super) fn names<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let named = move |given: String| all.iter().copied().find(|one| name(*one) == given);
    PossibleValuesParser::new(all.iter().map(|one| name(*one)))
        .try_map(move |given| named(given).ok_or("unknown name"))
}
