//! Checks while the service does not run. They change nothing: no migration, no directory. A file in the data directory
//! is created and deleted at once, and the lock is held only while it is tried.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::super::environment::Environment;
use super::super::serve::data_dir::kept_token;
use super::super::serve::{cannot_listen, orphaned_spool};
use crate::config::server::reachable;
use crate::config::{Config, ConfigErrors, Database};
use crate::diagnose::Check;
use crate::http;
use crate::i18n::{Argument, Text};
use crate::store::{PostgresStore, PrepareError, SqliteStore};
use crate::text::{excerpt, upper_first};

/// How long connecting to a port of this machine may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the database file may be read for damage.
const QUICK_CHECK_TIMEOUT: Duration = Duration::from_mins(1);

/// Whether the environment is valid; every mistake at once.
pub(super) fn configuration(config: &Result<Config, ConfigErrors>) -> Check {
    const NAME: &str = "configuration";
    match config {
        Ok(_) => Check::ok(NAME, Text::new("configuration-valid")),
        Err(errors) => {
            let mistakes = errors.0.iter();
            let mistakes = mistakes.map(|mistake| {
                let variable = Text::Words(mistake.variable.clone());
                Text::list([variable, mistake.problem.clone()], " ")
            });
            let observed = Text::new("configuration-wrong")
                .with("count", errors.0.len())
                .with("mistakes", Text::list(mistakes, "; "));
            Check::problem(NAME, observed)
        }
    }
}

/// Looks for what prevents the service from running.
pub(super) async fn checks(known: &Environment) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Ok(config) = &known.config {
        if config.database.is_embedded() || config.spool {
            checks.push(data_directory(&config.data_dir));
        }
        checks.extend(left_in_spool(config).await);
        checks.push(database(config).await);
        checks.extend(damage(known).await);
    }
    checks.push(port(known));
    checks
}

/// Damage in the file of the embedded database, if there is any. A file that is too large to be read in time is not
/// judged, nor is one that cannot be opened, which another check reports.
pub(super) async fn damage(known: &Environment) -> Option<Check> {
    let Database::Sqlite { path, .. } = &known.config.as_ref().ok()?.database else {
        return None;
    };
    if !path.exists() {
        return None;
    }
    let found = timeout(QUICK_CHECK_TIMEOUT, SqliteStore::damage(path)).await;
    let damage = found.ok()?.ok()??;
    Some(Check::problem(
        "database_file",
        Text::new("file-damaged")
            .with("path", path.display().to_string())
            .with("cause", excerpt(&damage)),
    ))
}

fn data_directory(path: &Path) -> Check {
    const NAME: &str = "data_directory";
    let about = |id| Text::new(id).with("path", path.display().to_string());
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => return Check::ok(NAME, about("directory-missing")),
        Err(error) => {
            let observed = about("directory-unreadable").with("cause", error.to_string());
            return Check::problem(NAME, observed);
        }
    }
    if let Err(error) = try_write(path) {
        let observed = about("directory-unwritable").with("cause", error.to_string());
        return Check::problem(NAME, observed);
    }
    if is_locked(&path.join("lock")) {
        return Check::problem(NAME, about("directory-used"));
    }
    if let Err(error) = kept_token(path) {
        let observed = Text::new("token-file-unusable").with("problem", Argument::Begun(error));
        return Check::problem(NAME, observed);
    }
    Check::ok(NAME, about("directory-writable"))
}

/// Deliveries in an orphaned spool, if there are any.
async fn left_in_spool(config: &Config) -> Option<Check> {
    let orphaned = orphaned_spool::find_orphaned(config).await.err()?;
    let next_step = Argument::Begun(orphaned.attribute("next"));
    let observed = Text::new("spool-orphaned")
        .with("problem", Argument::Begun(orphaned))
        .with("next", next_step);
    Some(Check::problem("spool", observed))
}

/// Creates a file and deletes it at once.
fn try_write(directory: &Path) -> std::io::Result<()> {
    let path = directory.join(format!(".doctor-{}", std::process::id()));
    OpenOptions::new()
        .create_new(true)
        .write(true)
        .open(&path)?;
    std::fs::remove_file(path)
}

fn is_locked(lock: &Path) -> bool {
    File::open(lock).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

async fn database(config: &Config) -> Check {
    const NAME: &str = "database";
    let (missing, migrate) = match &config.database {
        Database::Sqlite { path, migrate } => {
            (SqliteStore::missing_migrations(path).await, *migrate)
        }
        Database::Postgres { options, migrate } => {
            let store = PostgresStore::new((**options).clone(), config.dedupe_window);
            (store.missing_migrations().await.map(Some), *migrate)
        }
    };
    let about = |id| Text::new(id).with("database", config.database.to_string());
    let to_migrate = |id, missing: &[String]| about(id).with("migrations", missing.join(", "));
    let trouble = |id, problem: &str| Text::new(id).with("problem", upper_first(problem));
    match missing {
        Ok(None) => Check::ok(NAME, Text::new("database-missing")),
        Ok(Some(missing)) if missing.is_empty() => Check::ok(NAME, about("database-usable")),
        Ok(Some(missing)) if migrate => {
            Check::ok(NAME, to_migrate("database-to-migrate", &missing))
        }
        Ok(Some(missing)) => Check::problem(NAME, to_migrate("database-not-migrated", &missing)),
        Err(PrepareError::Unreachable(problem)) if config.spool => {
            Check::warning(NAME, trouble("database-unreachable-spooled", &problem))
        }
        Err(PrepareError::Unreachable(problem)) => {
            Check::problem(NAME, trouble("database-unreachable", &problem))
        }
        Err(PrepareError::Unusable(problem)) => {
            Check::problem(NAME, trouble("database-unusable", &problem))
        }
    }
}

fn port(known: &Environment) -> Check {
    const NAME: &str = "port";
    let address = known.server.address();
    // A program that listens there accepts the connection. Listening on the port would disturb a service that starts at
    // this moment, so only the address is tried, with another port; the port itself only if it needs privileges.
    let is_taken = TcpStream::connect_timeout(&reachable(address), CONNECT_TIMEOUT).is_ok();
    let tried = match address.port() {
        1..1024 => address,
        _ => SocketAddr::new(address.ip(), 0),
    };
    let listening = if is_taken {
        Err(ErrorKind::AddrInUse.into())
    } else {
        http::listen(tried).map(drop)
    };
    match listening {
        Ok(()) => Check::ok(
            NAME,
            Text::new("port-free").with("address", address.to_string()),
        ),
        Err(error) => {
            let id = match error.kind() {
                ErrorKind::AddrInUse => "port-taken",
                _ => "port-unusable",
            };
            let problem = cannot_listen(address, &error);
            Check::problem(NAME, Text::new(id).with("problem", problem))
        }
    }
}
