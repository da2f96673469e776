//! All messages, newest first.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use tokio::time::Instant;

use super::super::AppState;
use super::super::cursor::List;
use super::super::error::ApiError;
use super::super::messages;
use super::frame::{Frame, View};
use super::{failure, render, words};
use crate::filter::{parse_moment, parse_text};
use crate::message::{Channel, Direction, Kind, Message};
use crate::store::{FoundMessages, MessageFilter, Order, PageRequest};

/// How many messages a page shows.
const MESSAGES: u32 = 50;

/// The fields of the filter, as they were typed.
#[derive(Debug, Default)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn of(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        Self(
            pairs
                .filter(|(name, value)| name != "done" && !value.trim().is_empty())
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.trim())
    }

    /// The filter, or which field is wrong and why.
    fn filter(&self, frame: &Frame) -> Result<MessageFilter, ApiError> {
        let wrong =
            |name: &str, problem: String| ApiError::BadRequest(format!("`{name}` {problem}."));
        let time = |name| match self.get(name) {
            None => Ok(None),
            Some(text) => parse_moment(text)
                .map(|moment| Some(moment.resolve(frame.now)))
                .map_err(|problem| wrong(name, problem)),
        };
        let text = self.get("q").map(parse_text).transpose();
        Ok(MessageFilter {
            contact_id: self.get("contactId").map(str::to_owned),
            kind: self.get("kind").and_then(Kind::named),
            direction: self.get("direction").and_then(Direction::named),
            channel: self.get("channel").map(Channel::asked),
            since: time("since")?,
            until: time("until")?,
            text: text.map_err(|problem| wrong("q", problem))?,
            is_shortened: true,
        })
    }
}

#[derive(Template)]
#[template(path = "messages.html")]
struct MessagesTemplate {
    frame: Frame,
    fields: Fields,
    found: FoundMessages,
    names: HashMap<(String, String), String>,
    channels: [&'static str; 8],
    kinds: &'static [Kind],
}

impl MessagesTemplate {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).unwrap_or_default()
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.field(name) == value
    }

    /// Whether anything is filtered.
    fn is_filtered(&self) -> bool {
        self.fields.0.iter().any(|(name, _)| name != "before")
    }

    fn older(&self) -> String {
        let before = List::Messages.cursor(self.found.last);
        let others = self.fields.0.iter().filter(|(name, _)| name != "before");
        let others = others.map(|(name, value)| (name.as_str(), value.as_str()));
        let parameters: Vec<_> = others.chain([("before", before.as_str())]).collect();
        words::address("messages", &parameters)
    }

    /// The name that a message came with, or the latest one of its contact, or the id.
    fn name<'a>(&'a self, message: &'a Message) -> &'a str {
        let key = (
            message.contact_id.clone(),
            message.channel.as_str().to_owned(),
        );
        let known = || self.names.get(&key).map(String::as_str);
        words::own_name(message)
            .or_else(known)
            .unwrap_or(&message.contact_id)
    }
}

pub(super) async fn list(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    frame: Frame,
) -> Response {
    let frame = frame.of(View::Messages);
    let fields = Fields::of(&query.unwrap_or_default());
    match read(&state, &fields, &frame).await {
        Ok((found, names)) => render(&MessagesTemplate {
            frame,
            fields,
            found,
            names,
            channels: words::CHANNELS,
            kinds: Kind::ALL,
        }),
        Err(error) => failure(frame, &error),
    }
}

async fn read(
    state: &AppState,
    fields: &Fields,
    frame: &Frame,
) -> Result<(FoundMessages, HashMap<(String, String), String>), ApiError> {
    let filter = fields.filter(frame)?;
    let found = newest_before(state, &filter, fields.get("before")).await?;
    let nameless = found
        .messages
        .iter()
        .filter(|message| words::own_name(message).is_none());
    let nameless: Vec<_> = nameless
        .map(|message| message.contact_id.as_str())
        .collect();
    let names = state.store.contact_names(&nameless).await?.into_iter();
    let names = names.map(|one| ((one.id, one.channel.as_str().to_owned()), one.name));
    Ok((found, names.collect()))
}

/// The newest messages before a cursor, as many as a page shows.
pub(super) async fn newest_before(
    state: &AppState,
    filter: &MessageFilter,
    before: Option<&str>,
) -> Result<FoundMessages, ApiError> {
    let before = List::Messages.position("before", before)?;
    let range = PageRequest {
        after: 0,
        until: before.map_or(i64::MAX, |before| before - 1),
        limit: MESSAGES,
        order: Order::Desc,
    };
    messages::search(state, filter, range, Instant::now()).await
}
