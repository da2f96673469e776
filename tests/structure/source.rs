//! The modules of `src`, and what each of them uses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// The path of a module, or of something in it, from the root of the crate.
type Names = Vec<String>;

/// A file of `src`, without comments and unit tests.
pub(super) struct Source {
    pub(super) module: Names,
    pub(super) code: String,
}

impl Source {
    pub(super) fn all() -> Vec<Self> {
        let root = Path::new("src");
        let paths = files(root).into_iter();
        let paths = paths.filter(|path| *path != root.join("main.rs"));
        paths.map(|path| Self::read(root, &path)).collect()
    }

    fn read(root: &Path, path: &Path) -> Self {
        let module = path.strip_prefix(root).unwrap().with_extension("");
        let names = module.iter().map(|name| name.to_str().unwrap().to_owned());
        let text = std::fs::read_to_string(path).unwrap();
        let text = text.split("\n#[cfg(test)]\nmod tests").next().unwrap();
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let code: Vec<_> = lines
            .map(|line| line.split(" // ").next().unwrap())
            .collect();
        Self {
            module: names.filter(|name| name != "lib").collect(),
            code: code.join("\n"),
        }
    }

    /// The paths that are imported, and under which names; and those that are written out.
    fn paths(&self) -> (Vec<(String, Names)>, Vec<Names>) {
        let import = Regex::new(r"(?m)^ *(?:pub(?:\([^)]*\))? )?use ([^;]+);").unwrap();
        let path = Regex::new(r"(?-u:\b(?:crate|super|self)(?:::\w+)+)").unwrap();
        let mut imports = Vec::new();
        for found in import.captures_iter(&self.code) {
            let tree: String = found[1].split_whitespace().collect::<Vec<_>>().join(" ");
            for leaf in leaves(&tree) {
                let (path, name) = leaf.split_once(" as ").unwrap_or((&leaf, ""));
                let path = self.absolute(path);
                let name = if name.is_empty() {
                    path.last().cloned().unwrap_or_default()
                } else {
                    name.to_owned()
                };
                imports.push((name, path));
            }
        }
        let rest = import.replace_all(&self.code, "");
        let written = path
            .find_iter(&rest)
            .map(|path| self.absolute(path.as_str()));
        (imports, written.collect())
    }

    /// A path as it is from the root. What begins with another word begins here, or in another crate.
    fn absolute(&self, path: &str) -> Names {
        let mut names = self.module.clone();
        for name in path.split("::").map(str::trim) {
            match name {
                "crate" => names.clear(),
                "super" => drop(names.pop()),
                "self" => {}
                name => names.push(name.to_owned()),
            }
        }
        names
    }
}

/// Every file below a directory, except what is made, fetched or stored there.
pub(super) fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut next = vec![directory.to_owned()];
    while let Some(directory) = next.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let is_foreign =
                [".git", "data", "node_modules", "target"].map(|name| entry.file_name() == name);
            if is_foreign.contains(&true) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                next.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

/// Which modules each module uses: not itself, not those that it is in, and not those in it.
pub(super) fn uses(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let paths: BTreeMap<_, _> = sources
        .iter()
        .map(|source| (source.module.clone(), source.paths()))
        .collect();
    let imports: BTreeMap<&Names, BTreeMap<&String, &Names>> = paths
        .iter()
        .map(|(module, (imports, _))| {
            (
                module,
                imports.iter().map(|(name, path)| (name, path)).collect(),
            )
        })
        .collect();
    let mut uses = BTreeMap::<String, BTreeSet<String>>::new();
    for (from, (imported, written)) in &paths {
        for path in imported.iter().map(|(_, path)| path).chain(written) {
            let to = home(&imports, path, 0);
            if !to.starts_with(from) && !from.starts_with(&to) {
                uses.entry(from.join("::"))
                    .or_default()
                    .insert(to.join("::"));
            }
        }
    }
    uses
}

/// The module in which something is declared, through the imports by which others get at it.
fn home(
    imports: &BTreeMap<&Names, BTreeMap<&String, &Names>>,
    path: &[String],
    depth: usize,
) -> Names {
    let mut module = Names::new();
    for name in path {
        let mut inner = module.clone();
        inner.push(name.clone());
        if imports.contains_key(&inner) {
            module = inner;
            continue;
        }
        let elsewhere = imports.get(&module).and_then(|names| names.get(name));
        return match elsewhere {
            Some(path) if depth < 8 => home(imports, path, depth + 1),
            _ => module,
        };
    }
    module
}

/// The paths of a tree of imports: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn leaves(tree: &str) -> Vec<String> {
    let Some((head, rest)) = tree.split_once('{') else {
        return vec![tree.trim().to_owned()];
    };
    let inside = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for letter in inside.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(letter);
    }
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts
        .flat_map(|part| leaves(part))
        .map(|leaf| format!("{}{leaf}", head.trim_start()))
        .collect()
}
