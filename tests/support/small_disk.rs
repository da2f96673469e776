//! A file system with little room.

use std::fs::{File, remove_file};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

/// A file system of its own. Unmounted when dropped.
pub(crate) struct SmallDisk {
    mount: TempDir,
    pub(crate) directory: Arc<TempDir>,
}

impl SmallDisk {
    /// `None` where that is not allowed, or not Linux: then the test is left out, and says so.
    pub(crate) fn new(mebibytes: u32) -> Option<Self> {
        let mount = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(mount.path())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            writeln!(
                std::io::stderr(),
                "left out: no file system can be mounted here"
            )
            .ok();
            return None;
        }
        let directory = Arc::new(tempfile::tempdir_in(mount.path()).unwrap());
        Some(Self { mount, directory })
    }

    /// Takes so much room, or all that is left.
    pub(crate) fn take_room(&self, bytes: u64) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.ballast())
            .unwrap();
        let block = [1; 4096];
        for _ in 0..bytes / 4096 {
            if file.write_all(&block).is_err() {
                return;
            }
        }
    }

    /// Gives it back.
    pub(crate) fn make_room(&self) {
        remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.mount.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount")
            .arg("--lazy")
            .arg(self.mount.path())
            .status()
            .ok();
    }
}

/// The length of a file; nothing if it is not there.
pub(crate) fn length(directory: &Path, name: &str) -> u64 {
    directory.join(name).metadata().map_or(0, |file| file.len())
}
