//! Files that were there before: other users of the machine do not read what the service keeps.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::process::{Running, program};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn what_others_could_read_or_change_becomes_the_owners_alone_and_is_warned_of() {
    let directory = tempfile::tempdir().unwrap();
    let start = || Running::start(program(directory.path()));
    let mut first = start().await;
    let warned = |lines: &[String]| {
        lines
            .iter()
            .filter(|line| line.contains("had access"))
            .count()
    };
    assert_eq!(warned(&first.printed), 0, "{:#?}", first.printed);
    first.signal("-KILL");
    first.ended().await;
    let data = directory.path().join("data");
    let mut files: Vec<_> = fs::read_dir(&data)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
        set_mode(file, 0o666);
    }
    set_mode(&data, 0o777);
    fs::write(data.join("api_token.new"), "left by a crash").unwrap();
    let env = directory.path().join(".env");
    fs::write(&env, "WEBHOOK_SECRET=a-secret-of-more-than-16-characters\n").unwrap();
    set_mode(&env, 0o644);

    let again = start().await;
    assert_eq!(mode(&data), 0o700);
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    let count = files.len() + 1;
    assert_eq!(warned(&again.printed), count, "{:#?}", again.printed);
    let printed = again.printed.join("\n");
    assert!(
        printed.contains("every user of this machine can read .env: use `chmod 600 .env`"),
        "{printed}"
    );
    assert_eq!(mode(&env), 0o644, "it is not the service's file");
}
