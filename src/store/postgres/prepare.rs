//! Is this a Postgres that can be used? Its version, its schema, and errors in words that say what to do.

use std::time::Duration;

use sqlx::migrate::{AppliedMigration, Migrate as _, MigrateError, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, Error, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use crate::store::PrepareError;
use crate::time::new_id;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// The oldest version that is supported.
const OLDEST: i32 = 13;
/// Any number, the same in every replica: "chatrace" as a telephone spells it.
const MIGRATION_LOCK: i64 = 24_287_223;
/// How long another replica's migration is waited for.
const MIGRATION_LOCK_TIMEOUT: Duration = Duration::from_mins(2);
/// How long a question may take to be answered: a connection on which nothing arrives is given up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the migrations may take: far longer than they do, but not for ever.
const MIGRATION_TIMEOUT: Duration = Duration::from_hours(1);

/// Refuses a server that is too old.
pub(super) async fn check_version(connection: &mut PgConnection) -> Result<(), PrepareError> {
    let number = sqlx::query_scalar("SELECT current_setting('server_version_num')::int");
    let number: i32 = within(ANSWER_TIMEOUT, number.fetch_one(connection))
        .await
        .map_err(|error| PrepareError::Unreachable(error.to_string()))?;
    let version = number / 10_000;
    if version < OLDEST {
        return Err(PrepareError::Unusable(format!(
            "the server is PostgreSQL {version}, which is too old: version {OLDEST} or newer is needed"
        )));
    }
    Ok(())
}

/// Finds out whether a pooler between here and the server shares sessions without keeping prepared statements apart,
/// as PgBouncer before 1.21 does in transaction mode: two connections then meet each other's statements.
pub(super) async fn check_pooling(
    one: &mut PgConnection,
    other: &mut PgConnection,
) -> Result<(), PrepareError> {
    for _ in 0..2 {
        for connection in [&mut *one, &mut *other] {
            let probe = sqlx::query("SELECT $1::int").bind(1).execute(connection);
            let probe = within(ANSWER_TIMEOUT, probe).await;
            let Err(error) = probe else { continue };
            let code = error
                .as_database_error()
                .and_then(|error| error.code().map(std::borrow::Cow::into_owned));
            // duplicate_prepared_statement, invalid_sql_statement_name
            return Err(match code.as_deref() {
                Some("42P05" | "26000") => PrepareError::Unusable(
                    "a connection pooler in transaction mode loses prepared statements: use session mode, or \
                     PgBouncer 1.21 or newer with max_prepared_statements, or connect to Postgres directly"
                        .to_owned(),
                ),
                _ => PrepareError::Unreachable(error.to_string()),
            });
        }
    }
    Ok(())
}

/// Whether what one connection sets stays with it, and with it alone. A pooler in transaction mode gives it to whoever
/// uses that session next.
pub(super) async fn keeps_session(
    one: &mut PgConnection,
    other: &mut PgConnection,
) -> Result<bool, PrepareError> {
    const SET: &str = "SELECT set_config('chatrace_webhook.session', $1, false)";
    const LOOK: &str =
        "SELECT COALESCE(current_setting('chatrace_webhook.session', true), '') = $1";
    let mark = new_id().to_string();
    let questions = async {
        sqlx::query(SET).bind(&mark).execute(&mut *one).await?;
        let foreign: bool = sqlx::query_scalar(LOOK)
            .bind(&mark)
            .fetch_one(other)
            .await?;
        let kept: bool = sqlx::query_scalar(LOOK).bind(&mark).fetch_one(one).await?;
        Ok(kept && !foreign)
    };
    within(ANSWER_TIMEOUT, questions)
        .await
        .map_err(|error: Error| PrepareError::Unreachable(error.to_string()))
}

/// Warns where the server itself gives up durability: then 200 does not mean what it should.
pub(super) async fn check_durability(connection: &mut PgConnection) -> Result<(), PrepareError> {
    let fsync = sqlx::query_scalar("SELECT current_setting('fsync')::bool");
    let fsync: bool = within(ANSWER_TIMEOUT, fsync.fetch_one(connection))
        .await
        .map_err(|error| PrepareError::Unreachable(error.to_string()))?;
    if !fsync {
        tracing::warn!(
            "Postgres runs with fsync=off: what is acknowledged may be lost when that machine fails"
        );
    }
    Ok(())
}

/// Runs the migrations that are missing, one replica at a time; with `migrate` off, refuses if there are any.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    migrate: bool,
) -> Result<(), PrepareError> {
    let missing = missing_migrations(connection).await?;
    if missing.is_empty() {
        return Ok(());
    }
    if !migrate {
        return Err(PrepareError::Unusable(format!(
            "{} migration(s) are missing and MIGRATE=false forbids to run them: start once with MIGRATE=true",
            missing.len()
        )));
    }
    // The lock belongs to the transaction that migrates: when this process is killed, Postgres first finishes the
    // statement that it runs, and until then nobody else may begin. That also holds behind a connection pooler. sqlx's
    // own lock blocks without a limit, and would hold a second replica's start for as long as the first hangs.
    let mut transaction = within(ANSWER_TIMEOUT, connection.begin())
        .await
        .map_err(|error| migrate_error(error.into()))?;
    let deadline = Instant::now() + MIGRATION_LOCK_TIMEOUT;
    let mut pause = Duration::from_millis(50);
    while !within(ANSWER_TIMEOUT, try_lock(&mut transaction))
        .await
        .map_err(|error| migrate_error(error.into()))?
    {
        if Instant::now() > deadline {
            return Err(PrepareError::Unreachable(
                "another process holds the migration lock".to_owned(),
            ));
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
    let migrating = async {
        let mut migrator = Migrator::with_migrations(MIGRATIONS.iter().cloned().collect());
        migrator.set_locking(false);
        migrator.run_direct(None, &mut *transaction, false).await?;
        Ok(transaction.commit().await?)
    };
    within(MIGRATION_TIMEOUT, migrating)
        .await
        .map_err(migrate_error)
}

/// Gives up what takes too long.
async fn within<T, E: From<Error>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(Error::Io(std::io::ErrorKind::TimedOut.into()).into()))
}

async fn try_lock(connection: &mut PgConnection) -> Result<bool, Error> {
    sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
        .bind(MIGRATION_LOCK)
        .fetch_one(connection)
        .await
}

/// Which migrations the database lacks, by their names.
pub(super) async fn missing_migrations(
    connection: &mut PgConnection,
) -> Result<Vec<String>, PrepareError> {
    let applied = within(ANSWER_TIMEOUT, applied_migrations(connection));
    crate::store::missing_migrations(&MIGRATIONS, &applied.await.map_err(migrate_error)?)
        .map_err(|error| PrepareError::Unusable(format!("the database cannot be used: {error}")))
}

async fn applied_migrations(
    connection: &mut PgConnection,
) -> Result<Vec<AppliedMigration>, MigrateError> {
    const TABLE: &str = "_sqlx_migrations";
    let exists: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(TABLE)
        .fetch_one(&mut *connection)
        .await?;
    if exists {
        connection.list_applied_migrations(TABLE).await
    } else {
        Ok(Vec::new())
    }
}

fn migrate_error(error: MigrateError) -> PrepareError {
    match error {
        // The connection was lost on the way, or the server stops, which says nothing about the migrations.
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)
            if passes(&cause) =>
        {
            PrepareError::Unreachable(format!("the connection was lost while migrating: {cause}"))
        }
        MigrateError::Dirty(_) | MigrateError::VersionMismatch(_) => PrepareError::Unusable(
            format!("the schema was changed by something other than this program: {error}"),
        ),
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => {
            PrepareError::Unusable(refused_migration(&cause))
        }
        error => PrepareError::Unusable(format!("the migrations cannot be run: {error}")),
    }
}

/// Why the server does not run the migrations. Not in sqlx's words, which name a line of Postgres's own source.
fn refused_migration(cause: &Error) -> String {
    let Error::Database(refusal) = cause else {
        return format!("the migrations cannot be run: {cause}");
    };
    let advice = match refusal.code().as_deref() {
        Some("42501") => {
            "; give the user of DATABASE_URL the right to make tables, `GRANT CREATE ON SCHEMA public TO …`, or start \
             once as a user who has it"
        }
        // Table, function, type or schema of that name.
        Some("42P07" | "42723" | "42710" | "42P06") => {
            "; the database belongs to another program: give this one a database of its own"
        }
        _ => "",
    };
    format!(
        "the migrations cannot be run: {}{advice}",
        refusal.message()
    )
}

/// Whether an error may be gone next time, with nobody doing anything about it.
fn passes(error: &Error) -> bool {
    let Error::Database(error) = error else {
        return true;
    };
    // Classes: connection, transaction state (a standby takes no writes), rollback, resources, prerequisite state
    // (locked), intervention (shutdown), system. https://www.postgresql.org/docs/current/errcodes-appendix.html
    let code = error.code().unwrap_or_default();
    ["08", "25", "40", "53", "55", "57", "58"]
        .iter()
        .any(|class| code.starts_with(class))
}

/// Says in words why there is no connection, and whether trying again may help. Never repeats the password.
pub(super) fn connect_error(error: &Error, options: &PgConnectOptions) -> PrepareError {
    let server = format!("{}:{}", options.get_host(), options.get_port());
    let Error::Database(refusal) = error else {
        return match error {
            Error::Tls(_) | Error::Configuration(_) => {
                PrepareError::Unusable(format!("no secure connection to {server}: {error}"))
            }
            _ => PrepareError::Unreachable(format!(
                "Postgres at {server} cannot be reached: {error}"
            )),
        };
    };
    match refusal.code().as_deref() {
        Some("28P01" | "28000") => PrepareError::Unusable(format!(
            "Postgres at {server} refuses the password of user `{}`: correct it in DATABASE_URL ({})",
            options.get_username(),
            refusal.message(),
        )),
        Some("3D000") => PrepareError::Unusable(format!(
            "Postgres at {server} has no database `{name}`: create it with `createdb {name}`, or correct DATABASE_URL",
            name = options.get_database().unwrap_or(options.get_username()),
        )),
        Some("42501") => PrepareError::Unusable(format!(
            "user `{}` may not use the database at {server}: {}",
            options.get_username(),
            refusal.message(),
        )),
        _ => PrepareError::Unreachable(format!(
            "Postgres at {server} does not accept connections: {}",
            refusal.message()
        )),
    }
}
