//! Whether the files of an open database are still those at their paths.
//!
//! SQLite goes on writing to a file that was removed or replaced while it is open, without any error. Its content is
//! gone with the process. `git clean` in the checkout does that, and so do a cleaner of temporary files, a volume
//! that is mounted anew, and a backup that is restored without a stop.

use std::fs::metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

use crate::store::StoreError;

/// How often [`OpenFiles::watch`] looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The file of an open database and those that SQLite keeps beside it.
#[derive(Debug, Clone)]
pub struct OpenFiles(Vec<(PathBuf, FileId)>);

/// Device and inode. As long as a file is open, no other one gets the same.
type FileId = (u64, u64);

impl OpenFiles {
    /// Notes which files an open database has. It has read something already: SQLite makes its two others then.
    pub fn of(database: &Path) -> Self {
        let paths = ["", "-wal", "-shm"].map(|suffix| {
            let mut path = database.as_os_str().to_owned();
            path.push(suffix);
            PathBuf::from(path)
        });
        let files = paths.into_iter();
        Self(
            files
                .filter_map(|path| id_of(&path).map(|id| (path, id)))
                .collect(),
        )
    }

    /// Fails if one of them was removed or replaced. It takes some microseconds.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with a sentence that names the file.
    pub fn check(&self) -> Result<(), StoreError> {
        let gone = self.0.iter().find(|(path, id)| id_of(path) != Some(*id));
        gone.map_or(Ok(()), |(path, _)| {
            Err(StoreError::Unavailable(format!(
                "the file {} was removed or replaced while this process had it open: restart the service",
                path.display()
            )))
        })
    }

    /// Logs when one of them is removed or replaced, as long as it is polled: an operator learns of it before the next
    /// delivery comes.
    pub async fn watch(self) {
        let mut was_there = true;
        loop {
            let found = self.check();
            if let Err(problem) = &found
                && was_there
            {
                tracing::error!("{problem}");
            }
            was_there = found.is_ok();
            sleep(LOOK_EVERY).await;
        }
    }
}

fn id_of(path: &Path) -> Option<FileId> {
    let file = metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

#[cfg(test)]
mod tests {
    use std::fs::{copy, remove_file, rename, write};

    use super::*;

    #[test]
    fn a_file_that_is_removed_or_replaced_is_noticed_whichever_it_is() {
        for suffix in ["", "-wal", "-shm"] {
            for is_replaced in [false, true] {
                let directory = tempfile::tempdir().unwrap();
                let at = |name: &str| directory.path().join(name);
                for name in ["x.db", "x.db-wal", "x.db-shm"] {
                    write(at(name), name).unwrap();
                }
                let files = OpenFiles::of(&at("x.db"));
                write(at("x.db"), "longer than before").unwrap();
                assert_eq!(files.check(), Ok(()), "what is written changes nothing");
                let name = format!("x.db{suffix}");
                if is_replaced {
                    copy(at(&name), at("copy")).unwrap();
                    rename(at("copy"), at(&name)).unwrap();
                } else {
                    remove_file(at(&name)).unwrap();
                }
                let problem = files.check().unwrap_err().to_string();
                assert!(
                    problem.contains(&format!("{name} was removed")),
                    "{problem}"
                );
            }
        }
    }
}
