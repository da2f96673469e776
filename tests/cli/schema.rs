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
