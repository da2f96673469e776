//! "Why is nothing arriving?": the commands that people use.

mod commands;
mod secrets;
mod story;

use std::process::Output;

use tokio::process::Command;

use crate::support::process::PATIENCE;

/// Runs a command to its end.
pub(crate) async fn run(mut command: Command) -> Output {
    tokio::time::timeout(PATIENCE, command.output())
        .await
        .expect("the program does not end")
        .unwrap()
}

/// What a command printed, if it ended with this code.
#[track_caller]
pub(crate) fn printed(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}
