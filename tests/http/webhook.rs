//! What the webhook takes, and what it answers.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use rstest::rstest;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Answer, App, Backend};

#[tokio::test]
async fn a_get_that_carries_a_body_is_kept_and_one_that_lost_it_is_no_sign_of_life() {
    let app = App::with(Backend::Sqlite, &[("WEBHOOK_SECRET", "s")]).await;
    let get = || app.request(Method::GET, "/instagram/webhook");
    let secret = ("x-webhook-secret", "s");
    let body = r#"{"contact_id":"1","text":"in a GET"}"#;
    let kept = Answer::to(get().header(secret.0, secret.1).body(body)).await;
    assert_eq!(kept.ok()["outcome"], "stored");
    Answer::to(get().body(body)).await.with(401);
    Answer::to(get().header(secret.0, secret.1).body("{"))
        .await
        .with(400);
    assert_eq!(app.messages().await.len(), 1);

    // Monitors, browsers and curl only look.
    assert_eq!(Answer::to(get()).await.ok()["success"], true);
    let look = "/instagram/webhook?token=s";
    Answer::to(app.request(Method::GET, look)).await.ok();
    for (name, value) in [secret, ("content-type", "application/json")] {
        let error = Answer::to(get().header(name, value)).await.with(405);
        assert!(
            error["error"].as_str().unwrap().contains("redirect"),
            "{error}"
        );
    }
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(stats["process"]["rejected"]["redirected"], 2);
    let diagnosis = app.diagnosis().await.to_string();
    assert!(
        diagnosis.contains("enter the final https URL"),
        "{diagnosis}"
    );
}

#[tokio::test]
async fn blanks_and_slashes_too_many_in_the_url_lose_nothing() {
    let app = App::start(Backend::Sqlite).await;
    let paths = [
        "/instagram/webhook%20",
        "//instagram//webhook/",
        "/instagram/webhook/",
    ];
    for (number, path) in paths.iter().enumerate() {
        let body = json!({ "contact_id": "1", "text": number.to_string() }).to_string();
        let answer = Answer::to(app.request(Method::POST, path).body(body)).await;
        assert_eq!(answer.ok()["outcome"], "stored", "{path}");
    }
}

#[rstest]
#[tokio::test]
async fn a_message_is_stored_and_read_back(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let answer = app
        .post(r#"{"contact_id":"12345","full_name":"Ana Ruiz","username":"ana.r","text":"¿hay talla M? 👟","last_interaction":"1783609000123"}"#)
        .await
        .ok();
    assert_eq!(answer["outcome"], "stored");
    assert_eq!(answer["stored"], 1);

    let messages = app.messages().await;
    let [message] = &messages[..] else {
        panic!("{messages:?}")
    };
    assert_eq!(message["text"], "¿hay talla M? 👟");
    assert_eq!(message["contactId"], "12345");
    assert_eq!(message["displayName"], "Ana Ruiz");
    assert_eq!(message["username"], "ana.r");
    assert_eq!(message["channel"], "instagram");
    assert_eq!(message["direction"], "inbound");
    assert_eq!(message["sentAt"], "2026-07-09T14:56:40.123Z");
    assert_eq!(message["deliveryId"], answer["deliveryId"]);
    for key in ["externalId", "recipientId", "replyTo", "payload"] {
        assert!(
            message.get(key).is_some_and(serde_json::Value::is_null),
            "{key} is null, never left out"
        );
    }
}

#[rstest]
#[tokio::test]
async fn the_same_message_in_every_transport_is_the_same(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::with(backend, &[("DEDUPE_WINDOW", "0")]).await;
    let json = r#"{"contact_id":"7","text":"hi there"}"#;
    let webhook = |method| app.request(method, "/instagram/webhook");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(json.as_bytes()).unwrap();
    let form = "application/x-www-form-urlencoded";
    let requests = [
        webhook(Method::POST)
            .header("content-type", "application/json")
            .body(json),
        webhook(Method::PUT)
            .header("content-type", "application/json")
            .body(json),
        webhook(Method::PATCH)
            .header("content-type", "text/plain")
            .body(json),
        webhook(Method::POST).body(json),
        webhook(Method::POST)
            .header("content-type", form)
            .body(json),
        webhook(Method::POST)
            .header("content-type", form)
            .body("contact_id=7&text=hi+there"),
        webhook(Method::POST)
            .header("content-encoding", "gzip")
            .body(gzip.finish().unwrap()),
        webhook(Method::POST).body(format!("\u{feff}{json}")),
        app.request(
            Method::GET,
            "/instagram/webhook?contact_id=7&text=hi%20there",
        ),
        app.request(
            Method::POST,
            "/instagram/webhook?contact_id=7&text=hi%20there",
        ),
        app.request(Method::POST, "/instagram/webhook/").body(json),
    ];
    let count = requests.len();
    for request in requests {
        assert_eq!(Answer::to(request).await.ok()["outcome"], "stored");
    }
    let messages = app.messages().await;
    assert_eq!(messages.len(), count);
    for message in messages {
        assert_eq!(
            (&message["contactId"], &message["text"]),
            (&json!("7"), &json!("hi there"))
        );
    }
}

#[rstest]
#[tokio::test]
async fn the_bytes_come_back_as_they_came(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(br#"{"contact_id":"1","text":"zipped"}"#)
        .unwrap();
    let gzip = gzip.finish().unwrap();
    let bodies: [(&[u8], Option<&str>); 5] = [
        (
            b" {\"contact_id\" : \"1\",\r\n\t\"text\":\"a\\u0000b\"} ",
            None,
        ),
        (&gzip, Some("gzip")),
        (
            b"\xef\xbb\xbf{\"contact_id\":1784140053886719012345,\"text\":\"big\"}",
            None,
        ),
        (b"\xff\xfe\x00\x01 not text at all", None),
        (b"{\"text\":\"\\ud800\"}", None),
    ];
    for (body, encoding) in bodies {
        let mut request = app
            .request(Method::POST, "/instagram/webhook")
            .body(body.to_vec());
        if let Some(encoding) = encoding {
            request = request.header("content-encoding", encoding);
        }
        let answer = Answer::to(request).await;
        let answer: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        let id = answer["deliveryId"].as_str().expect("a delivery is kept");
        assert_eq!(app.raw(id).await, body);
    }
}

/// Such a body is looked at by the layer that answers probes, and by the threads that parse large bodies.
#[tokio::test]
async fn a_message_as_long_as_a_probe_and_a_large_one_come_through() {
    let app = App::start(Backend::Sqlite).await;
    for length in [2048, 100_000] {
        let message = format!(r#"{{"contact_id":"1","text":"of {length}"}}"#);
        let body = format!("{message}{}", " ".repeat(length - message.len()));
        let answer = app.post(body.clone()).await.ok();
        assert_eq!(answer["outcome"], "stored", "{length}");
        let id = answer["deliveryId"].as_str().unwrap();
        assert_eq!(app.raw(id).await, body.as_bytes());
    }
}

#[tokio::test]
async fn an_unreadable_body_is_kept_and_its_mistake_is_named() {
    let app = App::start(Backend::Sqlite).await;
    let answer = app
        .post("{\"contact_id\": 1,\n \"text\" \"hi\"}")
        .await
        .with(400);
    assert_eq!(answer["success"], false);
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains("line 2, column"), "{error}");
    let id = answer["deliveryId"].as_str().unwrap();
    let detail = app.get(&format!("/instagram/deliveries/{id}")).await.ok();
    assert_eq!(detail["outcome"], "quarantined");
    assert_eq!(detail["items"][0]["code"], "unreadable");
}

#[tokio::test]
async fn nothing_and_too_much_are_refused_and_counted() {
    let app = App::with(Backend::Sqlite, &[("MAX_BODY_BYTES", "2048")]).await;
    for empty in ["", " \r\n"] {
        let answer = app.post(empty).await.with(400);
        assert!(
            answer["error"].as_str().unwrap().contains("empty"),
            "{answer}"
        );
    }
    let large = format!(r#"{{"contact_id":"1","text":"{}"}}"#, "a".repeat(3000));
    assert!(
        app.post(large.clone()).await.with(413)["error"]
            .as_str()
            .unwrap()
            .contains("MAX_BODY_BYTES")
    );

    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 1_000_000]).unwrap();
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 2048);
    let request = app
        .request(Method::POST, "/instagram/webhook")
        .header("content-encoding", "gzip")
        .body(bomb);
    let _ = Answer::to(request).await.with(413);

    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(stats["process"]["rejected"]["empty"], 2);
    assert_eq!(stats["process"]["rejected"]["too_large"], 2);
    assert_eq!(stats["lastDelivery"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_browser_finds_out_that_the_endpoint_lives() {
    let app = App::with(Backend::Sqlite, &[("WEBHOOK_SECRET", "s")]).await;
    for path in [
        "/instagram/webhook",
        "/instagram/webhook/",
        "/instagram/webhook?token=s",
        "/instagram/webhook?token=",
    ] {
        let answer = Answer::to(app.request(Method::GET, path)).await.ok();
        assert_eq!(answer["success"], true);
    }
}

#[tokio::test]
async fn other_methods_are_told_which_ones_there_are() {
    let app = App::start(Backend::Sqlite).await;
    let answer = Answer::to(app.request(Method::DELETE, "/instagram/webhook")).await;
    assert!(answer.headers["allow"].to_str().unwrap().contains("POST"));
    assert_eq!(answer.with(405)["success"], false);
}

#[tokio::test]
async fn a_wrong_path_is_told_the_right_one() {
    let app = App::start(Backend::Sqlite).await;
    let answer = Answer::to(app.request(Method::POST, "/instagram/webhok").body("{}"))
        .await
        .with(404);
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .contains("/instagram/webhook"),
        "{answer}"
    );
}

#[tokio::test]
async fn no_answer_is_executable_by_chatrace() {
    let app = App::start(Backend::Sqlite).await;
    for body in [
        "",
        "{}",
        "null",
        "{",
        r#"{"contact_id":"1","text":"hi"}"#,
        r#"{"messages":[],"actions":[]}"#,
    ] {
        let answer = app.post(body).await;
        let json: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        assert!(
            json.get("messages").is_none() && json.get("actions").is_none(),
            "{json}"
        );
        assert!(answer.headers.contains_key("x-request-id"));
    }
}

#[rstest]
#[tokio::test]
async fn hostile_bodies_never_hurt(#[values(Backend::Postgres, Backend::Sqlite)] backend: Backend) {
    let app = App::start(backend).await;
    let mut bodies: Vec<Vec<u8>> = [
        "null", "true", "\"text\"", "[]", "[[[[]]]]", "{}", "0", "-1e999", "[null,true,{},[],\"x\",1]",
        r#"{"contact_id":"{{user_id}}","text":"{{last_input}}"}"#,
        r#"{"contact_id":"1","text":"he said "hi""}"#,
        "{\"contact_id\":\"1\",\"text\":\"two\nlines\"}",
        r#"{"contact_id":"1","message":null}"#,
        r#"{"object":"instagram","entry":{}}"#,
        r#"{"object":"instagram","entry":[{"messaging":null}]}"#,
        r#"{"object":"instagram","entry":[null,1,"x",[],{"messaging":[null,1,{"message":{}}],"changes":{"a":1}}]}"#,
        r#"{"user_id":17841400538867190,"text":"id"}"#,
        r#"{"user_id":1.7841400538867190e16,"text":"id"}"#,
        r#"{"user_id":1e999999999,"text":"id"}"#,
        r#"{"user_id":true,"text":"id"}"#,
        r#"{"user_id":"1","text":"t","timestamp":0}"#,
        r#"{"user_id":"1","text":"t","timestamp":-5}"#,
        r#"{"user_id":"1","text":"t","timestamp":99999999999999999999999999}"#,
        r#"{"user_id":"1","text":"t","timestamp":"yesterday"}"#,
        r#"{"user_id":"1","text":"a\u0000b"}"#,
        r#"{"user_id":"a\u0000b","text":"t"}"#,
        r#"{"user_id":"1","text":"a\ud800b"}"#,
        r#"{"user_id":"1","text":"مرحبا \u202e 👩‍👩‍👧"}"#,
        r#"{"text":"a","text":"b","user_id":"1","user_id":"2"}"#,
        r#"{"$serde_json::private::Number":"x"}"#,
        "a=1&b", "%%%=%", "=", "&&&", "<xml/>", "{", "}", "[", "\"", "{\"a\":", "{\"a\":\"\\", "{'a':1}",
    ]
    .iter()
    .map(|body| body.as_bytes().to_vec())
    .collect();
    bodies.push(format!(r#"{{"user_id":"1","text":"{}"}}"#, "x".repeat(100_000)).into_bytes());
    bodies.push(format!(r#"{{"user_id":"{}","text":"t"}}"#, "9".repeat(100_000)).into_bytes());
    bodies.push(
        format!(
            r#"{{"user_id":"1","full_name":"{}","text":"t"}}"#,
            "é".repeat(100_000)
        )
        .into_bytes(),
    );
    bodies.push("[".repeat(100_000).into_bytes());
    bodies.push(
        ["[".repeat(50_000), "]".repeat(50_000)]
            .concat()
            .into_bytes(),
    );
    bodies.push(
        [
            r#"{"a":"#.repeat(20_000),
            "1".to_owned(),
            "}".repeat(20_000),
        ]
        .concat()
        .into_bytes(),
    );
    bodies.push(b"\xff\xfe\xfd".to_vec());
    bodies.push(b"{\"user_id\":\"1\",\"text\":\"caf\xe9\"}".to_vec());
    bodies.push(vec![0; 1000]);
    bodies.push((0..=255).collect());

    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let answer = app.post(body.clone()).await;
        assert!(
            [200, 400].contains(&answer.status.as_u16()),
            "{shown}: {} {}",
            answer.status,
            answer.text
        );
        if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok() {
            assert_eq!(answer.status, 200, "valid JSON is 200: {shown}");
        }
        let json: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        let id = json["deliveryId"]
            .as_str()
            .unwrap_or_else(|| panic!("{shown}: {json}"));
        assert_eq!(app.raw(id).await, body, "{shown}");
        let detail = app.get(&format!("/instagram/deliveries/{id}")).await.ok();
        for item in detail["items"].as_array().unwrap() {
            let stored = item["outcome"] == "stored" || item["outcome"] == "duplicate";
            assert!(
                stored
                    || item["reason"]
                        .as_str()
                        .is_some_and(|reason| !reason.is_empty()),
                "{shown}: {item}"
            );
        }
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_after_its_last_byte_has_delivered() {
    let app = App::start(Backend::Sqlite).await;
    let address = app.base.strip_prefix("http://").unwrap();
    for number in 0..50 {
        let body = format!(r#"{{"contact_id":"1","text":"n{number}"}}"#);
        let request = format!(
            "POST /instagram/webhook HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        // Half of them do not even wait for the answer.
        if number % 2 == 0 {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        }
    }
    let stats = app.stats_where(|stats| stats["totalMessages"] == 50).await;
    assert_eq!(stats["clientsWithInstagram"], 1);
}
