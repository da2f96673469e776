//! Messages as a file: lines of JSON, or a table for spreadsheets.
//!
//! One bounded page at a time is read and written, whatever the size of the whole.

mod table;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::named::impl_named;
use crate::store::{MessageFilter, MessageReader, Order, PageRequest, StoreError, message_page};

const PAGE: u32 = 1000;

/// The form of a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Format {
    /// One message as JSON in each line, exactly as the API gives it.
    Jsonl,
    /// A table with a header, for spreadsheets.
    Csv,
}

impl_named!(Format);

/// What is between the cells of a table.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    ToSchema,
    Debug,
    Default,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
pub enum Separator {
    #[default]
    #[serde(rename = ",")]
    #[strum(serialize = ",")]
    Comma,
    /// What Excel expects where the decimal sign is a comma.
    #[serde(rename = ";")]
    #[strum(serialize = ";")]
    Semicolon,
}

impl_named!(Separator);

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Jsonl,
    Csv(Separator),
}

impl Form {
    /// # Errors
    /// A sentence for the caller, if the two do not go together.
    pub(crate) fn new(format: Format, separator: Option<Separator>) -> Result<Self, &'static str> {
        match (format, separator) {
            (Format::Jsonl, None) => Ok(Self::Jsonl),
            (Format::Jsonl, Some(_)) => {
                Err("lines of JSON have no separator: leave it out, or choose the format csv")
            }
            (Format::Csv, separator) => Ok(Self::Csv(separator.unwrap_or_default())),
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Jsonl => "application/jsonl",
            Self::Csv(_) => "text/csv; charset=utf-8; header=present",
        }
    }
}

/// An export in progress, of all messages at its beginning.
#[derive(Debug)]
pub(crate) struct Export {
    filter: MessageFilter,
    form: Form,
    after: i64,
    head: i64,
    begun: bool,
    ended: bool,
    messages: u64,
}

impl Export {
    /// # Errors
    /// Those of the database.
    pub(crate) async fn begin(
        feed: &dyn MessageReader,
        filter: MessageFilter,
        form: Form,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            filter,
            form,
            after: 0,
            head: feed.head().await?,
            begun: false,
            ended: false,
            messages: 0,
        })
    }

    /// The number of messages so far.
    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }

    /// The next bytes of the file; `None` at its end. They may be empty if no message matches the filter.
    ///
    /// # Errors
    /// Those of the database. Then the file is incomplete.
    pub(crate) async fn next(
        &mut self,
        feed: &dyn MessageReader,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let request = PageRequest {
            after: self.after,
            until: self.head,
            limit: PAGE,
            order: Order::Asc,
        };
        let page = message_page(feed, &self.filter, request).await?;
        if page.unreadable > 0 {
            return Err(StoreError::Damaged(
                "some messages cannot be read".to_owned(),
            ));
        }
        let corrupt = |error: &dyn std::fmt::Display| StoreError::Corrupt(error.to_string());
        let bytes = match self.form {
            Form::Jsonl => {
                let mut bytes = Vec::new();
                for message in &page.messages {
                    serde_json::to_writer(&mut bytes, message).map_err(|error| corrupt(&error))?;
                    bytes.push(b'\n');
                }
                bytes
            }
            Form::Csv(separator) => table::rows(&page.messages, !self.begun, separator)
                .map_err(|error| corrupt(&error))?,
        };
        self.begun = true;
        self.ended = page.caught_up;
        self.after = page.last;
        self.messages += page.messages.len() as u64;
        Ok(Some(bytes))
    }
}
