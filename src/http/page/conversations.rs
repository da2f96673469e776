//! People, and the conversation with one of them.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::contacts::{self, ContactDetailView, ContactPage, ListContacts};
use super::super::cursor::List;
use super::super::erasure::{self, Erased};
use super::super::error::ApiError;
use super::super::extract::Query;
use super::form::SentForm;
use super::frame::{Frame, View};
use super::messages::newest_before;
use super::{done, failure, redirect, render, words};
use crate::i18n::Text;
use crate::message::{Channel, Kind, Message};
use crate::store::{ContactOrder, MessageFilter, PersonId};

/// How many people a page shows.
const PEOPLE: u32 = 50;

/// Which people.
#[derive(Debug, Deserialize)]
pub(super) struct PeopleQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    channel: String,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "conversations.html")]
struct ConversationsTemplate {
    frame: Frame,
    query: PeopleQuery,
    page: ContactPage,
    channels: [&'static str; 8],
}

impl ConversationsTemplate {
    /// The address of the next page.
    fn older(&self) -> String {
        let PeopleQuery { q, channel, .. } = &self.query;
        let after = &self.page.next_cursor;
        words::address(
            "conversations",
            &[("q", q), ("channel", channel), ("after", after)],
        )
    }
}

fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

pub(super) async fn list(
    State(state): State<AppState>,
    frame: Frame,
    query: Result<Query<PeopleQuery>, ApiError>,
) -> Response {
    let frame = frame.of(View::Conversations);
    let query = match query {
        Ok(Query(query)) => query,
        Err(error) => return failure(frame, &error),
    };
    let asked = ListContacts {
        after: query.after.clone(),
        order: ContactOrder::Last,
        q: filled(&query.q),
        channel: filled(&query.channel),
        limit: Some(PEOPLE),
    };
    match contacts::page(&state, asked).await {
        Ok(page) => render(&ConversationsTemplate {
            frame,
            query,
            page,
            channels: words::CHANNELS,
        }),
        Err(error) => failure(frame, &error),
    }
}

/// Which person.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PersonQuery {
    channel: String,
    id: String,
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "conversation.html")]
struct ConversationTemplate {
    frame: Frame,
    query: PersonQuery,
    person: ContactDetailView,
    entries: Vec<Entry>,
    /// Where older messages begin.
    older: Option<String>,
    /// Whether the newest message is on this page.
    is_newest: bool,
}

/// A message in its conversation.
struct Entry {
    message: Message,
    /// The day that begins with it.
    day: Option<String>,
    /// How the message begins that it answers.
    answers: Option<String>,
    /// Reactions to it, its edits, and its deletion.
    about_it: Vec<Message>,
}

impl ConversationTemplate {
    fn address(&self, page: &str) -> String {
        let PersonQuery { channel, id, .. } = &self.query;
        words::address(page, &[("channel", channel), ("id", id)])
    }

    fn older(&self, before: &str) -> String {
        format!("{}&before={before}", self.address("conversation"))
    }

    fn export(&self, format: &str) -> String {
        let contact = &self.person.contact;
        let separator = if format == "csv" { ";" } else { "" };
        let parameters = [
            ("contactId", contact.id.as_str()),
            ("channel", &contact.channel),
            ("format", format),
            ("separator", separator),
        ];
        words::address("instagram/messages/export", &parameters)
    }

    fn newest_position(&self) -> i64 {
        self.entries
            .last()
            .map_or(0, |entry| entry.message.position)
    }
}

pub(super) async fn show(
    State(state): State<AppState>,
    frame: Frame,
    query: Result<Query<PersonQuery>, ApiError>,
) -> Response {
    let frame = frame.of(View::Conversations);
    let found = match query {
        Ok(Query(query)) => conversation(&state, query).await,
        Err(error) => Err(error),
    };
    match found {
        Ok((query, person, messages, older)) => render(&ConversationTemplate {
            is_newest: query.before.is_none(),
            query,
            person,
            entries: entries(messages, &frame),
            older,
            frame,
        }),
        Err(error) => failure(frame, &error),
    }
}

async fn conversation(
    state: &AppState,
    query: PersonQuery,
) -> Result<(PersonQuery, ContactDetailView, Vec<Message>, Option<String>), ApiError> {
    let person = contacts::find(state, query.id.clone(), Some(&query.channel)).await?;
    let filter = MessageFilter {
        contact_id: Some(person.contact.id.clone()),
        channel: Some(Channel::asked(&person.contact.channel)),
        is_shortened: true,
        ..MessageFilter::default()
    };
    let found = newest_before(state, &filter, query.before.as_deref()).await?;
    let older = (!found.caught_up).then(|| List::Messages.cursor(found.last));
    let mut messages = found.messages;
    messages.reverse();
    Ok((query, person, messages, older))
}

/// Puts what is about another message of the page to that message.
fn entries(messages: Vec<Message>, frame: &Frame) -> Vec<Entry> {
    let excerpt = |message: &Message| {
        frame
            .short(message.text.as_deref().unwrap_or("…"))
            .into_owned()
    };
    let is_about_another =
        |message: &Message| matches!(message.kind, Kind::Reaction | Kind::Edit | Kind::Deletion);
    let answered: HashMap<String, String> = messages
        .iter()
        .filter(|message| !is_about_another(message))
        .filter_map(|message| Some((message.external_id.clone()?, excerpt(message))))
        .collect();
    let mut entries: Vec<Entry> = Vec::new();
    let mut places = HashMap::new();
    let mut day = None;
    for message in messages {
        let target = message.reply_to.as_ref().and_then(|id| places.get(id));
        if is_about_another(&message)
            && let Some(place) = target
        {
            let place: &usize = place;
            entries[*place].about_it.push(message);
            continue;
        }
        if let Some(id) = &message.external_id {
            places.insert(id.clone(), entries.len());
        }
        let its_day = frame.day(message.received_at);
        entries.push(Entry {
            day: (day.as_ref() != Some(&its_day)).then(|| its_day.clone()),
            answers: message
                .reply_to
                .as_ref()
                .and_then(|id| answered.get(id))
                .cloned(),
            about_it: Vec::new(),
            message,
        });
        day = Some(its_day);
    }
    entries
}

#[derive(Template)]
#[template(path = "erase.html")]
struct EraseTemplate {
    frame: Frame,
    query: PersonQuery,
    affected: erasure::AffectedView,
}

/// Shows what would be erased, and asks for a confirmation.
pub(super) async fn ask_to_erase(
    State(state): State<AppState>,
    frame: Frame,
    query: Result<Query<PersonQuery>, ApiError>,
) -> Response {
    let frame = frame.of(View::Conversations);
    let found = match query {
        Ok(Query(query)) => erasure::affected(&state, &person(&query))
            .await
            .map(|found| (query, found)),
        Err(error) => Err(error),
    };
    match found {
        Ok((query, affected)) => render(&EraseTemplate {
            frame,
            query,
            affected,
        }),
        Err(error) => failure(frame, &error),
    }
}

fn person(query: &PersonQuery) -> PersonId {
    PersonId {
        channel: Some(Channel::asked(&query.channel).as_str().to_owned()),
        id: query.id.clone(),
    }
}

pub(super) async fn erase(State(state): State<AppState>, form: SentForm) -> Response {
    let query = PersonQuery {
        channel: form.field("channel").to_owned(),
        id: form.field("id").to_owned(),
        before: None,
    };
    let confirmed = form.field("confirm").parse().ok();
    match erasure::erase_person(&state, &person(&query), confirmed).await {
        Ok(Erased::Done(totals)) => erased(&form.frame, totals.messages, totals.deliveries),
        // It is done already.
        Ok(Erased::Unconfirmed(affected)) if affected.contacts.is_empty() => {
            erased(&form.frame, 0, 0)
        }
        // There are others than were shown.
        Ok(Erased::Unconfirmed(_)) => {
            let PersonQuery { channel, id, .. } = &query;
            redirect(&words::address(
                "erase",
                &[("channel", channel), ("id", id)],
            ))
        }
        Err(error) => failure(form.frame, &error),
    }
}

fn erased(frame: &Frame, messages: u64, deliveries: u64) -> Response {
    let result = Text::new("erased-person")
        .with("messages", messages)
        .with("deliveries", deliveries);
    done(frame, "conversations", &result)
}
