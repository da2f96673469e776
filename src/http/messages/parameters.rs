//! The query parameters of those who read messages: each has some of its own, and the same conditions.

use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::extract::{moment, parsed};
use crate::export::Format;
use crate::filter::parse_text;
use crate::message::{Channel, Direction, Kind};
use crate::store::MessageFilter;

/// Declares parameters with the conditions on messages beside its own. (`#[serde(flatten)]` would neither name a wrong
/// parameter nor refuse one that does not exist.)
macro_rules! parameters {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Deserialize, IntoParams)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub(in crate::http) struct $name {
            $($(#[$field_meta])* pub(super) $field: $type,)*
            /// Of this customer.
            #[param(example = "12345", pattern = "^[^\\x00]*$")]
            contact_id: Option<String>,
            /// Of this kind.
            #[param(inline)]
            kind: Option<Kind>,
            /// `inbound`: the customer wrote; `outbound`: the business did.
            #[param(inline)]
            direction: Option<Direction>,
            /// On this channel: `instagram`, `messenger`, `whatsapp`, `telegram`, `web`, `sms`, `google`, `tiktok`, or
            /// what a body named.
            #[param(example = "instagram", pattern = "^[^\\x00]*$")]
            channel: Option<String>,
            /// Arrived at this time or later.
            #[serde(default, deserialize_with = "moment")]
            #[param(value_type = Option<String>, format = DateTime, example = "2026-07-09T14:56:00Z")]
            since: Option<Timestamp>,
            /// Arrived before this time.
            #[serde(default, deserialize_with = "moment")]
            #[param(value_type = Option<String>, format = DateTime)]
            until: Option<Timestamp>,
            /// With this in the text, whatever the case of its letters (with SQLite: of A to Z).
            #[serde(default, deserialize_with = "text")]
            #[param(min_length = 1, max_length = 200, pattern = "^[^\\x00]*$")]
            q: Option<String>,
        }

        impl $name {
            /// The conditions.
            pub(super) fn filter(&self) -> MessageFilter {
                MessageFilter {
                    contact_id: self.contact_id.clone(),
                    kind: self.kind,
                    direction: self.direction,
                    channel: self.channel.as_deref().map(Channel::asked),
                    since: self.since,
                    until: self.until,
                    text: self.q.clone(),
                }
            }
        }
    };
}

parameters! {
    /// Which messages, from where, and how patiently.
    ListMessages {
        /// The `nextCursor` of the last page; without it, from the beginning; `latest`: only what comes from now on.
        #[param(example = "m1", pattern = "^(m[0-9]{1,18}|latest)?$")]
        after: Option<String>,
        /// How many at most.
        #[param(minimum = 1, maximum = 1000, default = 100)]
        limit: Option<u32>,
        /// Seconds that the answer waits for the first message, if there is none yet.
        #[param(minimum = 0, maximum = 30, default = 0)]
        wait: Option<u64>,
    }
}

parameters! {
    /// Which messages, and from where.
    FollowMessages {
        /// A cursor; without it, from the beginning; `latest`: only what comes from now on.
        #[param(example = "m1", pattern = "^(m[0-9]{1,18}|latest)?$")]
        after: Option<String>,
    }
}

parameters! {
    /// Which messages, and in what form.
    ExportMessages {
        /// `jsonl`: one message as JSON in each line; `csv`: for spreadsheets.
        #[param(inline)]
        format: Format,
    }
}

fn text<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    parsed(value, parse_text)
}
