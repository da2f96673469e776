//! A database whose schema is not this program's is refused with a sentence.

use rstest::rstest;

use crate::support::ledger::Ledger;
use crate::support::process::{PATIENCE, program};
use crate::support::{Backend, postgres, sqlite_execute};

#[rstest]
#[case::of_an_unreleased_build(
    "UPDATE _sqlx_migrations SET checksum = {bytes}",
    "it was made by an unreleased build of this program, whose schema cannot be brought up to date"
)]
#[case::of_a_build_with_other_migrations(
    "UPDATE _sqlx_migrations SET version = 0 WHERE version = 1",
    "it was made by an unreleased build of this program"
)]
#[case::of_a_newer_version(
    "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
     VALUES (9999, 'later', true, {bytes}, 0)",
    "its schema is newer than this program"
)]
#[case::of_another_program(
    "UPDATE _sqlx_migrations SET version = version + 20260101000000",
    "it belongs to another program"
)]
#[tokio::test]
async fn a_database_of_another_build_is_refused(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
    #[case] change: &str,
    #[case] sentence: &str,
) {
    let ledger = Ledger::new(backend).await;
    ledger.store().await.close().await;
    let file = ledger.directory().join("chatrace-webhook.db");
    let mut command = program(ledger.directory());
    command.env("API_TOKEN", "t");
    if let Some(url) = &ledger.url {
        postgres::execute(url, change.replace("{bytes}", r"'\x00'::bytea")).await;
        command.env("DATABASE_URL", url);
    } else {
        sqlite_execute(&file, change.replace("{bytes}", "x'00'")).await;
        command.env("DATABASE_URL", format!("sqlite://{}", file.display()));
    }
    let output = tokio::time::timeout(PATIENCE, command.output());
    let output = output.await.expect("the program does not end").unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let refusal = String::from_utf8(output.stderr).unwrap();
    assert!(refusal.contains(sentence), "{refusal}");
    assert!(refusal.contains("cannot be used"), "{refusal}");
}

/// A database of another program, and a user who may not make tables.
#[rstest]
#[case("CREATE TABLE messages (id int)", "", "belongs to another program")]
#[case(
    "CREATE ROLE {role}",
    "?options[role]={role}",
    "GRANT CREATE ON SCHEMA public TO"
)]
#[tokio::test]
async fn a_database_without_room_for_tables_is_refused_with_what_to_do(
    #[case] change: &str,
    #[case] options: &str,
    #[case] sentence: &str,
) {
    let directory = tempfile::tempdir().unwrap();
    let role = format!("role_{}", uuid::Uuid::now_v7().simple());
    let url = postgres::fresh_database().await;
    postgres::execute(&url, change.replace("{role}", &role)).await;
    let mut command = program(directory.path());
    command
        .env("API_TOKEN", "t")
        .env("DATABASE_URL", url + &options.replace("{role}", &role));
    let output = tokio::time::timeout(PATIENCE, command.output());
    let output = output.await.expect("the program does not end").unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let refusal = String::from_utf8(output.stderr).unwrap();
    assert!(refusal.contains(sentence), "{refusal}");
    assert!(!refusal.contains("at line"), "{refusal}");
}

/// Runs `migrate` on a ledger, and answers the exit code and what it printed.
async fn migrate(ledger: &Ledger, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = program(ledger.directory());
    command
        .env("DATA_DIR", ledger.directory())
        .arg("migrate")
        .args(arguments);
    if let Some(url) = &ledger.url {
        command.env("DATABASE_URL", url);
    }
    let output = tokio::time::timeout(PATIENCE, command.output());
    let output = output.await.expect("the program does not end").unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).unwrap())
}

#[rstest]
#[tokio::test]
async fn migrate_says_what_is_pending_does_it_and_refuses_what_is_newer(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let (code, printed) = migrate(&ledger, &["--check"]).await;
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("pending: 0001 ledger"), "{printed}");
    let (code, printed) = migrate(&ledger, &["--check", "--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        (code, &json["status"]),
        (Some(1), &"pending".into()),
        "{json}"
    );
    let (code, printed) = migrate(&ledger, &[]).await;
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("applied: 0001 ledger"), "{printed}");
    let (code, printed) = migrate(&ledger, &["--check"]).await;
    assert_eq!(code, Some(0), "{printed}");
    ledger.execute(later_migration(backend)).await;
    for arguments in [&["--check"][..], &[]] {
        let (code, printed) = migrate(&ledger, arguments).await;
        assert_eq!(code, Some(2), "{printed}");
        assert!(printed.contains("newer than this program"), "{printed}");
    }
}

/// What the migration of a later version may do while this one runs: see docs/architecture/storage.md.
fn later_migration(backend: Backend) -> String {
    let bytes = match backend {
        Backend::Postgres => r"'\x00'::bytea",
        Backend::Sqlite => "x'00'",
    };
    format!(
        "CREATE TABLE later (id integer); \
         ALTER TABLE contacts ADD COLUMN later integer NOT NULL DEFAULT 0; \
         CREATE INDEX contacts_by_later ON contacts (later); \
         ALTER TABLE hours ADD COLUMN later text; \
         CREATE INDEX messages_by_later ON messages (username); \
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', true, {bytes}, 0)"
    )
}

#[tokio::test]
async fn a_running_version_goes_on_while_the_next_one_migrates_and_cannot_be_started_again() {
    let ledger = Ledger::new(Backend::Postgres).await;
    let app = ledger.app().await;
    let post = async |text: &str| {
        let body = format!(r#"{{"contact_id":"1","text":"{text}"}}"#);
        app.post(body).await.ok();
    };
    post("before").await;
    ledger.execute(later_migration(Backend::Postgres)).await;
    post("after").await;
    let contacts = app.get("/instagram/contacts").await.ok();
    assert_eq!(contacts["contacts"][0]["messages"], 2, "{contacts}");
    app.stop().await;
    assert_eq!(migrate(&ledger, &["--check"]).await.0, Some(2));
}
