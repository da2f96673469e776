//! The real program as a child process.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Longer than anything takes, so that a test that hangs says where.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The program. `scripts/test` also runs these tests with the program as users build it: tests are built with more
/// features of the dependencies than the program alone.
pub(crate) fn path() -> String {
    std::env::var("TEST_PROGRAM")
        .unwrap_or_else(|_| env!("CARGO_BIN_EXE_chatrace-webhook").to_owned())
}

/// How many lines of a program are remembered that nobody reads meanwhile.
const LAST_LINES: usize = 200;

/// The program with a clean environment, in a directory without a `.env` of somebody else's.
pub(crate) fn program(directory: &Path) -> Command {
    let mut command = Command::new(path());
    command
        .current_dir(directory)
        .env_clear()
        .env("HOST", "127.0.0.1")
        .env("PORT", "0")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// A program that runs, and what it prints.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) base: String,
    pub(crate) printed: Vec<String>,
    output: Option<Lines<BufReader<ChildStdout>>>,
}

impl Running {
    /// Starts `serve` and waits until it listens.
    pub(crate) async fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut running = Self {
            child,
            base: String::new(),
            printed: Vec::new(),
            output: Some(output),
        };
        let line = running.line_with("listening").await;
        let address = line
            .split("address=")
            .nth(1)
            .unwrap()
            .split_whitespace()
            .next()
            .unwrap();
        running.base = format!("http://{address}");
        running
    }

    /// Reads on until a line has this text.
    pub(crate) async fn line_with(&mut self, text: &str) -> String {
        let reading = async {
            while let Some(line) = self.next_line().await {
                self.printed.push(line.clone());
                if line.contains(text) {
                    return line;
                }
            }
            panic!(
                "the program ended without a line that has `{text}`: {:#?}",
                self.printed
            );
        };
        timeout(PATIENCE, reading)
            .await
            .unwrap_or_else(|_| panic!("no line with `{text}` came"))
    }

    async fn next_line(&mut self) -> Option<String> {
        self.output.as_mut()?.next_line().await.unwrap()
    }

    /// Goes away, as a reader of logs may.
    pub(crate) fn close_output(&mut self) {
        self.output = None;
    }

    /// Keeps reading in the background, so that the program never waits for somebody to take what it prints. Answers
    /// the process, and at its end the last lines.
    pub(crate) fn detach(self) -> (Child, tokio::task::JoinHandle<VecDeque<String>>) {
        let mut output = self.output.unwrap();
        let mut last = VecDeque::from(self.printed);
        let reading = tokio::spawn(async move {
            while let Ok(Some(line)) = output.next_line().await {
                if std::env::var_os("TEST_LOG").is_some() {
                    writeln!(std::io::stderr(), "{line}").ok();
                }
                if last.len() == LAST_LINES {
                    last.pop_front();
                }
                last.push_back(line);
            }
            last
        });
        (self.child, reading)
    }

    /// Sends a signal by its number.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for the end, reading the rest of the output.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let ending = async {
            while let Some(line) = self.next_line().await {
                self.printed.push(line);
            }
            self.child.wait().await.unwrap()
        };
        timeout(PATIENCE, ending)
            .await
            .expect("the program does not end")
    }
}
