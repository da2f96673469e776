//! The Chatrace account: every way in which its API can answer has its own sentence.

use chatrace_webhook::config::Chatrace as Settings;
use chatrace_webhook::diagnose::{Check, Status, account};
use rstest::rstest;

use crate::support::chatrace::{Behaviour, CHATRACE_TOKEN, Chatrace};
use crate::support::front::free_port;

async fn asked(api_url: &str, token: Option<&str>) -> Check {
    let settings = Settings {
        access_token: token.map(Into::into),
        api_url: api_url.to_owned(),
    };
    account::check(&settings).await
}

#[rstest]
#[case(Behaviour::Well, Status::Ok, "The token is valid for account 1700001.")]
#[case(
    Behaviour::OtherAccount,
    Status::Warning,
    "names account 1700001, but 127.0.0.1 answers for account 42"
)]
#[case(
    Behaviour::ErrorInside,
    Status::Warning,
    "200 with error 1204 inside (\"Account [redacted] is [31m suspended\")"
)]
#[case(
    Behaviour::TextInside,
    Status::Warning,
    "answers 200 with an error inside (\"Account suspended\")"
)]
#[case(Behaviour::LimitInside, Status::Unknown, "100 requests per 60 seconds")]
#[case(Behaviour::LimitOnce, Status::Unknown, "100 requests per 60 seconds")]
#[case(Behaviour::Silent, Status::Unknown, "did not answer in time")]
#[case(Behaviour::Endless, Status::Warning, "far more than an account")]
#[case(Behaviour::Html, Status::Warning, "something that is no JSON")]
#[case(
    Behaviour::Redirect,
    Status::Warning,
    "a redirect (302), which was not followed"
)]
#[case(Behaviour::Broken, Status::Unknown, "answers 502")]
#[tokio::test]
async fn each_answer_has_its_sentence(
    #[case] behaviour: Behaviour,
    #[case] status: Status,
    #[case] sentence: &str,
) {
    let api = Chatrace::start(behaviour).await;
    let check = asked(&api.url, Some(CHATRACE_TOKEN)).await;
    assert_eq!(check.status, status, "{check:?}");
    assert!(check.observed.contains(sentence), "{check:?}");
    assert_eq!(
        check.next_step.is_empty(),
        status == Status::Ok,
        "{check:?}"
    );
    assert!(!format!("{check:?}").contains("canary"), "{check:?}");
    assert_eq!(
        api.asked(),
        ["/accounts/me"],
        "asked once, nothing followed"
    );
}

#[tokio::test]
async fn a_wrong_token_is_told_in_the_apis_words() {
    let api = Chatrace::start(Behaviour::Well).await;
    let check = asked(&api.url, Some("1700001.another")).await;
    assert_eq!(check.status, Status::Warning);
    assert!(
        check
            .observed
            .contains("401 (\"No valid API key provided\")"),
        "{check:?}"
    );
}

#[tokio::test]
async fn a_token_of_the_wrong_form_is_sent_to_nobody() {
    let api = Chatrace::start(Behaviour::Well).await;
    let check = asked(&api.url, Some("canary-without-account")).await;
    assert_eq!(check.status, Status::Warning);
    assert!(
        check.observed.contains("<account id>.<secret>"),
        "{check:?}"
    );
    assert!(!format!("{check:?}").contains("canary"));
    let check = asked(&api.url, None).await;
    assert_eq!(check.status, Status::Unknown);
    assert!(check.observed.contains("is not set"), "{check:?}");
    assert!(api.asked().is_empty());
}

#[tokio::test]
async fn an_api_that_is_not_there_is_no_fault_of_the_token() {
    let url = format!("http://127.0.0.1:{}", free_port().await);
    let check = asked(&url, Some(CHATRACE_TOKEN)).await;
    assert_eq!(check.status, Status::Unknown);
    assert!(
        check
            .observed
            .contains("cannot be reached: the connection is refused"),
        "{check:?}"
    );
    let check = asked("http://nowhere.invalid", Some(CHATRACE_TOKEN)).await;
    assert!(
        check.observed.contains("nowhere.invalid cannot be reached"),
        "{check:?}"
    );
}
