//! Where deliveries and messages are kept.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::Env;

/// Where deliveries and messages are kept. Printing it never shows a password.
#[derive(Clone)]
pub enum Database {
    /// A Postgres server.
    Postgres {
        /// How to connect.
        options: Box<PgConnectOptions>,
        /// Whether missing migrations are run at start; otherwise they prevent it.
        migrate: bool,
    },
    /// A file on this machine.
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Whether missing migrations are run at start; otherwise they prevent it.
        migrate: bool,
    },
}

impl Database {
    /// Reads the section; `None` after a mistake.
    pub fn read(env: &mut Env<'_>, data_dir: &Path) -> Option<Self> {
        let run_migrations = env
            .one_of("MIGRATE", &[("true", true), ("false", false)])
            .unwrap_or(true);
        let Some(url) = env.text("DATABASE_URL") else {
            let Self::Sqlite { path, .. } = Self::embedded_in(data_dir) else {
                return None;
            };
            return Some(Self::Sqlite {
                path,
                migrate: run_migrations,
            });
        };
        match parse(&url) {
            Ok(database) => Some(match database {
                Self::Postgres { options, .. } => Self::Postgres {
                    options,
                    migrate: run_migrations,
                },
                Self::Sqlite { path, .. } => Self::Sqlite {
                    path,
                    migrate: run_migrations,
                },
            }),
            Err(problem) => {
                env.mistake("DATABASE_URL", problem);
                None
            }
        }
    }

    /// The default: a file in the data directory.
    pub fn embedded_in(data_dir: &Path) -> Self {
        Self::Sqlite {
            path: data_dir.join("chatrace-webhook.db"),
            migrate: true,
        }
    }

    /// Whether the database is this process's own file.
    pub fn is_embedded(&self) -> bool {
        matches!(self, Self::Sqlite { .. })
    }
}

const BAD_POSTGRES_URL: &str = "is not a valid Postgres URL: expected postgres://user:password@host:5432/database (special characters in the password are written as %XX)";

/// Whether an `@` stands behind the authority: then a `/` or `?` in the password ended that too early, and the rest of
/// the password would be taken for the name of a database, which is printed.
fn is_cut_by_its_password(url: &str) -> bool {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    let behind = rest.find(['/', '?', '#']).map_or("", |end| &rest[end..]);
    // A parameter's own value may hold one.
    let (name, _) = behind.split_once('=').unwrap_or((behind, ""));
    name.contains('@')
}

/// Reads a database URL without ever repeating it: it may hold a password.
fn parse(url: &str) -> Result<Database, &'static str> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        if is_cut_by_its_password(url) {
            return Err(BAD_POSTGRES_URL);
        }
        let options = PgConnectOptions::from_str(url).map_err(|_| BAD_POSTGRES_URL)?;
        return Ok(Database::Postgres {
            options: Box::new(options),
            migrate: true,
        });
    }
    if !url.starts_with("sqlite:") {
        return Err("must begin with postgres:// or sqlite://");
    }
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(
            "names a database in memory, which would lose every message at exit: name a file, such as sqlite://data/chatrace-webhook.db",
        );
    }
    let options = SqliteConnectOptions::from_str(url).map_err(
        |_| "is not a valid SQLite URL: expected one such as sqlite://data/chatrace-webhook.db",
    )?;
    if options.get_filename().as_os_str().is_empty() {
        return Err("names no file: expected one such as sqlite://data/chatrace-webhook.db");
    }
    Ok(Database::Sqlite {
        path: options.get_filename().to_owned(),
        migrate: true,
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
