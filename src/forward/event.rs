//! What a destination gets: a message or a delivery as a request.

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use uuid::Uuid;

use crate::config::forward::MessageFormat;
use crate::delivery::Delivery;
use crate::message::{Direction, Message, millis};

/// The headers of a delivery that are about the connection it came by.
const NOT_RELAYED: [&str; 2] = ["content-length", "host"];

/// A message or a delivery on its way to a destination.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(super) position: i64,
    /// The same in every attempt.
    pub(super) id: Uuid,
    /// Events with the same one follow each other: the person of a message.
    pub(super) lane: String,
    /// When it arrived here.
    pub(super) received_at: Timestamp,
    pub(super) method: Method,
    /// To be added to the URL.
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A message as Standard Webhooks recommends.
#[derive(Serialize)]
struct StandardEvent<'a> {
    r#type: &'a str,
    #[serde(with = "millis")]
    timestamp: Timestamp,
    data: &'a Message,
}

/// A message as an event of `CloudEvents` 1.0 in structured mode.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'a str,
    id: Uuid,
    source: &'a str,
    r#type: &'a str,
    subject: &'a str,
    #[serde(with = "millis")]
    time: Timestamp,
    datacontenttype: &'a str,
    data: &'a Message,
}

impl Event {
    pub(super) fn of_message(message: &Message, format: MessageFormat) -> Self {
        let name = match message.direction {
            Direction::Inbound => "message.received",
            Direction::Outbound => "message.sent",
        };
        let (content_type, body) = match format {
            MessageFormat::Standard => (
                "application/json",
                serde_json::to_vec(&StandardEvent {
                    r#type: name,
                    timestamp: message.received_at,
                    data: message,
                }),
            ),
            MessageFormat::CloudEvents => (
                "application/cloudevents+json",
                serde_json::to_vec(&CloudEvent {
                    specversion: "1.0",
                    id: message.id,
                    source: "/instagram/messages",
                    r#type: name,
                    subject: &message.contact_id,
                    time: message.received_at,
                    datacontenttype: "application/json",
                    data: message,
                }),
            ),
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self {
            position: message.position,
            id: message.id,
            lane: format!("{} {}", message.channel.as_str(), message.contact_id),
            received_at: message.received_at,
            method: Method::POST,
            query: None,
            headers,
            // Texts and numbers can always be written.
            body: body.unwrap_or_default().into(),
        }
    }

    /// An alert, as JSON.
    pub(crate) fn of_alert(id: Uuid, made_at: Timestamp, body: Vec<u8>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self {
            position: 0,
            id,
            lane: String::new(),
            received_at: made_at,
            method: Method::POST,
            query: None,
            headers,
            body: body.into(),
        }
    }

    /// The original request. Deliveries have no order among themselves but that of their positions, which the worker
    /// keeps by sending one at a time.
    pub(super) fn of_delivery(position: i64, delivery: Delivery) -> Self {
        let mut headers = HeaderMap::new();
        let kept = delivery.headers.iter();
        for (name, value) in kept.filter(|(name, _)| !NOT_RELAYED.contains(&name.as_str())) {
            if let (Ok(name), Ok(value)) =
                (name.parse::<HeaderName>(), HeaderValue::from_str(value))
            {
                headers.append(name, value);
            }
        }
        let (query, body) = if delivery.is_query {
            (
                Some(String::from_utf8_lossy(&delivery.body).into_owned()),
                Bytes::new(),
            )
        } else {
            (None, delivery.body)
        };
        Self {
            position,
            id: delivery.id,
            lane: delivery.id.to_string(),
            received_at: delivery.received_at,
            method: delivery.method.parse().unwrap_or(Method::POST),
            query,
            headers,
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_relayed_as_it_came() {
        let delivery = Delivery {
            method: "PUT".to_owned(),
            content_type: Some("application/json".to_owned()),
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("content-length".to_owned(), "2".to_owned()),
                ("host".to_owned(), "shop.example".to_owned()),
                ("x-hub-signature-256".to_owned(), "sha256=00".to_owned()),
            ],
            ..Delivery::example("{}")
        };
        let event = Event::of_delivery(7, delivery);
        assert_eq!((event.position, event.method), (7, Method::PUT));
        assert_eq!((event.query, &event.body[..]), (None, &b"{}"[..]));
        let names: Vec<_> = event.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["content-type", "x-hub-signature-256"]);
    }

    #[test]
    fn a_delivery_that_is_a_query_stays_one() {
        let delivery = Delivery {
            method: "GET".to_owned(),
            is_query: true,
            ..Delivery::example("contact_id=1&text=hi")
        };
        let event = Event::of_delivery(7, delivery);
        assert_eq!(event.method, Method::GET);
        assert_eq!(event.query.as_deref(), Some("contact_id=1&text=hi"));
        assert!(event.body.is_empty());
    }
}
