//! Files and directories that hold messages or secrets: other users of the machine may not read or change them,
//! whatever the umask is, even if others made them.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// The rights of a file's owner alone.
const OWNER: u32 = 0o600;
/// The rights of everybody but the owner.
const OTHERS: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Opens a file for writing, and creates it if needed. It is its owner's alone, even if it was there before.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .mode(OWNER)
        .open(path)?;
    protect(path);
    Ok(file)
}

/// Takes their rights from others, if the file is there. Warns: until now they had them.
pub(crate) fn protect(path: &Path) {
    let Some(mode) = mode(path) else { return };
    if mode & OTHERS != 0 {
        restrict(path, mode, OWNER);
    }
}

/// The same for a directory in which others can replace files. One that they can only list gives nothing away, and a
/// group that may write was chosen by somebody.
pub(crate) fn protect_directory(path: &Path) {
    let Some(mode) = mode(path) else { return };
    if mode & (OTHERS_WRITE | STICKY) == OTHERS_WRITE {
        restrict(path, mode, mode & !OTHERS);
    } else if mode & OTHERS_WRITE != 0 {
        tracing::warn!(
            path = %path.display(), mode = format!("{mode:o}"),
            "every user of this machine can make files in this directory: use one of the service's own"
        );
    }
}

/// The mode of a file that others may read, for a file that is not the service's own.
pub(crate) fn readable_by_others(path: &Path) -> Option<u32> {
    const OTHERS_READ: u32 = 0o004;
    mode(path).filter(|mode| mode & OTHERS_READ != 0)
}

fn mode(path: &Path) -> Option<u32> {
    let found = fs::metadata(path).ok()?;
    Some(found.permissions().mode() & 0o7777)
}

fn restrict(path: &Path, old: u32, new: u32) {
    let done = fs::set_permissions(path, Permissions::from_mode(new));
    let (path, mode) = (path.display(), format!("{old:o}"));
    match done {
        Ok(()) => tracing::warn!(
            %path, mode,
            "other users of this machine had access until now: it is the owner's alone from here on"
        ),
        Err(error) => tracing::warn!(
            %path, mode, %error,
            "other users of this machine have access, and this process may not change that: use chmod"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_after(before: u32, protect: fn(&Path), path: &Path) -> u32 {
        fs::set_permissions(path, Permissions::from_mode(before)).unwrap();
        protect(path);
        mode(path).unwrap()
    }

    #[test]
    fn a_file_that_was_there_becomes_its_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "kept").unwrap();
        for before in [0o666, 0o644, 0o640, 0o604] {
            let open = |path: &Path| drop(open(path).unwrap());
            assert_eq!(mode_after(before, open, &path), OWNER);
        }
        assert_eq!(mode_after(0o400, protect, &path), 0o400);
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
        protect(&directory.path().join("none"));
    }

    #[test]
    fn a_directory_in_which_others_write_becomes_its_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let after = |before| mode_after(before, protect_directory, directory.path());
        assert_eq!(after(0o777), 0o700);
        for kept in [0o700, 0o755, 0o770, 0o1777] {
            assert_eq!(after(kept), kept);
        }
    }
}
