//! What the compiler and clippy do not check: how wide lines are, that a type has a name of its own, and that no two
//! files use each other.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;
use source::{Source, files};

const WIDTH: usize = 120;

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
    assert!(wide.is_empty(), "{wide:#?}");
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
    assert!(places.is_empty(), "{places:#?}");
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
    assert!(circles.is_empty(), "{circles:#?}");
}

/// The page's messages are used by its templates.
#[test]
fn every_message_that_is_named_exists_and_is_named_somewhere() {
    let id = Regex::new(r"(?m)^([a-z][a-z0-9-]*) =").unwrap();
    let reference = Regex::new(r"\{ ([a-z][a-z0-9-]*) \}").unwrap();
    let literal = Regex::new("\"([a-z][a-z0-9-]*)\"").unwrap();
    let named = Regex::new(r#"Text::new\(\s*"([^"]*)""#).unwrap();
    let (mut all, mut here, mut used) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for path in files(Path::new("locales/en")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let found = |regex: &Regex| -> Vec<_> {
            let found = regex.captures_iter(&text);
            found.map(|found| found[1].to_owned()).collect()
        };
        all.extend(found(&id));
        used.extend(found(&reference));
        if !path.ends_with("page.ftl") {
            here.extend(found(&id));
        }
    }
    for source in Source::all() {
        let literals = literal.captures_iter(&source.code);
        used.extend(literals.map(|found| found[1].to_owned()));
        for found in named.captures_iter(&source.code) {
            assert!(all.contains(&found[1]), "there is no message {}", &found[1]);
        }
    }
    // Titles of checks are found by the names of the checks, reasons by their codes.
    let unused: Vec<_> = here
        .iter()
        .filter(|id| !used.contains(*id) && !id.starts_with("check-") && !id.starts_with("reason-"))
        .collect();
    assert!(unused.is_empty(), "{unused:#?}");
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
