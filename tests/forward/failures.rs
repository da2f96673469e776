//! What happens when a destination does not accept.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use rstest::rstest;
use serde_json::json;

use crate::support::destination::{Got, TestDestination};
use crate::support::{App, Backend};

async fn post(app: &App, contact: &str, text: &str) {
    let body = json!({ "contact_id": contact, "text": text });
    app.post(body.to_string()).await.ok();
}

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
    for (person, text) in [("1", "bad"), ("1", "good"), ("2", "good"), ("3", "good")] {
        post(&app, person, text).await;
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
