//! Logging out: the cookie that a browser, or somebody else, still has opens nothing any more.

use std::sync::Arc;

use chatrace_webhook::time::Clock;
use jiff::SignedDuration;
use reqwest::{Method, Response};
use rstest::rstest;
use tempfile::TempDir;

use super::session::{Html, page, session};
use crate::support::wait::eventually;
use crate::support::{App, Backend, postgres};

async fn stream(app: &App, cookie: &str) -> Response {
    let path = "/instagram/messages/stream?after=latest";
    let request = app.request(Method::GET, path).header("cookie", cookie);
    request.send().await.unwrap()
}

/// Reads a stream to its end.
async fn ends(mut stream: Response) {
    while stream.chunk().await.unwrap().is_some() {}
}

async fn log_out(app: &App, cookie: &str) {
    let request = app.request(Method::POST, "/logout");
    let answer = Html::of(request.header("cookie", cookie)).await;
    assert_eq!(answer.status, 303);
}

async fn is_open(app: &App, cookie: &str) -> bool {
    !page(app, "/", cookie).await.is_login()
}

async fn opens_nothing(app: &App, cookie: &str) {
    assert!(!is_open(app, cookie).await);
    let path = "/deliveries/01a2040d-6ba6-760d-9d75-582afe0c4905";
    assert_eq!(page(app, path, cookie).await.status, 303);
    assert_eq!(stream(app, cookie).await.status(), 401);
}

async fn database(backend: Backend) -> (Arc<TempDir>, Option<String>) {
    let url = match backend {
        Backend::Postgres => Some(postgres::fresh_database().await),
        Backend::Sqlite => None,
    };
    (Arc::new(tempfile::tempdir().unwrap()), url)
}

#[rstest]
#[tokio::test]
async fn a_logout_ends_the_session_and_its_streams_for_good_and_no_other_session(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let (directory, url) = database(backend).await;
    let start = || App::on(directory.clone(), url.as_deref(), &[]);
    let app = start().await;
    let (ended, other) = (session(&app).await, session(&app).await);
    let (its, others) = (stream(&app, &ended).await, stream(&app, &other).await);
    log_out(&app, &ended).await;
    ends(its).await;
    opens_nothing(&app, &ended).await;
    assert!(is_open(&app, &other).await);
    app.stop().await;
    ends(others).await;
    let app = start().await;
    opens_nothing(&app, &ended).await;
    assert!(is_open(&app, &other).await);
}

#[tokio::test]
async fn a_logout_counts_at_every_replica() {
    let (_, url) = database(Backend::Postgres).await;
    let replica = || App::on(Arc::new(tempfile::tempdir().unwrap()), url.as_deref(), &[]);
    let (one, two) = (replica().await, replica().await);
    let cookie = session(&one).await;
    let stream = stream(&two, &cookie).await;
    assert!(is_open(&two, &cookie).await);
    log_out(&one, &cookie).await;
    opens_nothing(&two, &cookie).await;
    ends(stream).await;
}

#[tokio::test]
async fn a_stream_ends_when_its_session_is_over() {
    let clock = Clock::manual("2026-07-09T12:00:00Z".parse().unwrap());
    let app = App::with_clock(clock.clone()).await;
    let stream = stream(&app, &session(&app).await).await;
    clock.advance(SignedDuration::from_hours(12));
    ends(stream).await;
}

#[tokio::test]
async fn a_logout_while_the_database_is_away_counts_here_at_once_and_elsewhere_later() {
    let (directory, url) = database(Backend::Postgres).await;
    let url = url.unwrap();
    let app = App::on(directory, Some(&url), &[]).await;
    let (ended, other) = (session(&app).await, session(&app).await);
    postgres::close(&url).await;
    log_out(&app, &ended).await;
    opens_nothing(&app, &ended).await;
    assert!(is_open(&app, &other).await, "the page helps in an outage");
    postgres::open(&url).await;
    let replica = App::on(Arc::new(tempfile::tempdir().unwrap()), Some(&url), &[]).await;
    let ask = async || is_open(&replica, &ended).await;
    eventually("the other replica knows", ask, |open| !open).await;
    assert!(is_open(&replica, &other).await);
}
