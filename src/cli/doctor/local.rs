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
use crate::diagnose::{Check, DAMAGED_FILE, Status};
use crate::http;
use crate::store::{PostgresStore, PrepareError, SqliteStore};
use crate::text::{excerpt, upper_first};

/// How long connecting to a port of this machine may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the database file may be read for damage.
const QUICK_CHECK_TIMEOUT: Duration = Duration::from_mins(1);
const WILL_NOT_START: &str = "The service will not start.";

/// Whether the environment is valid; every mistake at once.
pub(super) fn configuration(config: &Result<Config, ConfigErrors>) -> Check {
    match config {
        Ok(_) => Check::ok("configuration", "Every variable is valid.", ""),
        Err(errors) => {
            let mistakes = errors.0.iter();
            let mistakes: Vec<_> = mistakes
                .map(|mistake| format!("{} {}", mistake.variable, mistake.problem))
                .collect();
            Check::problem(
                "configuration",
                format!(
                    "The configuration has {} mistake(s): {}.",
                    mistakes.len(),
                    mistakes.join("; ")
                ),
                WILL_NOT_START,
                "Correct the environment or .env. Every variable is described in .env.example.",
            )
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
        format!(
            "The database file {} is damaged ({}).",
            path.display(),
            excerpt(&damage)
        ),
        "What stands on the damaged pages cannot be read.",
        DAMAGED_FILE,
    ))
}

fn data_directory(path: &Path) -> Check {
    const NAME: &str = "data_directory";
    let at = path.display();
    let problem =
        |observed: String, next: &str| Check::problem(NAME, observed, WILL_NOT_START, next);
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => {
            return Check::ok(
                NAME,
                format!("The data directory {at} does not exist yet."),
                "The first start creates it.",
            );
        }
        Err(error) => {
            return problem(
                format!("The data directory {at} cannot be read: {error}."),
                "Set DATA_DIR to a directory that the service's user may write, or give that user access to its parent directories.",
            );
        }
    }
    if let Err(error) = try_write(path) {
        return problem(
            format!("The data directory {at} is not writable: {error}."),
            "Set DATA_DIR to a directory that the service's user may write, or make this one writable for that user.",
        );
    }
    if is_locked(&path.join("lock")) {
        return Check::problem(
            NAME,
            format!("A process uses the data directory {at}, but does not answer at this address."),
            "The service runs with another HOST or PORT, or it hangs.",
            "Find the line `listening` in its log, and give that address with --url. Or restart the service.",
        );
    }
    if let Err(error) = kept_token(path) {
        return problem(
            format!("{}.", upper_first(&error)),
            "Make the file readable for the service's user, or delete it.",
        );
    }
    Check::ok(NAME, format!("The data directory {at} is writable."), "")
}

/// Deliveries in an orphaned spool, if there are any.
async fn left_in_spool(config: &Config) -> Option<Check> {
    let orphaned = orphaned_spool::find_orphaned(config).await.err()?;
    Some(Check::problem(
        "spool",
        format!("{}.", upper_first(&orphaned.observed)),
        WILL_NOT_START,
        format!("{}.", upper_first(&orphaned.next)),
    ))
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
    match missing {
        Ok(None) => Check::ok(
            NAME,
            "There is no database file yet.",
            "The first start creates it.",
        ),
        Ok(Some(missing)) if missing.is_empty() => {
            Check::ok(NAME, format!("{} can be used.", config.database), "")
        }
        Ok(Some(missing)) if migrate => Check::ok(
            NAME,
            format!(
                "{} can be used. Missing migrations: {}.",
                config.database,
                missing.join(", ")
            ),
            "The next start runs them.",
        ),
        Ok(Some(missing)) => Check::problem(
            NAME,
            format!(
                "{} has missing migrations: {}.",
                config.database,
                missing.join(", ")
            ),
            "MIGRATE=false prevents these migrations, so the service will not start.",
            "Start once with MIGRATE=true.",
        ),
        Err(PrepareError::Unreachable(problem)) => {
            let (status, meaning) = if config.spool {
                (
                    Status::Warning,
                    "The service would start, and keep deliveries in its spool until the database answers.",
                )
            } else {
                (
                    Status::Problem,
                    "The service would start, and answer 503 until the database answers.",
                )
            };
            let observed = format!("{}.", upper_first(&problem));
            Check::new(
                NAME,
                status,
                observed,
                meaning,
                "Start the database, or correct DATABASE_URL.",
            )
        }
        Err(PrepareError::Unusable(problem)) => Check::problem(
            NAME,
            format!("{}.", upper_first(&problem)),
            WILL_NOT_START,
            "Fix this, or set DATABASE_URL to another database.",
        ),
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
            format!("{address} is free."),
            "The service can listen there.",
        ),
        Err(error) => {
            let next = match error.kind() {
                ErrorKind::AddrInUse => {
                    "Find the program with `ss -ltnp` and stop it, or set PORT."
                }
                _ => "Set HOST and PORT.",
            };
            let sentence = cannot_listen(address, &error);
            Check::problem(
                NAME,
                format!("The service {sentence}."),
                WILL_NOT_START,
                next,
            )
        }
    }
}
