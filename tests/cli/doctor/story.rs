//! The story in docs/troubleshooting.md is played with the real program, and every step says what is quoted there.
//! `UPDATE_DOCS=1` writes it anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::run;
use crate::support::front::free_port;
use crate::support::process::{PATIENCE, Running, path};
use crate::support::report::steady;

const PROGRAM: &str = "chatrace-webhook";

/// A directory in which the story is played, and the service that runs there meanwhile.
struct Stage {
    directory: tempfile::TempDir,
    port: String,
    service: Option<Running>,
}

impl Stage {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let programs = directory.path().join(".bin");
        std::fs::create_dir(&programs).unwrap();
        std::os::unix::fs::symlink(path(), programs.join(PROGRAM)).unwrap();
        Self {
            directory,
            port: free_port().await.to_string(),
            service: None,
        }
    }

    /// What a command prints.
    async fn play(&mut self, command: &str) -> String {
        let command = command.replace(":3000", &format!(":{}", self.port));
        let mut shell = Command::new("bash");
        let system = std::env::var("PATH").unwrap();
        shell
            .current_dir(self.directory.path())
            .env_clear()
            .env(
                "PATH",
                format!("{}/.bin:{system}", self.directory.path().display()),
            )
            .env("PORT", &self.port)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if command.ends_with(&format!("{PROGRAM} serve")) {
            if let Some(mut service) = self.service.take() {
                service.signal("-TERM");
                assert!(service.ended().await.success());
            }
            shell.args(["-c", &format!("exec {command}")]);
            let service = Running::start(shell).await;
            let printed = service.printed.join("\n");
            self.service = Some(service);
            return printed;
        }
        shell.args(["-c", &command]);
        let output = run(shell).await;
        let printed = [output.stdout, output.stderr].concat();
        String::from_utf8(printed).unwrap()
    }
}

#[tokio::test]
async fn the_story_of_the_empty_inbox_is_told_by_the_program() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/troubleshooting.md");
    let written = std::fs::read_to_string(&file).unwrap();
    let played = tokio::time::timeout(PATIENCE * 3, played(&written))
        .await
        .unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &played).unwrap();
        return;
    }
    // Where a line is broken depends on the length of numbers.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (ours, theirs) in written.split("```").zip(played.split("```")) {
        assert_eq!(
            words(ours),
            words(theirs),
            "{} tells another story: run UPDATE_DOCS=1",
            name(&file)
        );
    }
}

fn name(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

/// The document with what its commands print now.
async fn played(document: &str) -> String {
    let mut stage = Stage::new().await;
    let mut parts = Vec::new();
    for (index, part) in document.split("```").enumerate() {
        let is_transcript = index % 2 == 1 && part.starts_with("console\n");
        if !is_transcript {
            parts.push(part.to_owned());
            continue;
        }
        let mut told = String::from("console\n");
        for command in part.lines().filter_map(|line| line.strip_prefix("$ ")) {
            let printed = stage.play(command).await;
            let printed = steady(&printed.replace(&stage.port, "3000"));
            writeln!(told, "$ {command}").unwrap();
            if !printed.trim().is_empty() {
                writeln!(told, "{}", printed.trim()).unwrap();
            }
        }
        parts.push(told);
    }
    parts.join("```")
}
