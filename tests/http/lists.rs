//! Lists are bounded in bytes, whatever senders send.

use reqwest::Method;
use rstest::rstest;
use serde_json::json;

use crate::support::{Answer, App, Backend};

const MOST: usize = 4_000_000;

/// Each with a content type of 30 kB, and with items of which each has a reason of its own.
#[rstest]
#[tokio::test]
async fn a_list_of_deliveries_is_never_above_4_mb(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    const COUNT: usize = 150;
    let app = App::start(backend).await;
    let content_type = format!("application/json; x=\"{}\"", "x".repeat(30_000));
    let placeholder = |number: usize| format!("{{{{d-{number:05}{}}}}}", "x".repeat(60));
    let items = |from: usize| {
        let items = (from..from + 20).map(|n| json!({ "user_id": n, "text": placeholder(n) }));
        json!(items.collect::<Vec<_>>()).to_string()
    };
    for number in 0..COUNT {
        let request = app.request(Method::POST, "/instagram/webhook");
        let request = request.header("content-type", &content_type);
        let kept = Answer::to(request.body(items(20 * number))).await.ok();
        assert_eq!(kept["quarantined"], 20);
    }
    let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let path = format!("/instagram/deliveries?limit=1000&after={after}");
        let page = app.get(&path).await;
        assert!(page.text.len() <= MOST, "{}", page.text.len());
        let page = page.ok();
        pages += 1;
        for delivery in page["deliveries"].as_array().unwrap() {
            let reasons = delivery["reasons"].as_array().unwrap();
            assert_eq!(reasons.len(), 5);
            seen.push((
                reasons[0].as_str().unwrap().to_owned(),
                delivery["id"].clone(),
            ));
        }
        page["nextCursor"].as_str().unwrap().clone_into(&mut after);
        if page["caughtUp"] == true {
            break;
        }
    }
    assert!(pages > 1);
    assert_eq!(seen.len(), COUNT);
    for (number, (reason, _)) in seen.iter().enumerate() {
        let first = format!("d-{:05}", 20 * number);
        assert!(
            reason.contains(&first),
            "the first reason comes first: {reason}"
        );
    }
    let stats = app.get("/instagram/stats").await;
    assert!(stats.text.len() < 50_000, "{}", stats.text.len());
}
