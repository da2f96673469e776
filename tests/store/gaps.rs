//! Positions with a gap, as after a restore: nothing is missed behind it, and nobody walks through it.

use chatrace_webhook::store::{MessageFilter, Order, PageRequest, message_page};
use rstest::rstest;

use crate::support::Backend;
use crate::support::destination::TestDestination;
use crate::support::ledger::Ledger;

/// As `chatrace-webhook restore` does, where the rollup was at the head and where it was not.
const RAISED: &str = "UPDATE head SET position = position + 1000000";
const WITH_ROLLUP: &str = "UPDATE rollup SET position = (SELECT position FROM head) + 1000000, \
       counted = (SELECT position FROM head) + 1000000; ";

fn body(text: &str) -> String {
    format!(r#"{{"contact_id":"1","text":"{text}"}}"#)
}

#[rstest]
#[tokio::test]
async fn readers_destinations_and_contacts_go_on_behind_a_gap(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
    #[values("", WITH_ROLLUP)] rollup: &str,
) {
    let ledger = Ledger::new(backend).await;
    let destination = TestDestination::start().await;
    let variables = [("FORWARD_URL", destination.url.as_str())];
    let app = ledger.app_with(&variables).await;
    app.post(body("before")).await.ok();
    destination.got_where(|got| got.len() == 1).await;
    app.get("/instagram/contacts").await.ok();
    app.stop().await;
    ledger.execute(format!("{rollup}{RAISED}")).await;
    let store = ledger.store().await;
    let mut steps = 1;
    while !store.roll_up().await.unwrap() {
        steps += 1;
    }
    assert!(steps <= 2, "{steps} steps");
    store.close().await;
    drop(store);

    let app = ledger.app_with(&variables).await;
    app.post(body("after")).await.ok();
    destination.got_where(|got| got.len() == 2).await;
    let texts: Vec<_> = app.messages().await;
    assert_eq!(texts.len(), 2, "{texts:?}");
    let contacts = app.get("/instagram/contacts").await.ok();
    assert_eq!(contacts["contacts"][0]["messages"], 2, "{contacts}");
    app.stop().await;

    let store = ledger.store().await;
    let head = store.head().await.unwrap();
    for (order, wanted) in [(Order::Asc, "after"), (Order::Desc, "before")] {
        let mut range = PageRequest {
            after: 0,
            until: head,
            limit: 10,
            order,
        };
        let filter = MessageFilter {
            text: Some(wanted.to_owned()),
            ..MessageFilter::default()
        };
        // By positions it would be twenty pages.
        let mut found = Vec::new();
        for _ in 0..3 {
            let page = message_page(&*store, &filter, range).await.unwrap();
            found.extend(page.messages);
            if page.caught_up {
                break;
            }
            match order {
                Order::Asc => range.after = page.last,
                Order::Desc => range.until = page.last - 1,
            }
        }
        assert_eq!(found.len(), 1, "{order:?}");
    }
    store.close().await;
}
