use super::*;
use crate::time::new_id;

fn delivery(number: i64, size: usize) -> Delivery {
    Delivery {
        id: new_id(),
        received_at: Timestamp::from_millisecond(number).unwrap(),
        method: "POST".to_owned(),
        content_type: None,
        headers: vec![("user-agent".to_owned(), "test".to_owned())],
        body: vec![b'x'; size].into(),
        is_query: false,
    }
}

#[tokio::test]
async fn a_look_tells_what_waits_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = Spool::file(directory.path());
    let nothing = SpoolDepth::default();
    assert_eq!(Spool::look(directory.path()).await.unwrap(), nothing);
    assert!(!file.exists());
    fs::write(&file, "").unwrap();
    assert_eq!(Spool::look(directory.path()).await.unwrap(), nothing);
    assert_eq!(Spool::look(&file).await.unwrap(), nothing, "no directory");
    let spool = Spool::open(directory.path()).await.unwrap();
    assert_eq!(Spool::look(directory.path()).await.unwrap(), nothing);
    let waiting = [delivery(2, 10), delivery(1, 10)];
    spool
        .append(&waiting.iter().collect::<Vec<_>>())
        .await
        .unwrap();
    // As a crash leaves it, and as a stop does.
    assert_eq!(Spool::look(directory.path()).await.unwrap(), spool.depth());
    let depth = spool.depth();
    drop(spool);
    assert_eq!(Spool::look(directory.path()).await.unwrap(), depth);
    assert_eq!(depth.deliveries, 2);

    let other = tempfile::tempdir().unwrap();
    fs::write(
        Spool::file(other.path()),
        "this is no database, but a letter",
    )
    .unwrap();
    let problem = Spool::look(other.path()).await.unwrap_err().to_string();
    assert!(problem.contains("spool.db cannot be read"), "{problem}");
}

/// How many pages the file may have: with more, the disk is full.
async fn set_largest(spool: &Spool, pages: u32) {
    let mut connection = spool.connection().await.unwrap();
    let limit = format!("PRAGMA max_page_count = {pages}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(limit))
        .execute(connection.idle().await)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_spooled_survives_a_restart_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let deliveries = [delivery(3, 10), delivery(1, 10), delivery(2, 10)];
    {
        let spool = Spool::open(directory.path()).await.unwrap();
        spool
            .append(&[&deliveries[0], &deliveries[1]])
            .await
            .unwrap();
        spool
            .append(&[&deliveries[1], &deliveries[2]])
            .await
            .unwrap();
    }
    let spool = Spool::open(directory.path()).await.unwrap();
    assert_eq!(
        spool.depth(),
        SpoolDepth {
            deliveries: 3,
            oldest: Some(deliveries[1].received_at)
        }
    );
    let waiting = spool.oldest(0, 10, 1000).await.unwrap();
    let ids: Vec<_> = waiting.iter().map(|spooled| spooled.delivery.id).collect();
    assert_eq!(ids, deliveries.each_ref().map(|delivery| delivery.id));
    assert_eq!(waiting[0].delivery, deliveries[0]);
    assert_eq!(
        spool.find(deliveries[2].id).await.unwrap().as_ref(),
        Some(&deliveries[2])
    );
}

#[tokio::test]
async fn a_batch_is_bounded_in_number_and_in_bytes_but_never_empty() {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path()).await.unwrap();
    spool
        .append(&[&delivery(1, 100), &delivery(2, 100), &delivery(3, 100)])
        .await
        .unwrap();
    for (limit, bytes, expected) in [
        (10, 1, 1),
        (10, 100, 1),
        (10, 101, 2),
        (10, 1000, 3),
        (2, 1000, 2),
    ] {
        assert_eq!(
            spool.oldest(0, limit, bytes).await.unwrap().len(),
            expected,
            "{limit} {bytes}"
        );
    }
    let first = spool.oldest(0, 1, 1).await.unwrap()[0].position;
    assert_eq!(spool.oldest(first, 10, 1000).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_disk_that_was_full_is_written_again() {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path()).await.unwrap();
    set_largest(&spool, 20).await;
    for _ in 0..2 {
        let large = [delivery(1, 50_000), delivery(2, 50_000)];
        spool.append(&[&large[0], &large[1]]).await.unwrap_err();
        assert_eq!(spool.depth(), SpoolDepth::default());
        assert!(spool.oldest(0, 10, 1000).await.unwrap().is_empty());
    }
    set_largest(&spool, 1_000_000).await;
    spool.append(&[&delivery(3, 50_000)]).await.unwrap();
    assert_eq!(spool.oldest(0, 10, 1000).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_removed_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path()).await.unwrap();
    spool
        .append(&[&delivery(1, 10), &delivery(2, 10)])
        .await
        .unwrap();
    let waiting = spool.oldest(0, 10, 1000).await.unwrap();
    spool.remove(&mut vec![waiting[0].position]).await.unwrap();
    assert_eq!(
        spool.depth(),
        SpoolDepth {
            deliveries: 1,
            oldest: Some(waiting[1].delivery.received_at)
        }
    );
    spool.remove(&mut vec![waiting[1].position]).await.unwrap();
    assert_eq!(spool.depth(), SpoolDepth::default());
    assert!(spool.oldest(0, 10, 1000).await.unwrap().is_empty());
}

/// A commit that was answered with an error, and was done: its rows were never counted.
#[tokio::test]
async fn what_was_not_counted_does_not_hide_what_waits() {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path()).await.unwrap();
    let uncounted = Spool::open(directory.path()).await.unwrap();
    uncounted
        .append(&[&delivery(1, 10), &delivery(2, 10)])
        .await
        .unwrap();
    spool.append(&[&delivery(3, 10)]).await.unwrap();
    let waiting = spool.oldest(0, 10, 1000).await.unwrap();
    let positions: Vec<_> = waiting.iter().map(|spooled| spooled.position).collect();
    spool.remove(&mut positions[..2].to_vec()).await.unwrap();
    assert_eq!(spool.depth().deliveries, 1);
    spool.remove(&mut positions[2..].to_vec()).await.unwrap();
    assert_eq!(spool.depth(), SpoolDepth::default());
}
