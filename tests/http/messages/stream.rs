//! The messages as server-sent events.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Answer, App, Backend, TOKEN};

#[rstest]
#[tokio::test]
async fn a_stream_sends_what_comes_and_resumes_and_ends_with_the_service(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let _ = app.post(r#"{"contact_id":"1","text":"n0"}"#).await.ok();
    let open = |last: Option<String>| {
        let mut request = app
            .request(reqwest::Method::GET, "/instagram/messages/stream")
            .bearer_auth(TOKEN);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        request.send()
    };
    let mut stream = Events::of(open(None).await.unwrap());
    assert_eq!(stream.next().await.unwrap().1["text"], "n0");
    for number in 1..=3 {
        let _ = app
            .post(format!(r#"{{"contact_id":"1","text":"n{number}"}}"#))
            .await
            .ok();
    }
    let (id, message) = stream.next().await.unwrap();
    assert_eq!(message["text"], "n1");
    drop(stream);
    let mut resumed = Events::of(open(Some(id)).await.unwrap());
    assert_eq!(resumed.next().await.unwrap().1["text"], "n2");
    assert_eq!(resumed.next().await.unwrap().1["text"], "n3");
    let (end, ()) = tokio::join!(resumed.next(), app.stop());
    assert!(end.is_none());
}

#[rstest]
#[tokio::test]
async fn a_stream_takes_the_conditions_of_the_list(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let post = |text: &'static str| app.post(format!(r#"{{"contact_id":"1","text":"{text}"}}"#));
    for text in ["yes, before", "no, before"] {
        let _ = post(text).await.ok();
    }
    let path = "/instagram/messages/stream?q=YES&since=2020-01-01T00:00:00Z";
    let request = app.request(reqwest::Method::GET, path);
    let response = request.bearer_auth(TOKEN).send().await;
    let mut stream = Events::of(response.unwrap());
    assert_eq!(stream.next().await.unwrap().1["text"], "yes, before");
    for text in ["no, later", "yes, later"] {
        let _ = post(text).await.ok();
    }
    assert_eq!(stream.next().await.unwrap().1["text"], "yes, later");
}

#[rstest]
#[tokio::test]
async fn a_stream_that_is_cut_before_its_first_event_misses_nothing(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let post = |text: &'static str| app.post(format!(r#"{{"contact_id":"1","text":"{text}"}}"#));
    let _ = post("long ago").await.ok();
    let open = |last: Option<String>| {
        let request = app.request(
            reqwest::Method::GET,
            "/instagram/messages/stream?after=latest&q=rare",
        );
        let last = last.map(|last| ("last-event-id", last));
        let request = last.into_iter().fold(request, |request, (name, value)| {
            request.header(name, value)
        });
        request.bearer_auth(TOKEN).send()
    };
    let mut stream = Events::of(open(None).await.unwrap());
    let (id, data) = stream.block().await.unwrap();
    let end = app.get("/instagram/messages?after=latest").await.ok();
    assert_eq!((json!(id), data), (end["nextCursor"].clone(), None));
    drop(stream);
    for text in ["rare, while it is away", "often"] {
        let _ = post(text).await.ok();
    }
    let mut resumed = Events::of(open(Some(id)).await.unwrap());
    assert_eq!(
        resumed.next().await.unwrap().1["text"],
        "rare, while it is away"
    );
}

#[tokio::test]
async fn an_id_that_is_none_is_refused_and_an_empty_one_is_absent() {
    let app = App::start(Backend::Sqlite).await;
    let open = |id: &'static [u8]| {
        let id = reqwest::header::HeaderValue::from_bytes(id).unwrap();
        let path = "/instagram/messages/stream?after=latest";
        let request = app.request(reqwest::Method::GET, path);
        request.header("last-event-id", id).bearer_auth(TOKEN)
    };
    for wrong in [
        &b"m"[..],
        b"latest",
        b"d1",
        b"4",
        "mé".as_bytes(),
        b"m99999999999999999999",
    ] {
        let refused = Answer::to(open(wrong)).await.with(400);
        let sentence = refused["error"].as_str().unwrap();
        assert!(
            sentence.starts_with("`Last-Event-ID` is not an id"),
            "{sentence}"
        );
    }
    let _ = app.post(r#"{"contact_id":"1","text":"before"}"#).await.ok();
    let mut stream = Events::of(open(b"").send().await.unwrap());
    assert_eq!(stream.block().await.unwrap().0, "m1", "as `after` says");
}

/// Server-sent events, one after the other.
struct Events {
    response: reqwest::Response,
    buffer: String,
}

impl Events {
    fn of(response: reqwest::Response) -> Self {
        assert_eq!(response.status(), 200);
        Self {
            response,
            buffer: String::new(),
        }
    }

    /// The id and the data of the next event; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            let (id, data) = self.block().await?;
            if let Some(data) = data {
                return Some((id, serde_json::from_str(&data).unwrap()));
            }
        }
    }

    /// The id and the data, if there are some, of what comes next; `None` at the end.
    async fn block(&mut self) -> Option<(String, Option<String>)> {
        loop {
            if let Some(end) = self.buffer.find("\n\n") {
                let rest = self.buffer.split_off(end + 2);
                let event = &self.buffer;
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(str::trim)
                };
                let found =
                    field("id:").map(|id| (id.to_owned(), field("data:").map(str::to_owned)));
                self.buffer = rest;
                if found.is_some() {
                    return found;
                }
                continue;
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.buffer.push_str(str::from_utf8(&chunk).unwrap());
        }
    }
}
