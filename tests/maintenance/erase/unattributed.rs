//! Bodies of which nobody knows whose they are: those that name the person go, and no others.

use reqwest::Method;
use rstest::rstest;
use serde_json::json;

use super::{assert_gone, erase};
use crate::support::ledger::Ledger;
use crate::support::{Answer, App, Backend, postgres, sqlite_execute};

/// How many bodies are erased with an id that is nobody's contact.
async fn bodies(app: &App, id: &str) -> i64 {
    erase(app, id).await["deliveries"].as_i64().unwrap()
}

#[rstest]
#[tokio::test]
async fn a_body_that_does_not_name_the_person_stays(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let riddle = r#"{"riddle": ["of another", "%20", ":"]}"#;
    assert_eq!(app.post(riddle).await.ok()["outcome"], "quarantined");
    // Everybody in it is known, and none of them is the person.
    let of_others = r#"[{"contact_id":"bo","ref":"ana-1"},{"contact_id":"cy"}]"#;
    assert_eq!(app.post(of_others).await.ok()["quarantined"], 2);
    let length = riddle.len().to_string();
    let host = app.base.replace("http://", "");
    for id in [
        &length,
        "application",
        "json",
        &host,
        "127",
        ":",
        "%2520",
        "%5B",
        "ana-1",
    ] {
        assert_eq!(bodies(&app, id).await, 0, "{id}");
    }
    for blank in ["%20", "%09", "%C2%A0"] {
        let path = format!("/instagram/contacts/{blank}");
        let refused = app.send(Method::DELETE, &path).await.with(400);
        let sentence = refused["error"].as_str().unwrap();
        assert!(sentence.contains("must not be blank"), "{sentence}");
    }
    assert_eq!(bodies(&app, "another").await, 1);
    assert_eq!(bodies(&app, "bo").await, 1);
}

#[rstest]
#[tokio::test]
async fn a_body_that_names_the_person_in_an_encoding_goes(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    for body in [
        "riddle=%2B49170123&x=1",
        r#"{"riddle":["\u002b49170123"]}"#,
        r#"{"riddle":"{\"x\":\"\\u002b49170123\"}"}"#,
        // Others.
        "riddle=%2B491701234&x=1",
        r#"{"riddle":["\u002b49170123\u0034"]}"#,
    ] {
        assert_eq!(app.post(body).await.ok()["outcome"], "quarantined");
    }
    assert_eq!(bodies(&app, "%2B49170123").await, 3);
}

#[rstest]
#[tokio::test]
async fn the_header_that_names_a_person_counts(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let post = app
        .request(Method::POST, "/instagram/webhook")
        .header("x-user-id", "ana-1");
    let _ = Answer::to(post.body("{\"text\":,,}")).await.with(400);
    assert_eq!(bodies(&app, "ana").await, 1);
}

/// In Postgres, where a transaction has a time limit: as it ends one in which too much is erased at once.
#[tokio::test]
async fn bodies_that_are_too_heavy_together_are_erased_one_by_one() {
    let ledger = Ledger::new(Backend::Postgres).await;
    let app = ledger.app().await;
    for number in 0..3 {
        let riddle = format!(r#"{{"riddle":["ana-1",{number}]}}"#);
        assert_eq!(app.post(riddle).await.ok()["outcome"], "quarantined");
    }
    let heavy = "CREATE FUNCTION heavy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF (SELECT count(*) FROM new) > 1 THEN \
             RAISE EXCEPTION 'canceling statement due to statement timeout' USING ERRCODE = '57014'; \
           END IF; RETURN NULL; END $$; \
         CREATE TRIGGER heavy AFTER UPDATE ON deliveries REFERENCING NEW TABLE AS new \
           FOR EACH STATEMENT EXECUTE FUNCTION heavy()";
    postgres::execute(ledger.url.as_ref().unwrap(), heavy.to_owned()).await;
    assert_eq!(bodies(&app, "ana-1").await, 3);
    assert_gone(&ledger.texts().await);
}

/// A body that is committed after the erasure began has nobody in it by whom the commit could stop it.
#[rstest]
#[tokio::test]
async fn a_body_that_is_committed_meanwhile_goes_too(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let app = ledger.app().await;
    for (body, outcome) in [
        (r#"{"contact_id":"ana-1","text":"secret"}"#, "stored"),
        (r#"{"riddle":["ana-1","secret"]}"#, "quarantined"),
    ] {
        assert_eq!(app.post(body).await.ok()["outcome"], outcome);
    }
    app.stop().await;
    // It cannot be seen until the last step of erasing the contact.
    let hide = "UPDATE deliveries SET quarantined = 0 WHERE quarantined = 1;";
    let show = "UPDATE deliveries SET quarantined = 1 WHERE outcome = 'quarantined'";
    if let Some(url) = &ledger.url {
        let function = format!(
            "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {show}; RETURN NULL; END $$;"
        );
        let trigger =
            "CREATE TRIGGER late AFTER DELETE ON contacts FOR EACH ROW EXECUTE FUNCTION late()";
        postgres::execute(url, format!("{hide} {function} {trigger}")).await;
    } else {
        let trigger = format!("CREATE TRIGGER late AFTER DELETE ON contacts BEGIN {show}; END;");
        let file = ledger.directory().join("chatrace-webhook.db");
        sqlite_execute(&file, format!("{hide} {trigger}")).await;
    }
    let app = ledger.app().await;
    assert_eq!(
        erase(&app, "ana-1").await,
        json!({"success": true, "messages": 1, "contacts": 1, "deliveries": 2, "spooled": 0, "logPending": false})
    );
    assert_gone(&ledger.texts().await);
}
