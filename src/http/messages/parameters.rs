//! The query parameters for reading messages: each endpoint has its own, and all have the same filter.

use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::AppState;
use super::super::cursor::{List, page_limit};
use super::super::error::ApiError;
use super::super::extract::{moment, text};
use crate::export::{Format, Separator};
use crate::filter::Moment;
use crate::message::{Channel, Direction, Kind};
use crate::store::{MessageFilter, Order, PageRequest};

/// Declares a struct with its own parameters and those of the filter. (`#[serde(flatten)]` would neither name a wrong
/// parameter nor refuse an unknown one.)
macro_rules! parameters {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Deserialize, IntoParams)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub(in crate::http) struct $name {
            $($(#[$field_meta])* pub(super) $field: $type,)*
            /// Only messages of this customer.
            #[param(example = "12345", pattern = "^[^\\x00]*$")]
            contact_id: Option<String>,
            /// Only messages of this kind.
            #[param(inline)]
            kind: Option<Kind>,
            /// `inbound`: written by the customer; `outbound`: by the business.
            #[param(inline)]
            direction: Option<Direction>,
            /// Only messages on this channel: `instagram`, `messenger`, `whatsapp`, `telegram`, `web`, `sms`, `google`,
            /// `tiktok`, or another one that a body named.
            #[param(example = "instagram", pattern = "^[^\\x00]*$")]
            channel: Option<String>,
            /// Only messages that arrived at this time or later: as in RFC 3339, a date (its beginning in UTC), or how
            /// long ago (`30m`, `12h`, `7d`, `2w`).
            #[serde(default, deserialize_with = "moment")]
            #[param(value_type = Option<String>, example = "2026-07-09T14:56:00Z")]
            since: Option<Moment>,
            /// Only messages that arrived before this time.
            #[serde(default, deserialize_with = "moment")]
            #[param(value_type = Option<String>, example = "2026-07-10")]
            until: Option<Moment>,
            /// Only messages with this text in them. Ignores case.
            #[serde(default, deserialize_with = "text")]
            #[param(min_length = 1, max_length = 200, pattern = "^[^\\x00]*$")]
            q: Option<String>,
        }

        impl $name {
            pub(super) fn filter(&self, now: Timestamp) -> MessageFilter {
                MessageFilter {
                    contact_id: self.contact_id.clone(),
                    kind: self.kind,
                    direction: self.direction,
                    channel: self.channel.as_deref().map(Channel::asked),
                    since: self.since.map(|since| since.resolve(now)),
                    until: self.until.map(|until| until.resolve(now)),
                    text: self.q.clone(),
                    is_shortened: false,
                }
            }
        }
    };
}

parameters! {
    /// A page of messages to ask for.
    ListMessages {
        /// Only messages after this cursor: the `nextCursor` of the last page, or `m` and the `position` of a message.
        /// By default, from the beginning; `latest`: only new messages.
        #[param(example = "m1", pattern = "^(m[0-9]{1,18}|latest)?$")]
        after: Option<String>,
        /// Only messages before this cursor. With `order=desc`, the `nextCursor` of the last page goes here.
        #[param(example = "m9", pattern = "^(m[0-9]{1,18})?$")]
        before: Option<String>,
        /// `asc`: oldest first; `desc`: newest first, which does not go with `wait`.
        #[serde(default)]
        #[param(inline, default = "asc")]
        order: Order,
        /// The size of a page.
        #[param(minimum = 1, maximum = 1000, default = 100)]
        limit: Option<u32>,
        /// How many seconds to wait for the first message, if there is none. Neither with `order=desc` nor with
        /// `before`, since a new message comes last.
        #[param(minimum = 0, maximum = 30, default = 0)]
        wait: Option<u64>,
    }
}

parameters! {
    /// A stream of messages to ask for.
    FollowMessages {
        /// A cursor. By default, from the beginning; `latest`: only new messages.
        #[param(example = "m1", pattern = "^(m[0-9]{1,18}|latest)?$")]
        after: Option<String>,
    }
}

parameters! {
    /// A file of messages to ask for.
    ExportMessages {
        /// `jsonl`: one message as JSON in each line; `csv`: a table for spreadsheets.
        #[param(inline)]
        format: Format,
        /// What is between the cells of a `csv`: `,` or `;`, which Excel expects where the decimal sign is a comma.
        #[param(inline, default = ",")]
        separator: Option<Separator>,
    }
}

/// The position of the cursor `after`; `latest` is the current end of the list.
pub(super) async fn start(state: &AppState, cursor: Option<&str>) -> Result<i64, ApiError> {
    match cursor {
        Some("latest") => Ok(state.store.head().await?),
        cursor => {
            let position = List::Messages.position("after", cursor)?;
            Ok(position.unwrap_or_default())
        }
    }
}

impl ListMessages {
    /// The part of the list that is asked for, up to the last position there can be if nothing else is said.
    pub(super) async fn range(&self, state: &AppState) -> Result<PageRequest, ApiError> {
        let refused = |sentence: &str| Err(ApiError::BadRequest(sentence.to_owned()));
        let before = List::Messages.position("before", self.before.as_deref())?;
        let waits = self.wait.is_some_and(|seconds| seconds > 0);
        if waits && self.order == Order::Desc {
            return refused(
                "`wait` waits for new messages, and `order=desc` reads the old ones: leave one out.",
            );
        }
        if waits && before.is_some() {
            return refused(
                "`wait` waits for new messages, which come after `before`: leave one out.",
            );
        }
        if self.order == Order::Desc && self.after.as_deref() == Some("latest") {
            return refused(
                "`order=desc` begins with the latest message: leave `after=latest` out.",
            );
        }
        let after = start(state, self.after.as_deref()).await?;
        if before.is_some_and(|before| before <= after) {
            return refused("`before` must be a later cursor than `after`.");
        }
        Ok(PageRequest {
            after,
            until: before.map_or(i64::MAX, |before| before - 1),
            limit: page_limit(self.limit)?,
            order: self.order,
        })
    }
}
