//! What the compiler and clippy do not check: how wide lines are, that a type has a name of its own, and that no two
//! files use each other. What is wrong today is listed, and the lists may only become shorter.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;
use source::{Source, files};

const WIDTH: usize = 120;

/// Files with lines that are too wide.
const WIDE: &[&str] = &[
    ".cargo/config.toml",
    "Cargo.toml",
    "migrations/postgres/0003_erasing.sql",
    "migrations/postgres/0006_newest.sql",
    "migrations/postgres/0007_sent.sql",
    "migrations/postgres/0008_commit.sql",
    "migrations/sqlite/0006_newest.sql",
    "migrations/sqlite/0007_sent.sql",
    "scripts/bench",
    "scripts/lib/browser.sh",
    "scripts/lib/postgres.sh",
    "scripts/schemathesis",
    "scripts/test",
    "src/diagnose/misses.rs",
    "src/http.rs",
    "src/http/server.rs",
    "src/http/webhook.rs",
    "src/ingest/drain.rs",
    "src/ingest/erase.rs",
    "src/ingest/fallback.rs",
    "src/ingest/reprocess.rs",
    "src/ingest/sightings.rs",
    "src/ingest/weight.rs",
    "src/normalize/items.rs",
    "src/normalize/multipart.rs",
    "src/retention.rs",
    "src/store.rs",
    "src/store/erase.rs",
    "src/store/feed.rs",
    "src/store/known.rs",
    "src/store/postgres/at_once.rs",
    "src/store/postgres/commit.rs",
    "src/store/postgres/fold.rs",
    "src/store/postgres/read.rs",
    "src/store/postgres/sightings.rs",
    "src/store/postgres/silence.rs",
    "src/store/postgres/turn.rs",
    "src/store/reread.rs",
    "src/store/retain.rs",
    "src/store/settle.rs",
    "src/store/spool.rs",
    "src/store/spool/rows.rs",
    "src/store/sqlite.rs",
    "src/store/sqlite/at_once.rs",
    "src/store/sqlite/commit.rs",
    "src/store/sqlite/read.rs",
    "src/store/sqlite/sightings.rs",
    "src/store/sqlite/silence.rs",
    "src/store/sqlite/writing.rs",
    "src/store/stretch.rs",
    "src/store/upkeep.rs",
    "tests/docs.rs",
];

/// Type names that are declared more than once in `src`.
const DECLARED_TWICE: &[&str] = &[
    "Accepted", "Answer", "Head", "Known", "New", "Progress", "Query", "Rows", "Sample", "Settled",
    "Tally", "Verdict", "Writer", "Written",
];

/// Modules that use each other, directly or by way of others.
const CIRCLES: &[&[&str]] = &[
    &["http::auth", "http::page"],
    &["store::postgres::commit", "store::postgres::guard"],
    &["store::postgres::erase", "store::postgres::reread"],
    &[
        "store::sqlite::commit",
        "store::sqlite::contacts",
        "store::sqlite::guard",
    ],
    &["store::sqlite::erase", "store::sqlite::reread"],
];

#[test]
fn no_line_is_wider_than_120_columns() {
    let literals = Regex::new(r##"r#".*?"#|"(?:[^"\\]|\\.)*""##).unwrap();
    let mut wide = BTreeMap::<String, Vec<usize>>::new();
    for path in files(Path::new(".")) {
        let name = path.strip_prefix(".").unwrap().display().to_string();
        let is_script = name.starts_with("scripts/") || name.starts_with(".ci/");
        if !is_script && !has_extension(&path, &["rs", "sh", "sql", "toml"]) {
            continue;
        }
        for (number, line) in (1..).zip(std::fs::read_to_string(&path).unwrap().lines()) {
            if line.chars().count() > WIDTH && width(line, &literals) > WIDTH {
                wide.entry(name.clone()).or_default().push(number);
            }
        }
    }
    let expected: Vec<_> = WIDE.iter().map(|name| (*name).to_owned()).collect();
    let found: Vec<_> = wide.keys().cloned().collect();
    assert_eq!(found, expected, "{wide:#?}");
}

#[test]
fn a_type_name_is_declared_once() {
    let visible = r"(?:pub(?:\([^)]*\))? )?";
    let pattern = [
        &format!(r"(?m)^ *{visible}(?:struct|enum|trait|union) (\w+)"),
        // In the first column: further in it is a part of an implementation.
        &format!(r"^{visible}type (\w+)"),
        r"named_enum! \{(?:\s*#\[[^\]]*\])*\s*(\w+)",
    ];
    let declared = Regex::new(&pattern.join("|")).unwrap();
    let mut places = BTreeMap::<String, Vec<String>>::new();
    for source in Source::all() {
        for found in declared.captures_iter(&source.code) {
            let name = found.iter().skip(1).flatten().next().unwrap();
            let place = places.entry(name.as_str().to_owned()).or_default();
            place.push(source.module.join("::"));
        }
    }
    places.retain(|_, places| places.len() > 1);
    let found: Vec<_> = places.keys().map(String::as_str).collect();
    assert_eq!(found, DECLARED_TWICE, "{places:#?}");
}

#[test]
fn no_two_files_use_each_other() {
    let uses = source::uses(&Source::all());
    let reached: BTreeMap<_, _> = uses.keys().map(|from| (from, reach(&uses, from))).collect();
    let mut circles = BTreeSet::new();
    for (from, all) in &reached {
        let both_ways = all
            .iter()
            .filter(|to| reached.get(to).is_some_and(|back| back.contains(*from)));
        let circle: Vec<_> = both_ways.map(String::as_str).collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    let found: Vec<_> = circles.into_iter().collect();
    assert_eq!(found, CIRCLES);
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| extensions.contains(&extension))
}

/// How many columns a line has that could be broken. A string literal that begins and ends on the line counts as an
/// empty one, since rustfmt does not break it; a comment with a URL does not count at all.
fn width(line: &str, literals: &Regex) -> usize {
    let text = line.trim_start();
    let is_comment = text.starts_with("//") || text.starts_with('#') || text.starts_with("--");
    if is_comment {
        let has_url = text.contains("://");
        return if has_url { 0 } else { line.chars().count() };
    }
    literals.replace_all(line, "\"\"").chars().count()
}

/// All modules that a module uses, and those that they use.
fn reach(uses: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(module) = next.pop() {
        for to in uses.get(&module).into_iter().flatten() {
            if reached.insert(to.clone()) {
                next.push(to.clone());
            }
        }
    }
    reached
}
