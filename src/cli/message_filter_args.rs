//! The arguments by which commands filter messages: the same as the API's.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;

use crate::filter::{parse_moment, parse_text};
use crate::message::{Channel, Direction, Kind};
use crate::store::MessageFilter;
use crate::time::millis;

/// Only messages that match every given filter.
#[derive(Debug, Clone, Args)]
pub struct MessageFilterArgs {
    /// Arrived at this time or later, for example 2026-07-09T14:56:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub since: Option<Timestamp>,
    /// Arrived before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub until: Option<Timestamp>,
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
    pub(super) fn filter(self) -> MessageFilter {
        MessageFilter {
            contact_id: self.contact_id,
            kind: self.kind,
            direction: self.direction,
            channel: self.channel.as_deref().map(Channel::asked),
            since: self.since,
            until: self.until,
            text: self.query,
        }
    }

    /// The parameters of an API request.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let given = [
            ("since", self.since.map(millis::format)),
            ("until", self.until.map(millis::format)),
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
