//! Commands speak the language of the terminal, and JSON stays English.

use chatrace_webhook::diagnose::Status;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::doctor::{printed, run};
use crate::support::front::free_port;
use crate::support::process::program;
use crate::support::report::english_in;
use crate::support::{App, Backend, TOKEN};

/// A command in a Russian terminal.
fn russian(directory: &TempDir, arguments: &[&str]) -> Command {
    let mut command = program(directory.path());
    command
        .args(arguments)
        .env("PORT", "3000")
        .env("LANG", "ru_RU.UTF-8");
    command
}

#[tokio::test]
async fn setup_is_in_russian() {
    let directory = tempfile::tempdir().unwrap();
    for variables in [
        &[][..],
        &[("PUBLIC_URL", "https://a.example"), ("WEBHOOK_SECRET", "s")],
    ] {
        let mut setup = russian(&directory, &["setup"]);
        setup.envs(variables.iter().copied());
        let text = printed(&run(setup).await, 0);
        assert!(
            text.contains("1. Сделайте сервис доступным из интернета"),
            "{text}"
        );
        assert!(
            text.contains("X-Webhook-Secret: (значение WEBHOOK_SECRET)"),
            "{text}"
        );
        // What is to be copied is the same in every language.
        let sentences = text.lines().filter(|line| !line.starts_with("     "));
        let sentences = sentences.collect::<Vec<_>>().join(" ");
        assert_eq!(english_in(&sentences), Vec::<String>::new());
    }
    let json = printed(&run(russian(&directory, &["setup", "--json"])).await, 0);
    assert!(json.contains("Make the service reachable"), "{json}");
}

#[tokio::test]
async fn the_doctor_is_in_russian_and_gets_the_checks_of_the_service_in_russian() {
    let app = App::start(Backend::Sqlite).await;
    let directory = tempfile::tempdir().unwrap();
    let doctor = |arguments: &[&'static str]| {
        let mut all = vec!["doctor", "--url", &app.base];
        all.extend(arguments);
        let mut doctor = russian(&directory, &all);
        doctor.env("API_TOKEN", TOKEN);
        doctor
    };
    let text = printed(&run(doctor(&[])).await, 1);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Сервис отвечает по адресу",
        "Доставок ещё не было.",
        "PUBLIC_URL не задан",
        "Выполните `chatrace-webhook setup`",
    ] {
        assert!(words.contains(part), "{part}: {text}");
    }
    assert_eq!(english_in(&text), Vec::<String>::new(), "{text}");

    let json: Value = serde_json::from_str(&printed(&run(doctor(&["--json"])).await, 1)).unwrap();
    assert_eq!(json["status"], Status::Problem.as_str());
    assert!(
        json["verdict"]
            .as_str()
            .unwrap()
            .starts_with("Nothing has reached")
    );
}

#[tokio::test]
async fn without_a_service_the_doctor_is_in_russian_too() {
    let directory = tempfile::tempdir().unwrap();
    let mut doctor = russian(&directory, &["doctor"]);
    doctor
        .env("SPOOL", "perhaps")
        .env("PORT", free_port().await.to_string());
    let text = printed(&run(doctor).await, 1);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("недопустимое значение `perhaps`: ожидается on или off"),
        "{text}"
    );
    assert!(words.contains("сервис там не запущен"), "{text}");
    assert_eq!(english_in(&text), Vec::<String>::new(), "{text}");
}

#[tokio::test]
async fn mistakes_at_start_are_in_the_language_of_the_terminal_or_of_locale() {
    let directory = tempfile::tempdir().unwrap();
    let wrong = || {
        let mut serve = russian(&directory, &["serve"]);
        serve
            .env("PORT", "70000")
            .env("SPOOL", "perhaps")
            .env("FORWARD_RATE", "1")
            .env("DATABASE_URL", "mysql://x");
        serve
    };
    let output = run(wrong()).await;
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("ошибка: Ошибок в настройках: 4"), "{text}");
    assert!(
        text.contains("\n  PORT: недопустимое значение `70000`: ожидается порт"),
        "{text}"
    );
    assert_eq!(english_in(&text), Vec::<String>::new(), "{text}");

    let mut english = wrong();
    english.env("LOCALE", "en");
    let text = String::from_utf8(run(english).await.stderr).unwrap();
    assert!(
        text.starts_with("error: The configuration has 4 mistake(s):\n"),
        "{text}"
    );

    std::fs::write(directory.path().join(".env"), "PORT=3000\nbroken line\n").unwrap();
    let output = run(russian(&directory, &["serve"])).await;
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.starts_with("ошибка: не удаётся разобрать .env: строка 2:"),
        "{text}"
    );
}
