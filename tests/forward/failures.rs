//! What happens when a destination does not accept.

use std::collections::BTreeMap;

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use reqwest::Method;
use rstest::rstest;
use serde_json::Value;
use tokio::net::TcpListener;

use super::post;
use crate::support::destination::{Got, TestDestination, destination_where};
use crate::support::report::check;
use crate::support::{App, Backend};

/// The texts that were accepted, by person and in their order.
fn by_person(got: &[Got]) -> BTreeMap<String, Vec<String>> {
    let mut people: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in got.iter().filter(|one| one.is_accepted()) {
        let person = one.json()["data"]["contactId"].as_str().unwrap().to_owned();
        people.entry(person).or_default().push(one.text());
    }
    people
}

#[rstest]
#[tokio::test]
async fn an_outage_costs_no_message_and_keeps_the_order(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
    #[values(503, 401, 302)] status: u16,
) {
    let destination = TestDestination::start().await;
    destination.answer_all(status);
    let app = App::with(backend, &[("FORWARD_URL", &*destination.url)]).await;
    for number in 0..20 {
        post(&app, &(number % 4).to_string(), &number.to_string()).await;
    }
    destination.got_where(|got| got.len() >= 3).await;
    destination.answer_all(200);
    let got = destination.accepted(20).await;
    assert_eq!(got.len(), 20, "each once");
    for (person, texts) in by_person(&got) {
        let expected = (0..20).filter(|number| (number % 4).to_string() == person);
        let expected: Vec<_> = expected.map(|number| number.to_string()).collect();
        assert_eq!(texts, expected);
    }
    app.stop().await;
}

#[rstest]
#[tokio::test]
async fn one_refused_message_blocks_nobody_and_comes_later_under_its_id(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let destination = TestDestination::start().await;
    destination.answer(|got| {
        let status = if got.text() == "bad" { 422 } else { 200 };
        StatusCode::from_u16(status).unwrap().into_response()
    });
    let app = App::with(backend, &[("FORWARD_URL", &*destination.url)]).await;
    // The others come later: what is accepted before says nothing of the destination now.
    post(&app, "1", "bad").await;
    destination.got_where(|got| !got.is_empty()).await;
    for person in ["1", "2", "3"] {
        post(&app, person, "good").await;
    }
    let got = destination.accepted(3).await;
    assert!(got.iter().all(|one| one.text() == "good"));
    destination.answer_all(200);
    let got = destination.accepted(4).await;
    assert_eq!(got[3].text(), "bad");
    let all = destination.got();
    let ids: Vec<_> = all
        .iter()
        .filter(|one| one.text() == "bad")
        .map(Got::id)
        .collect();
    assert!(
        ids.len() >= 2 && ids.iter().all(|id| *id == ids[0]),
        "{ids:?}"
    );
    app.stop().await;
}

#[tokio::test]
async fn a_destination_that_hangs_or_is_not_there_is_down_and_comes_back() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let variables = [("FORWARD_URL", &*url), ("FORWARD_TIMEOUT", "1s")];
    let app = App::with(Backend::Sqlite, &variables).await;
    for number in 0..4 {
        post(&app, &number.to_string(), &number.to_string()).await;
    }
    // It takes connections and never answers.
    let down = destination_where(&app, "default", |one| one["state"] == "down").await;
    assert_eq!(down["lastFailure"]["problem"], "no answer came in time");
    let address = listener.local_addr().unwrap();
    drop(listener);
    let refused = |one: &Value| one["lastFailure"]["problem"] == "the connection is refused";
    destination_where(&app, "default", refused).await;
    let diagnosis = app.diagnosis().await;
    let check = check(&diagnosis, "forwarding");
    let observed = check["observed"].as_str().unwrap();
    assert!(
        observed.starts_with("default does not answer (the connection is refused) since ")
            && observed.ends_with("; 4 messages wait."),
        "{observed}"
    );
    let destination = TestDestination::on(TcpListener::bind(address).await.unwrap());
    destination.accepted(4).await;
    let up = destination_where(&app, "default", |one| one["forwarded"] == 4).await;
    assert_eq!(
        (&up["state"], &up["failingSince"]),
        (&"up".into(), &Value::Null)
    );
    assert_eq!(
        (&up["backlog"]["count"], &up["retries"]["waiting"]),
        (&0.into(), &0.into())
    );
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_no_acceptance() {
    let destination = TestDestination::start().await;
    destination.answer(|_| {
        let chunks = [Ok("half"), Err(std::io::Error::other("cut"))];
        Body::from_stream(futures_util::stream::iter(chunks)).into_response()
    });
    let app = App::with(Backend::Sqlite, &[("FORWARD_URL", &*destination.url)]).await;
    post(&app, "1", "hi").await;
    let down = destination_where(&app, "default", |one| one["state"] == "down").await;
    // Whether the beginning of the answer was sent before is the server's choice.
    let problem = down["lastFailure"]["problem"].as_str().unwrap();
    assert!(
        problem.contains("cut off") || problem.contains("closed"),
        "{problem}"
    );
    let before = destination.got().len();
    destination.answer_all(200);
    let got = destination.got_where(|got| got.len() > before).await;
    assert!(got.iter().all(|one| one.id() == got[0].id()));
}

#[tokio::test]
async fn a_pause_that_a_destination_asks_for_is_kept() {
    let destination = TestDestination::start().await;
    destination.answer(|_| (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "2")]).into_response());
    let app = App::with(Backend::Sqlite, &[("FORWARD_URL", &*destination.url)]).await;
    post(&app, "1", "hi").await;
    destination.got_where(|got| got.len() == 1).await;
    let asked = Instant::now();
    destination.answer_all(200);
    destination.accepted(1).await;
    assert!(
        asked.elapsed() >= Duration::from_millis(1900),
        "{:?}",
        asked.elapsed()
    );
}

#[rstest]
#[tokio::test]
async fn a_destination_that_is_gone_is_paused_until_it_is_resumed(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let destination = TestDestination::start().await;
    destination.answer_all(410);
    let app = App::with(backend, &[("FORWARD_URL", &*destination.url)]).await;
    post(&app, "1", "hi").await;
    let paused = destination_where(&app, "default", |one| {
        one["state"] == "paused" && one["lastFailure"]["answer"] == "because of canary-answer"
    });
    assert_eq!(paused.await["pauseReason"], "it answered 410 Gone");
    destination.answer_all(200);
    app.send(Method::POST, "/instagram/destinations/default/resume")
        .await
        .ok();
    destination.accepted(1).await;
}
