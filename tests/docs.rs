//! Documentation that is generated from the code equals the code; `UPDATE_DOCS=1` writes it again. What the documents
//! name exists.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use chatrace_webhook::config::variables::{RELOADED, VARIABLES};
use regex::Regex;

/// Compares a file with what it should be, or writes it.
fn assert_file(path: &str, expected: &str) {
    let path = root().join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let actual = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        actual == expected,
        "{} is out of date: run UPDATE_DOCS=1 cargo test docs",
        path.display()
    );
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_example_environment_lists_every_variable_with_its_default() {
    let mut file = String::from(
        "# Every variable of chatrace-webhook, with its default. Copy it (`install -m 600 .env.example .env`)\n\
         # and uncomment what you change.\n\
         # Generated from src/config/variables.rs.\n",
    );
    for variable in VARIABLES {
        file.push('\n');
        for line in wrap(variable.description, 100) {
            writeln!(file, "# {line}").unwrap();
        }
        // dotenv needs quotes around a value with blanks, and `docker run --env-file` keeps the quotes.
        assert!(!variable.default.contains(' '), "{}", variable.name);
        writeln!(file, "# {}={}", variable.name, variable.default).unwrap();
    }
    assert_file(".env.example", &file);
}

#[test]
fn the_reference_lists_every_variable_with_its_default() {
    let reloaded = RELOADED.map(|name| format!("`{name}`")).join(", ");
    let mut file = format!(
        "# Configuration\n\n\
         The environment configures everything. A file `.env` in the working directory is read too; a variable that \
         is\nset in the environment wins over it. An empty value counts as unset. The service reports all mistakes at \
         once\nand exits with code 2. After a change, restart it; or send SIGHUP, on which it reads `.env` again, for\n\
         {reloaded}:\nsee [rotation.md](rotation.md).\n\n\
         This page is generated from `src/config/variables.rs`.\n\n\
         | Variable | Default | Meaning |\n|---|---|---|\n",
    );
    for variable in VARIABLES {
        let default = if variable.default.is_empty() {
            "unset".to_owned()
        } else {
            format!("`{}`", variable.default)
        };
        let description = variable.description.replace('|', "\\|");
        writeln!(file, "| `{}` | {default} | {description} |", variable.name).unwrap();
    }
    assert_file("docs/configuration.md", &file);
}

#[test]
fn the_readme_names_ten_variables_that_exist() {
    let named: Vec<_> = include_str!("../README.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(name, _)| name)
        .filter(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        })
        .collect();
    assert_eq!(named.len(), 10, "{named:?}");
    for name in named {
        let is_listed = VARIABLES.iter().any(|variable| variable.name == name);
        assert!(is_listed, "README.md names {name}, which does not exist");
    }
}

/// Only the comments of a command are in another language.
#[test]
fn both_readmes_show_the_same_code_variables_and_pages() {
    let comment = Regex::new(r" +# .*").unwrap();
    let link = Regex::new(r"\]\(([^)#]+)").unwrap();
    let of = |readme: &str| {
        let fences = readme.split("```").skip(1).step_by(2);
        let code: Vec<_> = fences
            .map(|code| comment.replace_all(code, "").into_owned())
            .collect();
        let rows = readme.lines().filter(|line| line.starts_with("| `"));
        let rows: Vec<_> = rows
            .filter_map(|row| row.split(" | ").next().map(str::to_owned))
            .collect();
        let links: BTreeSet<_> = link
            .captures_iter(readme)
            .map(|found| found[1].to_owned())
            .filter(|link| !link.starts_with("README"))
            .collect();
        (code, rows, links)
    };
    let (english, russian) = (
        include_str!("../README.md"),
        include_str!("../README.ru.md"),
    );
    assert_eq!(of(english), of(russian));
    assert!(english.contains("(README.ru.md)") && russian.contains("(README.md)"));
}

/// A document shows a file of `deploy/` as it is: "`deploy/…`:" and a block of code.
#[test]
fn the_documents_show_the_files_of_deploy_as_they_are() {
    let mut shown = 0;
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let document = entry.unwrap().path();
        let text = std::fs::read_to_string(&document).unwrap_or_default();
        for part in text.split("\n`deploy/").skip(1) {
            let Some((name, rest)) = part.split_once("`:\n\n```") else {
                continue;
            };
            let (_, rest) = rest.split_once('\n').unwrap();
            let (code, _) = rest.split_once("\n```\n").unwrap();
            let file = std::fs::read_to_string(root().join("deploy").join(name)).unwrap();
            let document = document.display();
            assert_eq!(file.trim_end(), code, "deploy/{name} in {document}");
            shown += 1;
        }
    }
    assert!(shown >= 7, "only {shown} files are shown");
}

#[test]
fn each_alert_has_its_paragraph_and_each_paragraph_its_alert() {
    let rules = include_str!("../deploy/prometheus/chatrace-webhook.rules.yml").lines();
    let alerts: Vec<_> = rules
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    let document = include_str!("../docs/operations.md").lines();
    let paragraphs: Vec<_> = document
        .filter_map(|line| line.strip_prefix("### Chatrace"))
        .map(|name| format!("Chatrace{name}"))
        .collect();
    assert_eq!(alerts, paragraphs);
    let tests = include_str!("../deploy/prometheus/chatrace-webhook.test.yml");
    for alert in alerts {
        assert!(tests.contains(&format!("alertname: {alert}")), "{alert}");
    }
}

/// The table of promises ends each row with the tests that prove it.
#[test]
fn every_test_that_proves_a_promise_exists() {
    let mut functions = BTreeSet::new();
    for folder in ["src", "tests"] {
        collect_functions(&root().join(folder), &mut functions);
    }
    let mut proofs = 0;
    for row in include_str!("../docs/promises.md").lines() {
        let Some((_, proof)) = row.trim_end_matches(" |").rsplit_once(" | ") else {
            continue;
        };
        for name in proof.split('`').skip(1).step_by(2) {
            let exists = if name.contains('/') || Path::new(name).extension().is_some() {
                ["", "src", "tests"]
                    .iter()
                    .any(|folder| root().join(folder).join(name).exists())
            } else {
                functions.contains(name.rsplit("::").next().unwrap_or(name))
            };
            assert!(
                exists,
                "docs/promises.md names {name}, which does not exist"
            );
            proofs += 1;
        }
    }
    assert!(proofs > 50, "only {proofs} tests are named");
}

/// The names of all functions below a folder.
fn collect_functions(folder: &Path, functions: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_functions(&path, functions);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            let names = source.lines().filter_map(|line| {
                let (_, rest) = line.split_once("fn ")?;
                rest.split(['(', '<']).next()
            });
            functions.extend(names.map(str::to_owned));
        }
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().unwrap();
        if !line.is_empty() && line.len() + 1 + word.len() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
