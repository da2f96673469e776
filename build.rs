//! Notes of which commit a release is: of `CHATRACE_WEBHOOK_COMMIT`, or else of the repository that it is built in.

#![expect(clippy::disallowed_methods, reason = "so a build talks with cargo")]

use std::process::Command;

const VARIABLE: &str = "CHATRACE_WEBHOOK_COMMIT";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let is_given = std::env::var(VARIABLE).is_ok_and(|commit| !commit.is_empty());
    // Elsewhere each commit would have everything compiled again.
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if is_given || !is_release {
        return;
    }
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    if let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) {
        println!("cargo::rustc-env={VARIABLE}={commit}");
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
