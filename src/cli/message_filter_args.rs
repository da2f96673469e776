//! Which messages a command is about: the same conditions as in the API.

use clap::Args;
use jiff::Timestamp;

use crate::filter::{parse_moment, parse_text};
use crate::message::{Channel, Direction, Kind, millis};
use crate::store::MessageFilter;

/// Which messages: every condition that is given must hold.
#[derive(Debug, Clone, Args)]
pub struct MessageFilterArgs {
    /// Arrived at this time or later, such as 2026-07-09T14:56:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub since: Option<Timestamp>,
    /// Arrived before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub until: Option<Timestamp>,
    /// Of this kind: text, media, share, `story_mention`, postback, reaction, comment, edit, deletion, referral or
    /// unsupported.
    #[arg(long, value_parser = kind)]
    pub kind: Option<Kind>,
    /// inbound: the customer wrote; outbound: the business did.
    #[arg(long, value_parser = direction)]
    pub direction: Option<Direction>,
    /// On this channel, such as instagram or whatsapp.
    #[arg(long)]
    pub channel: Option<String>,
    /// Of this customer.
    #[arg(long, value_name = "ID")]
    pub contact_id: Option<String>,
    /// With this in the text.
    #[arg(short, long = "query", value_name = "TEXT", value_parser = parse_text)]
    pub query: Option<String>,
}

impl MessageFilterArgs {
    /// For asking a database.
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

    /// For asking a service.
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

fn kind(name: &str) -> Result<Kind, String> {
    Kind::named(name).ok_or_else(|| one_of(Kind::ALL))
}

fn direction(name: &str) -> Result<Direction, String> {
    Direction::named(name).ok_or_else(|| one_of(Direction::ALL))
}

/// A sentence with all that there are.
pub(super) fn one_of<T: ToString>(all: &[T]) -> String {
    let names: Vec<_> = all.iter().map(ToString::to_string).collect();
    format!("must be one of {}", names.join(", "))
}
