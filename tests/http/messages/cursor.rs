//! Whoever follows the messages sees each of them once, whoever writes, and wherever the database moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::cluster::Cluster;
use crate::support::{Answer, App, Backend, postgres};

/// How many writers there are, how often each posts, and how many messages each time.
const WRITERS: usize = 4;
const POSTS: usize = 100;
const MESSAGES: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_sees_everything_once_that_two_replicas_commit_late() {
    let url = postgres::fresh_database().await;
    let replica = || App::on(Arc::new(tempfile::tempdir().unwrap()), Some(&url), &[]);
    let apps = vec![replica().await, replica().await];
    // A COMMIT takes a nap now and then, with its positions already given out.
    let nap = "CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF random() < 0.1 THEN PERFORM pg_sleep(random() * 0.03); END IF; RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER nap AFTER INSERT ON deliveries DEFERRABLE INITIALLY DEFERRED \
           FOR EACH ROW EXECUTE FUNCTION nap()";
    postgres::execute(&url, nap.to_owned()).await;
    everything_once(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_sees_everything_once_that_one_process_commits() {
    everything_once(vec![App::start(Backend::Sqlite).await]).await;
}

/// Writers post to each replica in turn while one reader asks one replica after the other.
async fn everything_once(apps: Vec<App>) {
    let apps = Arc::new(apps);
    let writing = (0..WRITERS).map(|writer| {
        let apps = apps.clone();
        tokio::spawn(async move {
            for post in 0..POSTS {
                let items = (0..MESSAGES).map(|number| {
                    let id = format!("{writer}-{post}-{number}");
                    json!({"contact_id": writer.to_string(), "text": "hi", "message_id": id})
                });
                let app = &apps[(writer + post) % apps.len()];
                let answer = app
                    .post(Value::Array(items.collect()).to_string())
                    .await
                    .ok();
                assert_eq!(answer["stored"], MESSAGES);
            }
        })
    });
    let writers: Vec<_> = writing.collect();
    let done = Arc::new(AtomicBool::new(false));
    let reading = tokio::spawn({
        let (apps, done) = (apps.clone(), done.clone());
        async move {
            let mut reader = Reader::default();
            for turn in 0.. {
                let is_last = done.load(Ordering::Relaxed);
                let caught_up = reader.read(&apps[turn % apps.len()], "limit=50").await;
                if caught_up && is_last {
                    break;
                }
            }
            reader
        }
    });
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, Ordering::Relaxed);
    let mut reader = reading.await.unwrap();
    assert!(reader.positions.windows(2).all(|pair| pair[0] < pair[1]));
    reader.ids.sort_unstable();
    let mut written: Vec<_> = (0..WRITERS * POSTS * MESSAGES)
        .map(|n| {
            let (writer, rest) = (n / (POSTS * MESSAGES), n % (POSTS * MESSAGES));
            format!("{writer}-{}-{}", rest / MESSAGES, rest % MESSAGES)
        })
        .collect();
    written.sort_unstable();
    assert_eq!(reader.ids.len(), written.len());
    assert_eq!(reader.ids, written);
}

/// A reader behind a cursor.
#[derive(Default)]
struct Reader {
    cursor: String,
    ids: Vec<String>,
    positions: Vec<i64>,
}

impl Reader {
    /// Reads a page, and answers whether nothing more was waiting.
    async fn read(&mut self, app: &App, parameters: &str) -> bool {
        let path = format!("/instagram/messages?{parameters}&after={}", self.cursor);
        let page = app.get(&path).await.ok();
        for message in page["messages"].as_array().unwrap() {
            self.ids
                .push(message["externalId"].as_str().unwrap().to_owned());
            self.positions.push(message["position"].as_i64().unwrap());
        }
        page["nextCursor"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.cursor);
        page["caughtUp"] == true
    }
}

#[tokio::test]
async fn a_cursor_goes_on_in_another_cluster() {
    let (old, new) = tokio::join!(Cluster::start(), Cluster::start());
    let on = |url: String| async move {
        App::on(Arc::new(tempfile::tempdir().unwrap()), Some(&url), &[]).await
    };
    let app = on(old.url()).await;
    let post = |app: &App, numbers: std::ops::Range<u32>| {
        let items = numbers
            .map(|n| json!({"contact_id": "1", "text": "hi", "message_id": format!("{n:03}")}));
        let body = Value::Array(items.collect()).to_string();
        let post = app.request(reqwest::Method::POST, "/instagram/webhook");
        Answer::to(post.body(body))
    };
    let mut reader = Reader::default();
    for numbers in [0..40, 40..50, 50..100] {
        assert_eq!(post(&app, numbers).await.ok()["outcome"], "stored");
        // Positions that are given out and not used: of duplicates.
        assert_eq!(post(&app, 30..40).await.ok()["outcome"], "duplicate");
    }
    for _ in 0..6 {
        reader.read(&app, "limit=10").await;
    }
    assert_eq!(reader.ids.len(), 60);
    app.stop().await;
    old.dump_into(&new).await;
    drop(old);

    let app = on(new.url()).await;
    assert_eq!(post(&app, 90..120).await.ok()["stored"], 20);
    while !reader.read(&app, "limit=10").await {}
    let written: Vec<_> = (0..120).map(|n| format!("{n:03}")).collect();
    assert_eq!(reader.ids, written);
}

/// A filter changes nothing of that.
#[rstest]
#[tokio::test]
async fn a_filtered_reader_goes_on_behind_what_does_not_fit(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let mut reader = Reader::default();
    for round in 0..3 {
        for contact in ["a", "b", "c"] {
            let id = format!("{contact}{round}");
            let body = json!({"contact_id": contact, "text": format!("Nº{round} of {contact}"), "message_id": id});
            let _ = app.post(body.to_string()).await.ok();
        }
        while !reader.read(&app, "q=OF%20B&limit=1").await {}
    }
    assert_eq!(reader.ids, ["b0", "b1", "b2"]);
}

#[rstest]
#[tokio::test]
async fn large_messages_come_in_smaller_pages_and_each_of_them_once(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    const LARGE: usize = 900_000;
    let app = App::start(backend).await;
    for number in 0..12 {
        let large = json!({"contact_id": "1", "text": "ü".repeat(LARGE / 2), "message_id": format!("{number:02}")});
        assert_eq!(app.post(large.to_string()).await.ok()["stored"], 1);
        let small = (0..20).map(|small| {
            json!({"contact_id": "1", "text": "hi", "message_id": format!("{number:02}-{small:02}")})
        });
        let small = Value::Array(small.collect()).to_string();
        assert_eq!(app.post(small).await.ok()["stored"], 20);
    }
    for (filter, large) in [("", 12), ("&q=%C3%BC", 12), ("&q=hi", 0)] {
        let (mut ids, mut pages, mut cursor) = (Vec::new(), 0, String::new());
        loop {
            let path = format!("/instagram/messages?limit=1000&after={cursor}{filter}");
            let answer = app.get(&path).await;
            assert!(answer.text.len() < 5 * 1024 * 1024);
            let page = answer.ok();
            let messages = page["messages"].as_array().unwrap();
            assert!(!messages.is_empty());
            for message in messages {
                let (id, text) = (message["externalId"].as_str(), message["text"].as_str());
                let is_large = id.unwrap().len() == 2;
                assert_eq!(text.unwrap().len(), if is_large { LARGE } else { 2 });
                ids.push(id.unwrap().to_owned());
            }
            pages += 1;
            page["nextCursor"].as_str().unwrap().clone_into(&mut cursor);
            if page["caughtUp"] == true {
                break;
            }
        }
        assert_eq!(ids.iter().filter(|id| id.len() == 2).count(), large);
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
        let all = if filter == "&q=%C3%BC" {
            12
        } else {
            large + 240
        };
        assert_eq!((ids.len(), pages > 1), (all, large > 0));
    }
    let file = app
        .get("/instagram/messages/export?format=jsonl")
        .await
        .text;
    assert_eq!(file.lines().count(), 252);
    assert_eq!(file.matches('ü').count(), 12 * LARGE / 2);
}
