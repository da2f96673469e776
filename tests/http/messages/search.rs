//! Messages are found by time, kind, direction, channel, contact and text, and finding them costs what they are.

use std::sync::Arc;
use std::time::Duration;

use chatrace_webhook::store::{
    self, Ledger as _, MessageFilter, Order, PageRequest, PostgresStore,
};
use rstest::rstest;
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};

use crate::support::wait::eventually;
use crate::support::{App, Backend, fill, postgres};

async fn found(app: &App, parameters: &str) -> Vec<String> {
    let page = app
        .get(&format!("/instagram/messages?{parameters}"))
        .await
        .ok();
    assert_eq!(page["caughtUp"], true, "{parameters}");
    let messages = page["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|message| message["text"].as_str().unwrap().to_owned())
        .collect()
}

#[rstest]
#[tokio::test]
async fn a_stretch_of_time_has_its_beginning_and_not_its_end(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    for number in 0..5 {
        let body = format!(r#"{{"contact_id":"1","text":"n{number}"}}"#);
        let _ = app.post(body).await.ok();
    }
    let messages = app.messages().await;
    let time = |message: &Value| message["receivedAt"].as_str().unwrap().to_owned();
    let texts = |fits: &dyn Fn(String) -> bool| -> Vec<String> {
        let fitting = messages.iter().filter(|message| fits(time(message)));
        fitting
            .map(|message| message["text"].as_str().unwrap().to_owned())
            .collect()
    };
    let (second, fourth) = (time(&messages[1]), time(&messages[3]));
    assert_eq!(
        found(&app, &format!("since={second}")).await,
        texts(&|time| time >= second)
    );
    assert_eq!(
        found(&app, &format!("until={fourth}")).await,
        texts(&|time| time < fourth)
    );
    assert_eq!(
        found(&app, &format!("since={second}&until={fourth}")).await,
        texts(&|time| time >= second && time < fourth)
    );
    for nothing in [
        "since=2999-01-01T00:00:00Z",
        "until=1971-01-01T00:00:00Z",
        "since=-009998-01-02T00:00:00Z&until=0000-01-01T00:00:00Z",
        "since=9999-12-30T00:00:00Z",
    ] {
        assert_eq!(
            found(&app, nothing).await,
            Vec::<String>::new(),
            "{nothing}"
        );
    }
    for all in [
        "since=-009998-01-02T00:00:00Z",
        "since=2020-01-01",
        "since=7d",
        "since=1h",
        "since=2w&until=0s",
        "until=9999-12-31",
    ] {
        assert_eq!(found(&app, all).await.len(), 5, "{all}");
    }
    for nothing in ["until=1h", "until=2020-01-01", "since=9999-01-01"] {
        assert_eq!(found(&app, nothing).await.len(), 0, "{nothing}");
    }
}

#[rstest]
#[tokio::test]
async fn a_text_is_found_as_it_stands_whatever_its_case(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    for text in [
        "50% off",
        "500 of them",
        r"back\\slash",
        "snake_case",
        "snakeXcase",
        "ÑANDÚ",
        "Ваш Заказ: Ёлка",
        "Straße",
        "ΟΔΟΣ",
    ] {
        let body = format!(r#"{{"contact_id":"1","text":"{text}"}}"#);
        let _ = app.post(body).await.ok();
    }
    for (q, texts) in [
        ("50%25", vec!["50% off"]),
        ("OF", vec!["50% off", "500 of them"]),
        (r"k\s", vec![r"back\slash"]),
        ("SNAKE_", vec!["snake_case"]),
        ("%C3%91AND%C3%9A", vec!["ÑANDÚ"]),
        ("nowhere", vec![]),
        ("'", vec![]),
        ("%C3%B1and%C3%BA", vec!["ÑANDÚ"]),
        ("заказ", vec!["Ваш Заказ: Ёлка"]),
        ("ЗАКАЗ: ёлка", vec!["Ваш Заказ: Ёлка"]),
        ("елка", vec![]),
        ("STRAẞE", vec!["Straße"]),
        ("STRASSE", vec![]),
        ("οδος", vec!["ΟΔΟΣ"]),
        ("[a-z]", vec![]),
        (".", vec![]),
        ("(", vec![]),
    ] {
        assert_eq!(found(&app, &format!("q={q}")).await, texts, "{q}");
    }
}

#[tokio::test]
async fn a_wrong_condition_is_named() {
    let app = App::start(Backend::Sqlite).await;
    for (parameters, named) in [
        ("since=yesterday", "since"),
        ("until=2026-13-09", "until"),
        ("since=2026-07-09T14:56:00+02:00", "%2B"),
        ("q=", "q"),
        (&format!("q={}", "x".repeat(201)), "q"),
        ("q=a%00", "q"),
    ] {
        for list in [
            "messages?",
            "messages/stream?",
            "messages/export?format=csv&",
        ] {
            let path = format!("/instagram/{list}{parameters}");
            let answer = app.get(&path).await.with(400);
            let sentence = answer["error"].as_str().unwrap();
            assert!(sentence.contains(named), "{path}: {sentence}");
        }
    }
}

/// How much of the messages was read so far, as the database itself counts it.
#[derive(Debug, PartialEq, Eq)]
struct Work {
    scans_of_all: i64,
    rows: i64,
}

/// What all connections did that are over; waits until all are.
async fn work(url: &str) -> Work {
    let mut connection = PgConnection::connect(url).await.unwrap();
    // A backend counts for all at its end.
    let others = async || {
        let count = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
               AND backend_type = 'client backend'",
        );
        count.fetch_one(&mut connection).await.unwrap()
    };
    eventually("no other is connected", others, |others: &i64| *others == 0).await;
    let (scans_of_all, rows) = sqlx::query_as(
        "SELECT seq_scan, idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'messages'",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    Work { scans_of_all, rows }
}

#[tokio::test]
async fn no_filter_reads_more_than_it_finds() {
    let url = postgres::fresh_database().await;
    let on = || App::on(Arc::new(tempfile::tempdir().unwrap()), Some(&url), &[]);
    on().await.stop().await;
    fill::postgres(&url, 100_000, "'number ' || n").await;
    for (parameters, count) in [
        ("limit=10", 10),
        ("limit=10&after=m90000", 10),
        ("limit=10&kind=postback", 10),
        ("limit=10&kind=postback&after=m90000", 10),
        ("limit=10&kind=reaction", 0),
        ("limit=10&direction=outbound&after=m90000", 10),
        ("limit=10&channel=whatsapp&after=m50000", 10),
        ("limit=10&channel=sms", 0),
        ("limit=10&channel=viber", 0),
        ("limit=10&contactId=c99999", 1),
        ("limit=10&contactId=nobody", 0),
        ("limit=10&since=2026-07-09T15:20:00.100Z&after=m99000", 0),
        ("limit=10&since=2026-08-01T00:00:00Z", 0),
        ("limit=10&order=desc", 10),
        ("limit=10&order=desc&before=m50000", 10),
        ("limit=10&order=desc&kind=postback&before=m50000", 10),
        ("limit=10&order=desc&contactId=c5&channel=instagram", 1),
        ("limit=10&order=desc&channel=viber", 0),
    ] {
        let before = work(&url).await;
        let app = on().await;
        let path = format!("/instagram/messages?{parameters}");
        let page = app.get(&path).await.ok();
        assert_eq!(page["messages"].as_array().unwrap().len(), count, "{path}");
        app.stop().await;
        let after = work(&url).await;
        assert_eq!(after.scans_of_all, before.scans_of_all, "{path} reads all");
        let rows = after.rows - before.rows;
        // Sizes are read first, and of one more, which says whether there is more; a few belong to the start of a
        // service.
        let most = if parameters.contains("since") {
            1020
        } else {
            30
        };
        assert!(rows <= most, "{path} reads {rows} rows");
    }
}

#[tokio::test]
async fn a_search_reads_a_bounded_number_of_positions_at_once() {
    let url = postgres::fresh_database().await;
    let store = PostgresStore::new(url.parse().unwrap(), Duration::ZERO);
    store.prepare(true).await.unwrap();
    fill::postgres(&url, 120_000, "'number ' || n").await;
    let filter = MessageFilter {
        text: Some("number 119999".to_owned()),
        ..MessageFilter::default()
    };
    let pages = async |order, next: fn(&mut PageRequest, i64)| {
        let mut request = PageRequest {
            after: 0,
            until: 120_000,
            limit: 10,
            order,
        };
        let mut pages = Vec::new();
        loop {
            let page = store::message_page(&store, &filter, request).await.unwrap();
            next(&mut request, page.last);
            pages.push((page.last, page.messages.len(), page.caught_up));
            if page.caught_up {
                return pages;
            }
        }
    };
    assert_eq!(
        pages(Order::Asc, |request, last| request.after = last).await,
        [(50_000, 0, false), (100_000, 0, false), (120_000, 1, true)]
    );
    assert_eq!(
        pages(Order::Desc, |request, last| request.until = last - 1).await,
        [(70_001, 1, false), (20_001, 0, false), (1, 0, true)]
    );
    store.close().await;
    // A client does not notice.
    let app = App::on(Arc::new(tempfile::tempdir().unwrap()), Some(&url), &[]).await;
    let mut cursor = String::new();
    loop {
        let path = format!("/instagram/messages?q=number%20119999&after={cursor}");
        let page = app.get(&path).await.ok();
        if let Some(message) = page["messages"].get(0) {
            assert_eq!(message["position"], 119_999);
            break;
        }
        assert_eq!(page["caughtUp"], false);
        page["nextCursor"].as_str().unwrap().clone_into(&mut cursor);
    }
}
