//! What the API says about what arrived.

mod cursor;
mod order;
mod search;
mod stream;

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Answer, App, Backend};

#[rstest]
#[tokio::test]
async fn stats_tell_the_truth(#[values(Backend::Postgres, Backend::Sqlite)] backend: Backend) {
    let app = App::start(backend).await;
    let empty = app.get("/instagram/stats").await.ok();
    assert_eq!(
        (&empty["totalMessages"], &empty["lastMessage"]),
        (&json!(0), &Value::Null)
    );

    for body in [
        r#"{"contact_id":"1","text":"hello","message_id":"a"}"#,
        r#"{"contact_id":"1","text":"hello","message_id":"a"}"#,
        r#"{"contact_id":"2","direction":"out","text":"on its way","message_id":"b"}"#,
        r#"{"contact_id":"2","mediaUrl":"https://cdn.example.test/a.jpg","type":"image","channel":"whatsapp"}"#,
        r#"{"contact_id":"3","text":"{{last_input}}"}"#,
        "{}",
    ] {
        let _ = app.post(body).await.ok();
    }
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(stats["totalMessages"], 3);
    assert_eq!(
        (&stats["inboundMessages"], &stats["outboundMessages"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(stats["clientsWithInstagram"], 2);
    assert_eq!(stats["lastMessage"]["direction"], "inbound");
    assert_eq!(stats["pollingActive"], false);
    assert_eq!(
        stats["config"],
        json!({"useChatrace": true, "useMockMode": false, "hasAccessToken": false, "apiUrl": "https://api.chatrace.com"})
    );
    assert_eq!(stats["degraded"], false);
    assert_eq!(
        stats["outcomes"],
        json!({"stored": 3, "duplicate": 1, "quarantined": 2, "ignored": 0})
    );
    assert_eq!(stats["items"], stats["outcomes"]);
    assert_eq!(
        (&stats["kinds"]["text"], &stats["kinds"]["media"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(stats["lastDelivery"]["outcome"], "quarantined");
    assert_eq!(stats["gauges"]["quarantined"], 2);
    let hourly = stats["hourly"].as_array().unwrap();
    assert_eq!(hourly.len(), 24);
    let sum = |key: &str| {
        hourly
            .iter()
            .map(|point| point[key].as_i64().unwrap())
            .sum::<i64>()
    };
    assert_eq!(
        (sum("deliveries"), sum("inbound"), sum("outbound")),
        (6, 2, 1)
    );
}

#[rstest]
#[tokio::test]
async fn paging_reaches_every_message_once(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    for number in 0..7 {
        let _ = app
            .post(format!(
                r#"{{"contact_id":"{}","text":"n{number}"}}"#,
                number % 2
            ))
            .await
            .ok();
    }
    let mut texts = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app
            .get(&format!("/instagram/messages?limit=3&after={cursor}"))
            .await
            .ok();
        texts.extend(
            page["messages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|message| message["text"].clone()),
        );
        cursor = page["nextCursor"].as_str().unwrap().to_owned();
        if page["caughtUp"] == true {
            break;
        }
    }
    assert_eq!(texts, ["n0", "n1", "n2", "n3", "n4", "n5", "n6"]);
    let rest = app
        .get(&format!("/instagram/messages?after={cursor}"))
        .await
        .ok();
    assert_eq!(
        (&rest["messages"], &rest["caughtUp"]),
        (&json!([]), &json!(true))
    );
    let cursor = rest["nextCursor"].as_str().unwrap();

    let _ = app.post(r#"{"contact_id":"1","text":"n7"}"#).await.ok();
    let rest = app
        .get(&format!("/instagram/messages?after={cursor}"))
        .await
        .ok();
    assert_eq!(rest["messages"][0]["text"], "n7");
}

#[rstest]
#[tokio::test]
async fn messages_are_filtered(#[values(Backend::Postgres, Backend::Sqlite)] backend: Backend) {
    let app = App::start(backend).await;
    for body in [
        r#"{"contact_id":"1","text":"in"}"#,
        r#"{"contact_id":"1","direction":"out","text":"out"}"#,
        r#"{"contact_id":"2","action":"confirm"}"#,
    ] {
        assert_eq!(app.post(body).await.ok()["outcome"], "stored");
    }
    for (filter, count) in [
        ("contactId=1", 2),
        ("contactId=1&direction=outbound", 1),
        ("kind=postback", 1),
        ("kind=postback&contactId=1", 0),
        ("direction=inbound", 2),
        ("channel=instagram", 3),
        ("channel=whatsapp", 0),
    ] {
        let page = app.get(&format!("/instagram/messages?{filter}")).await.ok();
        assert_eq!(
            page["messages"].as_array().unwrap().len(),
            count,
            "{filter}"
        );
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let app = App::start(Backend::Sqlite).await;
    for (path, named) in [
        ("/instagram/messages?limit=0", "limit"),
        ("/instagram/messages?limit=1001", "limit"),
        ("/instagram/messages?limit=many", "limit"),
        ("/instagram/messages?after=42", "after"),
        ("/instagram/messages?after=d1", "after"),
        ("/instagram/messages?kind=poem", "kind"),
        ("/instagram/messages?direction=up", "direction"),
        ("/instagram/messages?contactID=1", "contactID"),
        ("/instagram/deliveries?outcome=fine", "outcome"),
        ("/instagram/deliveries/not-an-id", "id"),
    ] {
        let answer = app.get(path).await.with(400);
        assert!(
            answer["error"].as_str().unwrap().contains(named),
            "{path}: {answer}"
        );
    }
    let _ = app
        .get(&format!("/instagram/deliveries/{}", uuid::Uuid::nil()))
        .await
        .with(404);
}

#[rstest]
#[tokio::test]
async fn quarantine_is_found_whatever_the_outcome_of_its_delivery(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let _ = app.post(r#"{"contact_id":"1","text":"fine"}"#).await.ok();
    let mixed = app
        .post(r#"[{"contact_id":"1","text":"fine too"},{"text":"from nobody"}]"#)
        .await
        .ok();
    assert_eq!(
        (&mixed["outcome"], &mixed["quarantined"]),
        (&json!("stored"), &json!(1))
    );

    let list = app
        .get("/instagram/deliveries?outcome=quarantined")
        .await
        .ok();
    let deliveries = list["deliveries"].as_array().unwrap();
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0]["id"], mixed["deliveryId"]);
    assert_eq!(deliveries[0]["reasons"].as_array().unwrap().len(), 1);
    assert_eq!(
        app.get("/instagram/deliveries?outcome=stored").await.ok()["deliveries"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        app.get("/instagram/deliveries?outcome=ignored").await.ok()["deliveries"],
        json!([])
    );

    let detail = app
        .get(&format!(
            "/instagram/deliveries/{}",
            mixed["deliveryId"].as_str().unwrap()
        ))
        .await
        .ok();
    let items = detail["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(
        (&items[0]["outcome"], &items[1]["outcome"]),
        (&json!("stored"), &json!("quarantined"))
    );
    assert_eq!(items[1]["code"], "no_sender");
    assert!(items[0]["messageId"].is_string());
}

#[tokio::test]
async fn credentials_in_a_body_are_kept_but_not_shown() {
    let app = App::start(Backend::Sqlite).await;
    let body = r#"{"contact_id":"1","text":"hi","api_key":"1700001.canary"}"#;
    let answer = app.post(body).await.ok();
    let id = answer["deliveryId"].as_str().unwrap();
    let detail = app.get(&format!("/instagram/deliveries/{id}")).await;
    assert!(!detail.text.contains("canary"), "{}", detail.text);
    assert!(
        detail.ok()["body"]
            .as_str()
            .unwrap()
            .contains(r#""api_key":"[redacted]""#)
    );
    assert_eq!(app.raw(id).await, body.as_bytes());
}

#[rstest]
#[tokio::test]
async fn health_needs_no_token(#[values(Backend::Postgres, Backend::Sqlite)] backend: Backend) {
    let app = App::start(backend).await;
    for (path, status) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let answer = Answer::to(app.request(reqwest::Method::GET, path)).await;
        assert_eq!(answer.ok()["status"], status);
    }
}

#[tokio::test]
async fn metrics_speak_of_routes_and_never_of_paths() {
    let app = App::with(Backend::Sqlite, &[("METRICS_TOKEN", "metrics-token")]).await;
    let _ = app.post(r#"{"contact_id":"1","text":"hi"}"#).await.ok();
    let _ = app.post("").await.with(400);
    let _ = app.get("/wp-login.php").await.with(404);
    let metrics = |token: &'static str| {
        Answer::to(
            app.request(reqwest::Method::GET, "/metrics")
                .bearer_auth(token),
        )
    };
    let _ = metrics("wrong").await.with(401);
    let answer = metrics("metrics-token").await;
    assert_eq!(answer.status, 200);
    for line in [
        r#"chatrace_deliveries_total{outcome="stored"}"#,
        r#"chatrace_messages_total{kind="text",direction="inbound"}"#,
        r#"chatrace_rejected_total{reason="empty"}"#,
        r#"chatrace_http_requests_total{route="none",method="GET",status="404"}"#,
        r#"chatrace_http_request_seconds_bucket{route="/instagram/webhook""#,
        "chatrace_commit_deliveries_count",
        "chatrace_queue_deliveries",
        "chatrace_last_delivery_timestamp_seconds",
    ] {
        assert!(answer.text.contains(line), "{line}\n{}", answer.text);
    }
    assert!(!answer.text.contains("wp-login") && !answer.text.contains("metrics-token"));
}

#[rstest]
#[tokio::test]
async fn who_waits_is_woken_by_a_message_that_fits(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let latest = app.get("/instagram/messages?after=latest").await.ok();
    let path = format!(
        "/instagram/messages?wait=30&contactId=2&after={}",
        latest["nextCursor"].as_str().unwrap()
    );
    let waiting = app.get(&path);
    let posting = async {
        for contact in ["1", "1", "2"] {
            let _ = app
                .post(format!(r#"{{"contact_id":"{contact}","text":"hi"}}"#))
                .await
                .ok();
        }
    };
    let (page, ()) = tokio::join!(waiting, posting);
    let page = page.ok();
    assert_eq!(page["messages"][0]["contactId"], "2");
    // Everything up to there is read, whether it fits or not.
    let path = format!(
        "/instagram/messages?wait=0&after={}",
        page["nextCursor"].as_str().unwrap()
    );
    assert_eq!(app.get(&path).await.ok()["messages"], json!([]));
    let empty = app
        .get("/instagram/messages?wait=1&after=latest")
        .await
        .ok();
    assert_eq!(
        (&empty["messages"], &empty["caughtUp"]),
        (&json!([]), &json!(true))
    );
    let _ = app.get("/instagram/messages?wait=31").await.with(400);
}

#[tokio::test]
async fn who_waits_is_woken_by_another_replica() {
    let url = crate::support::postgres::fresh_database().await;
    let replica = || {
        App::on(
            std::sync::Arc::new(tempfile::tempdir().unwrap()),
            Some(&url),
            &[],
        )
    };
    let (one, other) = (replica().await, replica().await);
    let waiting = one.get("/instagram/messages?wait=30");
    let (page, answer) = tokio::join!(
        waiting,
        other.post(r#"{"contact_id":"1","text":"from the other"}"#)
    );
    assert_eq!(answer.ok()["outcome"], "stored");
    assert_eq!(page.ok()["messages"][0]["text"], "from the other");
}

#[tokio::test]
async fn what_is_spooled_is_said_to_be_elsewhere() {
    let app = App::start(Backend::Sqlite).await;
    for (outcome, says) in [
        ("spooled", "GET /instagram/stats"),
        ("lost", "must be stored, duplicate, quarantined or ignored"),
    ] {
        let path = format!("/instagram/deliveries?outcome={outcome}");
        let refused = app.get(&path).await.with(400);
        let sentence = refused["error"].as_str().unwrap();
        assert!(
            sentence.contains("outcome: ") && sentence.contains(says),
            "{sentence}"
        );
    }
}

#[tokio::test]
async fn a_path_that_is_no_text_is_named() {
    let app = App::start(Backend::Sqlite).await;
    for (method, path) in [
        (Method::GET, "/instagram/deliveries/%FF"),
        (Method::GET, "/instagram/deliveries/%FF/raw"),
        (Method::POST, "/instagram/deliveries/%FF/reprocess"),
        (Method::DELETE, "/instagram/contacts/%FF"),
    ] {
        assert_eq!(
            app.send(method, path).await.with(400),
            json!({"success": false, "error": "`id` in the path must be UTF-8, percent-encoded."}),
        );
    }
}

#[rstest]
#[tokio::test]
async fn a_contact_that_cannot_be_is_a_mistake_on_both_backends(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let _ = app
        .get("/instagram/messages?contactId=a%00b")
        .await
        .with(400);
}

#[rstest]
#[tokio::test]
async fn the_longest_ids_fit_into_both_databases(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    // Letters in no order, which an index cannot make smaller.
    let id = |seed: u32| -> String {
        let mut state = seed;
        let letter = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from_u32(0x1_0000 + (state >> 8) % 0xffff).unwrap()
        });
        letter.take(256).collect()
    };
    let body = json!({"contact_id": id(1), "phone": id(2), "message_id": id(3), "text": "hi"});
    assert_eq!(app.post(body.to_string()).await.ok()["outcome"], "stored");
}
