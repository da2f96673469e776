//! Where deliveries and messages are stored.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::Env;
use crate::i18n::Text;

/// The name of the embedded database's file.
const FILE: &str = "chatrace-webhook.db";

/// Printing it never shows a password.
#[derive(Clone)]
pub enum Database {
    /// A Postgres server.
    Postgres {
        options: Box<PgConnectOptions>,
        /// Whether missing migrations are run at start; otherwise they prevent it.
        migrate: bool,
    },
    /// A file on this machine.
    Sqlite {
        path: PathBuf,
        /// Whether missing migrations are run at start; otherwise they prevent it.
        migrate: bool,
    },
}

impl Database {
    /// `None` after a mistake.
    pub fn read(env: &mut Env<'_>, data_dir: &Path) -> Option<Self> {
        let migrate = env
            .one_of("MIGRATE", &[("true", true), ("false", false)])
            .unwrap_or(true);
        let Some(url) = env.text("DATABASE_URL") else {
            return Some(Self::Sqlite {
                path: data_dir.join(FILE),
                migrate,
            });
        };
        parse(&url, migrate)
            .map_err(|problem| env.mistake("DATABASE_URL", Text::new(problem)))
            .ok()
    }

    /// The default: a file in the data directory.
    pub fn embedded_in(data_dir: &Path) -> Self {
        Self::Sqlite {
            path: data_dir.join(FILE),
            migrate: true,
        }
    }

    /// What is the same for all processes that share this database, and another for any other: its address, without
    /// user and password.
    pub fn identity(&self) -> String {
        match self {
            Self::Postgres { options, .. } => {
                // Several installations may each have a schema of one database.
                format!("{self} {}", options.get_options().unwrap_or_default())
            }
            Self::Sqlite { path, .. } => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                format!("sqlite://{}", path.display())
            }
        }
    }

    /// Whether the database is this process's own file.
    pub fn is_embedded(&self) -> bool {
        matches!(self, Self::Sqlite { .. })
    }
}

const BAD_POSTGRES_URL: &str = "config-postgres-url";

/// Whether there is an `@` after the authority. Then a `/` or `?` in the password has ended it too early, and the rest
/// of the password would be the name of the database, which is printed.
fn is_cut_by_its_password(url: &str) -> bool {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    let behind = rest.find(['/', '?', '#']).map_or("", |end| &rest[end..]);
    // The value of a parameter may contain one.
    let (name, _) = behind.split_once('=').unwrap_or((behind, ""));
    name.contains('@')
}

/// Parses a database URL. Errors are messages, which never quote it: it may contain a password.
fn parse(url: &str, migrate: bool) -> Result<Database, &'static str> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        if is_cut_by_its_password(url) {
            return Err(BAD_POSTGRES_URL);
        }
        let options = PgConnectOptions::from_str(url).map_err(|_| BAD_POSTGRES_URL)?;
        return Ok(Database::Postgres {
            options: Box::new(options),
            migrate,
        });
    }
    if !url.starts_with("sqlite:") {
        return Err("config-database-scheme");
    }
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err("config-database-in-memory");
    }
    let options = SqliteConnectOptions::from_str(url).map_err(|_| "config-sqlite-url")?;
    if options.get_filename().as_os_str().is_empty() {
        return Err("config-database-no-file");
    }
    Ok(Database::Sqlite {
        path: options.get_filename().to_owned(),
        migrate,
    })
}

impl fmt::Display for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres { options, .. } => match options.get_socket() {
                Some(socket) => write!(formatter, "postgres in {}", socket.display())?,
                None => write!(
                    formatter,
                    "postgres://{}:{}",
                    options.get_host(),
                    options.get_port()
                )?,
            },
            Self::Sqlite { path, .. } => return write!(formatter, "sqlite://{}", path.display()),
        }
        let Self::Postgres { options, .. } = self else {
            return Ok(());
        };
        write!(
            formatter,
            "/{}",
            options.get_database().unwrap_or(options.get_username())
        )
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Database({self})")
    }
}
