//! "Why is nothing arriving?": what the diagnosis asks the outside, and the commands that people use.

mod account;
mod commands;
mod external_checks;
mod polling;
mod public_url;
mod secrets;
mod story;

use std::process::Output;

use tokio::process::Command;

use crate::support::process::PATIENCE;

/// Runs a command to its end.
async fn run(mut command: Command) -> Output {
    tokio::time::timeout(PATIENCE, command.output())
        .await
        .expect("the program does not end")
        .unwrap()
}

/// What a command printed, if it ended with this code.
#[track_caller]
fn printed(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}
