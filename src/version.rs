//! Which version this is.

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that it was built of, where that is known: see `build.rs`.
pub const COMMIT: Option<&str> = match option_env!("CHATRACE_WEBHOOK_COMMIT") {
    Some(commit) if commit.is_empty() => None,
    commit => commit,
};

/// Both, for people.
pub fn version_and_commit() -> String {
    match COMMIT {
        Some(commit) => format!("{VERSION} ({commit})"),
        None => VERSION.to_owned(),
    }
}
