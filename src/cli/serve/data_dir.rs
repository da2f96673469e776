//! The data directory of one process: the embedded database, the spool, a generated token.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use tempfile::NamedTempFile;

use crate::config::fits_a_header;
use crate::crypto::random_hex;
use crate::i18n::Text;
use crate::private_file;

/// An open data directory. It is locked, so that no other process writes there.
#[derive(Debug)]
pub(in crate::cli) struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// The API token of a service for which none is configured.
#[derive(Debug)]
pub(super) struct GeneratedToken {
    pub(super) token: SecretString,
    /// Whether this start made it.
    pub(super) is_new: bool,
}

impl DataDir {
    /// Creates the directory if needed, and locks it. Errors are sentences with its name.
    pub(in crate::cli) fn open(path: &Path) -> Result<Self, Text> {
        let about = |id| Text::new(id).with("path", path.display().to_string());
        // Messages are confidential: other users of this machine may not read them.
        let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
        created.map_err(|error| about("directory-not-created").with("cause", error.to_string()))?;
        private_file::protect_directory(path);
        let lock = private_file::open(&path.join("lock"))
            .map_err(|error| about("directory-not-writable").with("cause", error.to_string()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(about("directory-in-use")),
            Err(TryLockError::Error(error)) => {
                Err(about("directory-not-locked").with("cause", error.to_string()))
            }
        }
    }

    /// The token that an earlier start generated, or a new one. Only its owner may read the file.
    pub(super) fn api_token(&self) -> Result<GeneratedToken, Text> {
        let path = self.path.join(TOKEN_FILE);
        private_file::protect(&path);
        if let Some(token) = kept_token(&self.path)? {
            return Ok(GeneratedToken {
                token,
                is_new: false,
            });
        }
        let problem = |error| token_problem(&self.path, &error);
        let token = random_token().map_err(problem)?;
        // Renamed when it is complete: a crash leaves no part of a token.
        let mut file = NamedTempFile::new_in(&self.path).map_err(problem)?;
        file.write_all(token.expose_secret().as_bytes())
            .map_err(problem)?;
        file.as_file().sync_all().map_err(problem)?;
        file.persist(path).map_err(|error| problem(error.error))?;
        Ok(GeneratedToken {
            token,
            is_new: true,
        })
    }
}

const TOKEN_FILE: &str = "api_token";

/// The generated token in a data directory, if there is one.
pub(in crate::cli) fn kept_token(data_dir: &Path) -> Result<Option<SecretString>, Text> {
    match fs::read_to_string(data_dir.join(TOKEN_FILE)) {
        Ok(token) if token.trim().is_empty() => Err(about_token("token-file-empty", data_dir)),
        Ok(token) if !fits_a_header(token.trim()) => Err(about_token("token-file-unfit", data_dir)),
        Ok(token) => Ok(Some(SecretString::from(token.trim()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(token_problem(data_dir, &error)),
    }
}

fn token_problem(data_dir: &Path, error: &std::io::Error) -> Text {
    about_token("token-file-problem", data_dir).with("cause", error.to_string())
}

fn about_token(id: &'static str, data_dir: &Path) -> Text {
    Text::new(id).with("path", data_dir.join(TOKEN_FILE).display().to_string())
}

/// 256 random bits in hexadecimal digits.
fn random_token() -> Result<SecretString, std::io::Error> {
    let token = random_hex::<32>().map_err(std::io::Error::other)?;
    Ok(SecretString::from(token))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_token_is_generated_once_and_only_its_owner_may_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(&directory.path().join("data")).unwrap();
        let first = data_dir.api_token().unwrap();
        assert!(first.is_new && first.token.expose_secret().len() == 64);
        let kept = data_dir.api_token().unwrap();
        assert!(!kept.is_new);
        assert_eq!(kept.token.expose_secret(), first.token.expose_secret());
        let file = directory.path().join("data/api_token");
        let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        data_dir.api_token().unwrap();
        assert_eq!(mode(), 0o600, "even if another made it");
    }

    #[test]
    fn a_second_process_is_refused_with_a_sentence() {
        let directory = tempfile::tempdir().unwrap();
        let first = DataDir::open(directory.path()).unwrap();
        assert!(
            DataDir::open(directory.path())
                .unwrap_err()
                .contains("another process uses the data directory")
        );
        drop(first);
        assert!(DataDir::open(directory.path()).is_ok());
    }
}
