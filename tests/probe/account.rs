//! The Chatrace account: every way in which its API can answer has its own sentence.

use chatrace_webhook::config::Chatrace as Settings;
use chatrace_webhook::diagnose::{Check, Status};
use chatrace_webhook::probe::account;
use futures_util::future::join_all;

use crate::support::chatrace::{Behaviour, CHATRACE_TOKEN, Chatrace};
use crate::support::front::free_port;
use crate::support::report::{self, assert_report, sentences};

async fn asked(api_url: &str, token: Option<&str>) -> Check {
    let settings = Settings {
        access_token: token.map(Into::into),
        api_url: api_url.to_owned(),
    };
    account::check_account(&settings).await
}

/// Checks the token against an API, and gives the sentences.
async fn case(behaviour: Behaviour, status: Status) -> String {
    let api = Chatrace::start(behaviour).await;
    let check = asked(&api.url, Some(CHATRACE_TOKEN)).await;
    assert_eq!(check.status, status, "{check:?}");
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
    report::case(&format!("{behaviour:?}"), &sentences(&check))
}

#[tokio::test]
async fn each_answer_has_its_sentence() {
    let cases = [
        (Behaviour::Well, Status::Ok),
        (Behaviour::OtherAccount, Status::Warning),
        (Behaviour::ErrorInside, Status::Warning),
        (Behaviour::TextInside, Status::Warning),
        (Behaviour::LimitInside, Status::Unknown),
        (Behaviour::LimitOnce, Status::Unknown),
        (Behaviour::Silent, Status::Unknown),
        (Behaviour::Endless, Status::Warning),
        (Behaviour::Html, Status::Warning),
        (Behaviour::Redirect, Status::Warning),
        (Behaviour::Broken, Status::Unknown),
    ];
    let cases = cases.map(|(behaviour, status)| case(behaviour, status));
    assert_report("account_answers", &join_all(cases).await.concat());
}

#[tokio::test]
async fn a_token_that_is_wrong_missing_or_malformed_has_its_sentence() {
    let api = Chatrace::start(Behaviour::Well).await;
    let cases = [
        ("malformed", Some("canary-without-account"), Status::Warning),
        ("missing", None, Status::Unknown),
        ("wrong", Some("1700001.another"), Status::Warning),
    ];
    let mut text = String::new();
    for (name, token, status) in cases {
        assert!(
            api.asked().is_empty(),
            "a malformed token is sent to nobody"
        );
        let check = asked(&api.url, token).await;
        assert_eq!(check.status, status, "{check:?}");
        assert!(!format!("{check:?}").contains("canary"));
        text += &report::case(name, &sentences(&check));
    }
    assert_report("account_tokens", &text);
}

#[tokio::test]
async fn an_api_that_cannot_be_reached_is_no_fault_of_the_token() {
    let closed = format!("http://127.0.0.1:{}", free_port().await);
    let mut text = String::new();
    for (name, url) in [
        ("closed", closed.as_str()),
        ("no name", "http://nowhere.invalid"),
    ] {
        let check = asked(url, Some(CHATRACE_TOKEN)).await;
        assert_eq!(check.status, Status::Unknown);
        let observed = check.observed.to_string();
        let cause = observed.rsplit(": ").next().unwrap();
        // The resolver's words are the system's.
        let shown = if name == "closed" {
            sentences(&check)
        } else {
            sentences(&check).replace(cause, "…")
        };
        text += &report::case(name, &shown);
    }
    assert_report("account_unreachable", &text);
}
