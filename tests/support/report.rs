//! Reports of the diagnosis in tests: checks by their names, and their sentences as snapshots. A sentence is written
//! out in one snapshot only, so that it can be changed and reviewed there: `INSTA_UPDATE=always scripts/test diagnosis
//! doctor`.

use std::fmt::Write as _;

use regex::Regex;
use serde::Serialize;
use serde_json::Value;

/// The check with this name.
#[track_caller]
pub(crate) fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no check {name} in {report:#}"))
}

/// The sentences of a report: the verdict, and every warning and problem.
pub(crate) fn findings(report: &Value) -> String {
    let mut text = format!("verdict: {}\n", text_of(&report["verdict"]));
    for check in report["checks"].as_array().unwrap() {
        if check["status"] == "warning" || check["status"] == "problem" {
            text += &sentences(check);
        }
    }
    text
}

/// The sentences of every check in a report.
pub(crate) fn everything(report: &Value) -> String {
    let checks = report["checks"].as_array().unwrap();
    let checks: String = checks.iter().map(sentences).collect();
    format!("verdict: {}\n{checks}", text_of(&report["verdict"]))
}

/// The sentences of one check.
pub(crate) fn sentences(check: &impl Serialize) -> String {
    let check = serde_json::to_value(check).unwrap();
    let [name, status, observed, meaning, next] =
        ["name", "status", "observed", "meaning", "nextStep"].map(|key| text_of(&check[key]));
    let mut text = format!("{status} {name}: {observed}\n");
    for (mark, sentence) in [(" ", meaning), ("→", next)] {
        if !sentence.is_empty() {
            writeln!(text, "    {mark} {sentence}").unwrap();
        }
    }
    text
}

/// One case of a snapshot that holds several.
pub(crate) fn case(name: &str, text: &str) -> String {
    format!("## {name}\n{text}\n")
}

/// Compares a text with its snapshot, what differs each time made the same.
pub(crate) fn assert_report(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots/reports");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let port = Regex::new(r"\b(127\.0\.0\.1|localhost):\d+").unwrap();
    let text = port.replace_all(text, "$1:3000");
    settings.bind(|| insta::assert_snapshot!(name, steady(&text)));
}

/// A text with ids, times and sizes that are always the same.
pub(crate) fn steady(text: &str) -> String {
    let replaced = [
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "01a204ab-4cef-76ad-abd5-1cefc841d56f",
        ),
        (
            r"\b[0-9a-f]{64}\b",
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ),
        (
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
            "2026-11-22T14:02:11.000Z",
        ),
        (r"\bon \d{4}-\d\d-\d\d \d\d:\d\d\b", "at 14:02"),
        (r"([ (])\d\d:\d\d(:\d\d)?\b", "${1}14:02"),
        (r"\b\d+ [MG]iB of \d+ [MG]iB\b", "40 GiB of 80 GiB"),
        (r"\bcurl/\d+(\.\d+)*", "curl/8.5.0"),
        (r"\b\d{13}\b", "1795356131000"),
        (r"\b\d+ ms\b", "12 ms"),
        (r"\bfor \d+ (second|minute)s?\b", "for 2 seconds"),
    ];
    replaced
        .into_iter()
        .fold(text.to_owned(), |text, (pattern, with)| {
            let pattern = Regex::new(pattern).unwrap();
            pattern.replace_all(&text, with).into_owned()
        })
}

#[track_caller]
fn text_of(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Sentences in English, or what looks like parts of them, in a text of another language: three plain words in a row.
/// What stands between backticks is to be copied.
pub(crate) fn english_in(text: &str) -> Vec<String> {
    let quoted = Regex::new("`[^`]*`").unwrap();
    let words = Regex::new(r"\b[A-Za-z]?[a-z]+(?:[ ,]+[a-z]+){2,}\b").unwrap();
    let text = quoted.replace_all(text, "");
    let found = words.find_iter(&text);
    found.map(|found| found.as_str().to_owned()).collect()
}
