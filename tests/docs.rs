//! Documentation that is made from the code is equal to the code. `UPDATE_DOCS=1` writes it anew.

use std::fmt::Write as _;
use std::path::PathBuf;

use chatrace_webhook::config::variables::VARIABLES;

/// Compares a file with what it should be, or writes it.
fn assert_file(path: &str, expected: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
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

#[test]
fn the_example_environment_lists_every_variable_with_its_default() {
    let mut file = String::from(
        "# Every variable of chatrace-webhook, with its default. Copy to .env and uncomment what you change.\n\
         # Made from src/config/variables.rs.\n",
    );
    for variable in VARIABLES {
        file.push('\n');
        for line in wrap(variable.description, 100) {
            writeln!(file, "# {line}").unwrap();
        }
        // dotenv needs quotes around a value with blanks.
        let quote = if variable.default.contains(' ') {
            "\""
        } else {
            ""
        };
        writeln!(
            file,
            "# {}={quote}{}{quote}",
            variable.name, variable.default
        )
        .unwrap();
    }
    assert_file(".env.example", &file);
}

#[test]
fn the_reference_lists_every_variable_with_its_default() {
    let mut file = String::from(
        "# Configuration\n\n\
         Everything is configured by the environment. A file `.env` in the working directory is read first; what the\n\
         environment sets already wins. An empty value counts as unset. All mistakes are reported at once, \
         and the exit\ncode is 2.\n\n\
         This page is made from `src/config/variables.rs`.\n\n\
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
fn the_readme_names_every_variable() {
    let readme = include_str!("../README.md");
    for variable in VARIABLES {
        assert!(
            readme.contains(&format!("`{}`", variable.name)),
            "README.md does not name {}",
            variable.name
        );
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
