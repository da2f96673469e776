//! A person who is erased is gone, and does not come back.

mod unattributed;

use std::sync::Arc;

use chatrace_webhook::ingest::{Commits, Drain, Fallback};
use chatrace_webhook::maintenance;
use chatrace_webhook::normalize::Normalizer;
use chatrace_webhook::store::{PersonId, Spool};
use chatrace_webhook::time::Clock;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use crate::support::ledger::Ledger;
use crate::support::process::{Running, program};
use crate::support::proxy::{Network, Proxy};
use crate::support::records::delivery;
use crate::support::wait::eventually;
use crate::support::{App, Backend, TOKEN};

async fn erase(app: &App, id: &str) -> Value {
    let path = format!("/instagram/contacts/{id}");
    app.send(Method::DELETE, &path).await.ok()
}

/// Ana, under both of her ids.
fn ana(text: &str) -> String {
    format!(
        r#"{{"contact_id":"ana-1","external_id":"ext-1","full_name":"Ana Ruiz","text":"{text}"}}"#
    )
}

async fn texts(app: &App) -> Vec<String> {
    let messages = app.messages().await;
    let texts = messages
        .iter()
        .map(|message| message["text"].as_str().unwrap().to_owned());
    texts.collect()
}

#[track_caller]
fn assert_gone(texts: &str) {
    for trace in ["ana-1", "ext-1", "Ana Ruiz", "secret"] {
        assert!(!texts.contains(trace), "{trace} is still there: {texts}");
    }
}

#[rstest]
#[tokio::test]
async fn nothing_of_a_person_is_left_and_a_late_retry_does_not_bring_it_back(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let app = ledger.app().await;
    let with_time = r#"{"contact_id":"ana-1","text":"secret at a time","timestamp":1783609000}"#;
    for (body, outcome) in [
        (ana("secret one"), "stored"),
        (ana("secret one"), "duplicate"),
        (with_time.to_owned(), "stored"),
        (
            r#"{"contact_id":"ana-2","external_id":"ext-1","text":"secret under another id"}"#
                .to_owned(),
            "stored",
        ),
        (
            r#"{"contact_id":"bo","text":"of another"}"#.to_owned(),
            "stored",
        ),
        // Without content; contact data; nobody can tell whose it is.
        (r#"{"contact_id":"ana-1"}"#.to_owned(), "quarantined"),
        (
            r#"{"contact_id":"ana-1","custom_fields":{"x":"secret"},"page_id":"1"}"#.to_owned(),
            "ignored",
        ),
        (r#"{"riddle":["ana-1","secret"]}"#.to_owned(), "quarantined"),
        (r#"{"riddle":["ana-12"]}"#.to_owned(), "quarantined"),
    ] {
        assert_eq!(
            app.post(body.clone()).await.ok()["outcome"],
            outcome,
            "{body}"
        );
    }
    let before = app.get("/instagram/stats").await.ok();
    let tally = erase(&app, "ext-1?confirm=2").await;
    assert_eq!(
        tally,
        json!({"success": true, "messages": 3, "contacts": 2, "deliveries": 7, "spooled": 0, "logPending": false})
    );
    assert_gone(&ledger.texts().await.replace("ana-12", ""));
    assert_eq!(texts(&app).await, ["of another"]);
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(
        stats["totalMessages"], before["totalMessages"],
        "counters are history"
    );
    assert_eq!(stats["gauges"]["quarantined"], 1, "another's riddle");
    let again = erase(&app, "ext-1").await;
    assert_eq!(
        again,
        json!({"success": true, "messages": 0, "contacts": 0, "deliveries": 0, "spooled": 0, "logPending": false})
    );

    for body in [ana("secret one"), with_time.to_owned()] {
        let retry = app.post(body).await.ok();
        assert_eq!(retry["outcome"], "duplicate");
        assert_gone(&ledger.texts().await.replace("ana-12", ""));
        let path = format!(
            "/instagram/deliveries/{}",
            retry["deliveryId"].as_str().unwrap()
        );
        assert_eq!(app.get(&path).await.ok()["erased"], true);
        let gone = app.get(&format!("{path}/raw")).await.with(410);
        assert_eq!(gone["error"], "The body was erased together with a person.");
        let counts = app
            .send(Method::POST, &format!("{path}/reprocess"))
            .await
            .ok();
        assert_eq!(counts["stored"], 0);
    }

    assert_eq!(
        app.post(ana("a new beginning")).await.ok()["outcome"],
        "stored"
    );
    assert_eq!(texts(&app).await, ["of another", "a new beginning"]);
    app.get("/instagram/contacts").await.ok();
    assert!(
        ledger.texts().await.contains("contact ana-1Ana Ruiz"),
        "a new contact"
    );
}

#[rstest]
#[tokio::test]
async fn a_body_with_two_people_goes_and_the_other_ones_message_stays(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let app = ledger.app().await;
    let body = format!(
        r#"[{},{{"contact_id":"bo","text":"of another"}},{{"contact_id":"bo"}}]"#,
        ana("secret")
    );
    let kept = app.post(body).await.ok();
    let tally = erase(&app, "ana-1").await;
    assert_eq!(
        (&tally["messages"], &tally["deliveries"]),
        (&json!(1), &json!(1))
    );
    assert_gone(&ledger.texts().await);
    assert_eq!(texts(&app).await, ["of another"]);
    let detail = app
        .get(&format!(
            "/instagram/deliveries/{}",
            kept["deliveryId"].as_str().unwrap()
        ))
        .await
        .ok();
    assert_eq!(
        (&detail["erased"], &detail["body"]),
        (&json!(true), &json!(""))
    );
    assert_eq!(
        detail["items"][1]["code"], "erased",
        "it can never be read again"
    );
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(stats["gauges"]["quarantined"], 0);
}

#[rstest]
#[tokio::test]
async fn an_id_that_everybody_shares_is_nobody(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let app = ledger.app().await;
    for number in 0..20 {
        let body = format!(r#"{{"contact_id":"{number}","phone":"000","text":"hi"}}"#);
        assert_eq!(app.post(body).await.ok()["outcome"], "stored");
    }
    assert_eq!(erase(&app, "7").await["messages"], 1);
    let nobody = app
        .send(Method::DELETE, "/instagram/contacts/000")
        .await
        .with(400);
    assert!(
        nobody["error"]
            .as_str()
            .unwrap()
            .contains("shared by several contacts")
    );
    assert_eq!(app.messages().await.len(), 19);
}

#[rstest]
#[tokio::test]
async fn a_dry_run_tells_whom_it_would_erase_and_changes_nothing(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let id = "ext-1";
    let ledger = Ledger::new(backend).await;
    let app = ledger.app().await;
    for body in [
        &ana("one"),
        &ana("two"),
        r#"{"contact_id":"ana-2","external_id":"ext-1","channel":"whatsapp","text":"three"}"#,
        r#"{"contact_id":"bo","text":"of another"}"#,
        r#"{"riddle":["ana-1"]}"#,
    ] {
        let _ = app.post(body.to_owned()).await.ok();
    }
    app.get("/instagram/contacts").await.ok();
    let before = ledger.texts().await;
    let contact = |id, channel, name, messages| json!({"id": id, "channel": channel, "username": null, "displayName": name, "messages": messages});
    let on_instagram = contact("ana-1", "instagram", json!("Ana Ruiz"), 2);
    let on_whatsapp = contact("ana-2", "whatsapp", json!(null), 1);
    let would = erase(&app, &format!("{id}?dryRun=true")).await;
    assert_eq!(
        would,
        json!({"success": true, "dryRun": true, "messages": 3, "contacts": [on_instagram, on_whatsapp]})
    );
    let would = erase(&app, &format!("{id}?dryRun=true&channel=instagram")).await;
    assert_eq!(
        would,
        json!({"success": true, "dryRun": true, "messages": 2, "contacts": [on_instagram]})
    );
    let nobody = erase(&app, "nobody?dryRun=true").await;
    assert_eq!(
        (&nobody["messages"], &nobody["contacts"]),
        (&json!(0), &json!([]))
    );
    for wrong in ["dryRun=yes", "dryRun=", "dryrun=true"] {
        let path = format!("/instagram/contacts/{id}?{wrong}");
        let _ = app.send(Method::DELETE, &path).await.with(400);
    }
    assert_eq!(ledger.texts().await, before);
    // Nor is anything remembered that would keep away what still comes.
    assert_eq!(app.post(ana("four")).await.ok()["outcome"], "stored");
    assert_eq!(erase(&app, "ext-1?confirm=2").await["messages"], 4);
}

/// A customer chooses what stands in a phone's place. It may be the id of somebody else.
#[rstest]
#[tokio::test]
async fn a_contact_is_erased_alone_whoever_names_its_id(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
    #[values(1, 4)] others: usize,
) {
    let app = App::start(backend).await;
    for number in 1..=others {
        let body = format!(r#"{{"contact_id":"s{number}","phone":"777","text":"hi"}}"#);
        assert_eq!(app.post(body).await.ok()["outcome"], "stored");
    }
    let victim = r#"{"contact_id":"777","text":"private"}"#;
    assert_eq!(app.post(victim).await.ok()["outcome"], "stored");
    assert_eq!(
        erase(&app, "s1?dryRun=true").await["contacts"],
        json!([{"id": "s1", "channel": "instagram", "username": null, "displayName": null, "messages": 1}])
    );
    assert_eq!(erase(&app, "s1").await["contacts"], 1);
    assert_eq!(
        texts(&app).await.len(),
        others,
        "the victim's message stays"
    );
    assert_eq!(erase(&app, "777?dryRun=true").await["messages"], 1);
    assert_eq!(erase(&app, "777").await["contacts"], 1);
    assert_eq!(texts(&app).await, vec!["hi"; others - 1]);
    let later = r#"{"contact_id":"s1","phone":"777","text":"a new beginning"}"#;
    assert_eq!(app.post(later).await.ok()["outcome"], "stored");
}

#[rstest]
#[tokio::test]
async fn more_than_one_contact_is_erased_only_when_their_number_is_confirmed(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    for body in [
        r#"{"contact_id":"1","phone":"555","text":"one"}"#,
        r#"{"contact_id":"2","phone":"555","text":"two"}"#,
        r#"{"contact_id":"2","channel":"whatsapp","text":"three"}"#,
        r#"{"contact_id":"3","phone":"556","text":"four"}"#,
    ] {
        assert_eq!(app.post(body).await.ok()["outcome"], "stored");
    }
    for (path, number) in [
        ("555", 3),
        ("555?confirm=2", 3),
        ("555?confirm=4", 3),
        ("555?channel=instagram", 2),
        ("2", 2),
        ("2?channel=whatsapp&confirm=2", 1),
        ("556?confirm=0", 1),
    ] {
        let path = format!("/instagram/contacts/{path}");
        let refused = app.send(Method::DELETE, &path).await.with(409);
        let contacts = refused["contacts"].as_array().unwrap();
        assert_eq!(contacts.len(), number, "{path}: {refused}");
        assert_eq!(refused["success"], false);
        let sentence = refused["error"].as_str().unwrap();
        assert!(
            sentence.contains(&format!("`confirm={number}`")),
            "{sentence}"
        );
    }
    assert_eq!(texts(&app).await.len(), 4, "nothing is erased");
    assert_eq!(erase(&app, "556").await["contacts"], 1);
    assert_eq!(erase(&app, "2?confirm=2").await["messages"], 2);
    assert_eq!(erase(&app, "555?confirm=1").await["messages"], 1);
    assert_eq!(erase(&app, "nobody?confirm=0").await["contacts"], 0);
}

/// A young installation with few customers, whose owner typed a constant into the template.
#[rstest]
#[tokio::test]
async fn a_constant_that_a_few_customers_share_leads_to_none_of_them(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    for number in 1..=4 {
        let body = format!(r#"{{"contact_id":"{number}","sessionId":"main","text":"hi"}}"#);
        assert_eq!(app.post(body).await.ok()["outcome"], "stored");
    }
    let path = "/instagram/contacts/main";
    for path in [path, "/instagram/contacts/main?dryRun=true"] {
        let _ = app.send(Method::DELETE, path).await.with(400);
    }
    assert_eq!(erase(&app, "1?dryRun=true").await["messages"], 1);
    assert_eq!(erase(&app, "1").await["messages"], 1);
    assert_eq!(app.messages().await.len(), 3);
}

#[rstest]
#[tokio::test]
async fn a_channel_may_be_named(#[values(Backend::Postgres, Backend::Sqlite)] backend: Backend) {
    let ledger = Ledger::new(backend).await;
    let app = ledger.app().await;
    for channel in ["instagram", "whatsapp", "viber"] {
        let body = format!(r#"{{"contact_id":"1","text":"{channel}","channel":"{channel}"}}"#);
        assert_eq!(app.post(body).await.ok()["outcome"], "stored");
    }
    assert_eq!(erase(&app, "1?channel=WhatsApp").await["messages"], 1);
    assert_eq!(texts(&app).await, ["instagram", "viber"]);
    assert_eq!(erase(&app, "1?confirm=2").await["contacts"], 2);
    let _ = app
        .send(Method::DELETE, "/instagram/contacts/1%00")
        .await
        .with(400);
    let anonymous = app.request(Method::DELETE, "/instagram/contacts/1");
    assert_eq!(anonymous.send().await.unwrap().status(), 401);
}

#[rstest]
#[tokio::test]
async fn another_id_leads_to_the_person_on_every_channel(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
    #[values("ext-1", "ana-1")] id: &str,
) {
    let ledger = Ledger::new(backend).await;
    let app = ledger.app().await;
    for body in [
        &ana("secret"),
        r#"{"contact_id":"ana-1","channel":"whatsapp","full_name":"Ana Ruiz","text":"secret too"}"#,
        r#"{"contact_id":"bo","channel":"whatsapp","text":"of another"}"#,
    ] {
        assert_eq!(app.post(body.to_owned()).await.ok()["outcome"], "stored");
    }
    let tally = erase(&app, &format!("{id}?confirm=2")).await;
    assert_eq!(
        (&tally["messages"], &tally["contacts"]),
        (&json!(2), &json!(2))
    );
    assert_gone(&ledger.texts().await);
    assert_eq!(texts(&app).await, ["of another"]);
}

/// A reason quotes the text in a placeholder's place, which a customer may have typed.
#[rstest]
#[tokio::test]
async fn no_reason_quotes_what_an_erased_person_typed(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let app = ledger.app().await;
    let body = r#"{"contact_id":"ana-1","custom_fields":{},"page_id":"1","text":"{{a secret}}"}"#;
    assert_eq!(app.post(body).await.ok()["outcome"], "ignored");
    assert!(ledger.texts().await.contains("a secret"));
    let erased = erase(&app, "ana-1").await;
    assert_eq!(erased["deliveries"], 1);
    assert_gone(&ledger.texts().await);
}

/// The clock of the machine is a day ahead, and put right afterwards.
#[rstest]
#[tokio::test]
async fn what_the_person_writes_after_an_erasure_is_kept_whatever_the_clock_said(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let day = SignedDuration::from_hours(24);
    let clock = Clock::manual(Timestamp::now().checked_add(day).unwrap());
    let app = ledger.app_at(clock.clone()).await;
    for body in [ana("secret"), r#"{"riddle":["ana-1"]}"#.to_owned()] {
        app.post(body).await.ok();
    }
    let tally = erase(&app, "ana-1").await;
    assert_eq!(
        (&tally["messages"], &tally["deliveries"]),
        (&json!(1), &json!(2))
    );
    assert_gone(&ledger.texts().await);
    clock.advance(SignedDuration::from_mins(1) - day);
    let written = app.post(ana("a new beginning")).await.ok();
    assert_eq!(written["outcome"], "stored");
}

#[tokio::test]
async fn the_log_does_not_say_who_was_erased() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command.env("API_TOKEN", TOKEN);
    let mut running = Running::start(command).await;
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let path = format!("{}/instagram/contacts/17841400538867190", running.base);
    let answer = client.delete(path).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    running.signal("-TERM");
    assert!(running.ended().await.success());
    let log = running.printed.join("\n");
    assert!(
        log.contains("erased a person") && !log.contains("17841400538867190"),
        "{log}"
    );
}

/// One replica cannot reach Postgres and spools; at the other one the person is erased; then the spool is drained.
#[tokio::test]
async fn what_waits_in_another_replicas_spool_does_not_bring_a_person_back() {
    let ledger = Ledger::new(Backend::Postgres).await;
    let url = ledger.url.clone().unwrap();
    let (proxy, through) = Proxy::before(&url).await;
    let here = ledger.app().await;
    let there = App::on(Arc::new(tempfile::tempdir().unwrap()), Some(&through), &[]).await;
    assert_eq!(
        there.post(ana("secret before")).await.ok()["outcome"],
        "stored"
    );
    proxy.set(Network::Cut);
    let mixed = format!(
        r#"[{},{{"contact_id":"bo","text":"of another"}}]"#,
        ana("secret in company")
    );
    for body in [ana("secret in the spool"), mixed] {
        assert_eq!(there.post(body).await.ok()["outcome"], "spooled");
    }
    assert_eq!(erase(&here, "ext-1").await["messages"], 1);
    proxy.set(Network::Up);
    there.drained().await;
    assert_gone(&ledger.texts().await);
    assert_eq!(texts(&here).await, ["of another"]);
    let ignored = here.get("/instagram/deliveries?outcome=ignored").await.ok();
    let reasons = &ignored["deliveries"][0]["reasons"];
    assert!(
        reasons[0].as_str().unwrap().contains("erased on request"),
        "{ignored}"
    );
    assert_eq!(
        there.post(ana("a new beginning")).await.ok()["outcome"],
        "stored"
    );
    here.get("/instagram/contacts").await.ok();
    assert!(
        ledger.texts().await.contains("contact ana-1Ana Ruiz"),
        "a new contact"
    );
}

#[tokio::test]
async fn what_waits_in_this_replicas_spool_is_erased_there() {
    let ledger = Ledger::new(Backend::Postgres).await;
    let store = ledger.store().await;
    let directory = tempfile::tempdir().unwrap();
    let spool = Arc::new(Spool::open(directory.path()).await.unwrap());
    let deliveries = [
        ana("secret"),
        r#"{"riddle":"ext-1"}"#.to_owned(),
        format!(
            r#"[{},{{"contact_id":"bo","text":"of another"}}]"#,
            ana("secret")
        ),
        r#"{"contact_id":"bo","text":"alone"}"#.to_owned(),
    ]
    .map(delivery);
    spool.append(&deliveries.each_ref()).await.unwrap();
    assert!(holds(directory.path(), "riddle"));
    // Nobody drains it meanwhile, as when the database refuses what is in it.
    let person = PersonId {
        channel: None,
        id: "ext-1".to_owned(),
    };
    let tally = maintenance::erase(
        store.as_ref(),
        Some(&spool),
        &Normalizer::default(),
        &person,
        None,
        Timestamp::now(),
    )
    .await
    .unwrap();
    assert_eq!(tally.unwrap().spooled, 2);
    assert!(!holds(directory.path(), "riddle"));
    assert_eq!(
        spool.depth().deliveries,
        2,
        "what holds another's message is drained without theirs"
    );
    let stop = tokio_util::sync::CancellationToken::new();
    let fallback = Arc::new(Fallback::new(spool.clone()));
    let drain = Drain::new(store.clone(), fallback, Commits::default(), Arc::default());
    let draining = tokio::spawn(drain.run(stop.clone()));
    let ask = async || spool.depth().deliveries;
    eventually("the spool is drained", ask, |waiting| *waiting == 0).await;
    stop.cancel();
    draining.await.unwrap();
    assert_gone(&ledger.texts().await);
    assert!(ledger.texts().await.contains("of another"));
    assert!(ledger.texts().await.contains("alone"));
}

/// Everybody writes all the time. What the person wrote before is gone, what they wrote after is there, and nobody else
/// loses anything.
#[rstest]
#[tokio::test]
async fn a_person_is_erased_while_everybody_writes(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::with(backend, &[("DEDUPE_WINDOW", "0")]).await;
    let post = async |person: &str, text: String| {
        let body = format!(r#"{{"contact_id":"{person}","text":"{text}"}}"#);
        assert_eq!(app.post(body).await.ok()["success"], true);
    };
    join_all((0..700).map(|number| post("ana", format!("before {number}")))).await;
    let traffic = join_all((0..300).map(async |number| {
        post("ana", format!("during {number}")).await;
        post("bo", format!("{number}")).await;
    }));
    let (_, tally) = tokio::join!(traffic, erase(&app, "ana"));
    join_all((0..10).map(|number| post("ana", format!("after {number}")))).await;
    assert!(tally["messages"].as_i64().unwrap() >= 700, "{tally}");
    let path = |person| format!("/instagram/messages?limit=1000&contactId={person}");
    let others = app.get(&path("bo")).await.ok();
    assert_eq!(others["messages"].as_array().unwrap().len(), 300);
    let theirs = app.get(&path("ana")).await.ok();
    let texts: Vec<_> = theirs["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["text"].as_str().unwrap())
        .collect();
    assert!(texts.iter().all(|text| !text.starts_with("before")));
    assert_eq!(
        texts
            .iter()
            .filter(|text| text.starts_with("after"))
            .count(),
        10
    );
}

/// Not in the file, and not in the log beside it, where pages stand as they were.
#[tokio::test]
async fn what_is_erased_is_in_no_file_of_the_embedded_database() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let app = App::on(directory.clone(), None, &[]).await;
    app.post(ana("a very secret text")).await.ok();
    assert!(holds(directory.path(), "a very secret text"));
    erase(&app, "ana-1").await;
    assert!(!holds(directory.path(), "a very secret text"));
}

/// A backup, or an `sqlite3` that somebody left open.
#[tokio::test]
async fn another_reader_of_the_file_delays_nobody_and_what_was_erased_goes_after_it() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let app = App::on(directory.clone(), None, &[]).await;
    app.post(ana("a very secret text")).await.ok();
    let file = directory.path().join("chatrace-webhook.db");
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut reader = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT * FROM head")
        .execute(&mut reader)
        .await
        .unwrap();
    let (erased, kept) = tokio::join!(
        erase(&app, "ana-1"),
        app.post(r#"{"contact_id":"bo","text":"of another"}"#)
    );
    assert_eq!(
        (&erased["messages"], &erased["logPending"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(kept.ok()["outcome"], "stored");
    assert!(holds(directory.path(), "a very secret text"));
    let database = |diagnosis: &Value| {
        let checks = diagnosis["checks"].as_array().unwrap().iter();
        let mut checks = checks.filter(|check| check["name"] == "database");
        checks.next().unwrap()["status"].clone()
    };
    assert_eq!(database(&app.diagnosis().await), "warning");
    reader.close().await.unwrap();
    app.diagnosis_where(|diagnosis| database(diagnosis) == "ok")
        .await;
    assert!(!holds(directory.path(), "a very secret text"));
    assert_eq!(erase(&app, "ana-1").await["logPending"], false);
}

/// Whether a text stands in any file of a directory, wherever in it.
fn holds(directory: &std::path::Path, text: &str) -> bool {
    let files = std::fs::read_dir(directory).unwrap();
    let mut bytes = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    bytes.any(|bytes| String::from_utf8_lossy(&bytes).contains(text))
}
