//! The file that an export is written to.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// How many symbolic links may lead to a file that is not there yet.
const MOST_LINKS: usize = 40;

/// The file of an export.
#[derive(Debug)]
pub(super) enum Target {
    /// A regular file has a name that nobody can know before, until it is complete. It is deleted if it never is. Only
    /// its owner may read it: messages are confidential.
    Temporary(NamedTempFile, PathBuf),
    /// A device or a pipe.
    Direct(File),
}

impl Target {
    /// Opens a file. Errors are sentences that name it.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let problem = |path: &Path, error: &io::Error| {
            format!("{} cannot be written: {error}", path.display())
        };
        let named = path.display();
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                return Err(format!(
                    "{named} is a directory: name a file in it, such as {}",
                    path.join("messages").display()
                ));
            }
            // A name like /dev/stdout leads to an open file, which may be a regular one.
            Ok(found) if !found.is_file() || is_of_the_system(path) => {
                let file = OpenOptions::new().append(true).open(path);
                return Ok(Self::Direct(file.map_err(|error| problem(path, &error))?));
            }
            _ => {}
        }
        let last = resolved(path).map_err(|error| problem(path, &error))?;
        let (Some(name), Some(directory)) = (last.file_name(), last.parent()) else {
            return Err(format!("{named} names no file"));
        };
        let mut prefix = name.to_owned();
        prefix.push(".");
        // A path of one name has an empty parent.
        let directory = Path::new(".").join(directory);
        let file = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".part")
            .tempfile_in(&directory);
        let file = file.map_err(|error| problem(&last, &error))?;
        Ok(Self::Temporary(file, last))
    }

    pub(super) fn file(&self) -> &File {
        match self {
            Self::Temporary(file, _) => file.as_file(),
            Self::Direct(file) => file,
        }
    }

    /// Whether the file has a temporary name until it is finished.
    pub(super) fn is_temporary(&self) -> bool {
        matches!(self, Self::Temporary(..))
    }

    /// Gives the complete file its name.
    pub(super) fn finish(self) -> io::Result<()> {
        if let Self::Temporary(file, last) = self {
            file.as_file().sync_all()?;
            file.persist(last)?;
        }
        Ok(())
    }
}

fn is_of_the_system(path: &Path) -> bool {
    ["/dev", "/proc"]
        .iter()
        .any(|place| path.starts_with(place))
}

/// Follows symbolic links, even to a file that does not exist yet: the link stays, and the file is created at its
/// target.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(link) => path = path.parent().unwrap_or(Path::new("")).join(link),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn write(path: &Path) {
        let target = Target::open(path).unwrap();
        target.file().write_all(b"new").unwrap();
        target.finish().unwrap();
    }

    #[test]
    fn links_stay_and_their_targets_are_written() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("old"), "old").unwrap();
        fs::create_dir(at("inside")).unwrap();
        symlink("old", at("link")).unwrap();
        symlink("inside/not yet", at("dangling")).unwrap();
        for (link, file) in [("link", "old"), ("dangling", "inside/not yet")] {
            write(&at(link));
            assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(at(file)).unwrap(), "new");
        }
        symlink("round", at("round")).unwrap();
        Target::open(&at("round")).unwrap_err();
    }

    #[test]
    fn a_device_is_written_directly() {
        write(Path::new("/dev/null"));
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn an_unfinished_export_leaves_only_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("out");
        fs::write(&file, "old").unwrap();
        drop(Target::open(&file).unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_that_somebody_put_there_before_is_followed_or_kept() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("victim"), "old").unwrap();
        symlink("victim", at("out.part")).unwrap();
        fs::write(at("out"), "planted").unwrap();
        fs::set_permissions(at("out"), fs::Permissions::from_mode(0o666)).unwrap();
        write(&at("out"));
        assert_eq!(fs::read_to_string(at("victim")).unwrap(), "old");
        let mode = fs::metadata(at("out")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_directory_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let sentence = Target::open(directory.path()).unwrap_err();
        assert!(
            sentence.contains("is a directory: name a file in it"),
            "{sentence}"
        );
    }
}
