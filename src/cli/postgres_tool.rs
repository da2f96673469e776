//! Runs the programs of Postgres that dump and restore a database.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::anyhow;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::process::Command;
use url::Url;

use super::Failure;

/// A program of Postgres and how to run it.
#[derive(Debug)]
pub(super) struct PostgresTool {
    program: &'static str,
    arguments: Vec<OsString>,
    /// Where the database is. Everybody on this machine can read a command line, but not an environment.
    environment: Vec<(&'static str, OsString)>,
}

/// Variables that would have it connect elsewhere.
const FOREIGN: [&str; 2] = ["PGSERVICE", "PGHOSTADDR"];

impl PostgresTool {
    /// Dumps a schema to a file.
    pub(super) fn dump(url: &str, options: &PgConnectOptions, schema: &str, to: &Path) -> Self {
        // A pattern unless it is in quotes.
        let pattern = format!("--schema=\"{}\"", schema.replace('"', "\"\""));
        let mut file = OsString::from("--file=");
        file.push(to);
        Self {
            program: "pg_dump",
            arguments: vec!["--format=custom".into(), pattern.into(), file],
            environment: environment(url, options),
        }
    }

    /// Restores a schema, all or nothing.
    pub(super) fn restore(
        url: &str,
        options: &PgConnectOptions,
        schema: &str,
        from: &Path,
    ) -> Self {
        let database = options.get_database().unwrap_or(options.get_username());
        Self {
            program: "pg_restore",
            arguments: vec![
                "--exit-on-error".into(),
                "--single-transaction".into(),
                "--no-owner".into(),
                "--no-privileges".into(),
                format!("--schema={schema}").into(),
                format!("--dbname={database}").into(),
                from.into(),
            ],
            environment: environment(url, options),
        }
    }

    /// Runs it to its end. `false`: it is not on this machine.
    pub(super) async fn run(&self) -> Result<bool, Failure> {
        let mut command = Command::new(self.program);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .kill_on_drop(true);
        for name in FOREIGN {
            command.env_remove(name);
        }
        match command.status().await {
            Ok(status) if status.success() => Ok(true),
            Ok(status) => Err(anyhow!("{} failed: {status}", self.program).into()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(anyhow!("{} cannot be run: {error}", self.program).into()),
        }
    }

    /// What to do where it is not.
    pub(super) fn is_missing(&self, next: &str) -> Failure {
        anyhow!(
            "{} is not on this machine. Run it where it is, with the password in PGPASSWORD or ~/.pgpass{next}:\n  {}",
            self.program,
            self.text()
        )
        .into()
    }

    /// The command to paste, without the password.
    fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.environment {
            if *name != PASSWORD {
                write!(text, "{name}={} ", quoted(value)).ok();
            }
        }
        text += self.program;
        for argument in &self.arguments {
            write!(text, " {}", quoted(argument)).ok();
        }
        text
    }
}

const PASSWORD: &str = "PGPASSWORD";

/// The same connection in the variables that all programs of Postgres read. The options do not give the password and
/// the certificates back, so these are read from the URL once more. Where it has none, the program finds them where
/// this one does.
fn environment(url: &str, options: &PgConnectOptions) -> Vec<(&'static str, OsString)> {
    let host = match options.get_socket() {
        Some(socket) => socket.as_os_str().to_owned(),
        None => options.get_host().into(),
    };
    let mut variables = vec![
        ("PGHOST", host),
        ("PGPORT", options.get_port().to_string().into()),
        ("PGUSER", options.get_username().into()),
        (
            "PGDATABASE",
            options
                .get_database()
                .unwrap_or(options.get_username())
                .into(),
        ),
        ("PGSSLMODE", ssl_mode(options.get_ssl_mode()).into()),
    ];
    if let Some(options) = options.get_options() {
        variables.push(("PGOPTIONS", options.into()));
    }
    let Ok(url) = Url::parse(url) else {
        return variables;
    };
    if let Some(password) = url.password() {
        let password = percent_encoding::percent_decode_str(password);
        variables.push((PASSWORD, password.decode_utf8_lossy().as_ref().into()));
    }
    for (name, value) in url.query_pairs() {
        let variable = match &*name {
            "password" => PASSWORD,
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => "PGSSLROOTCERT",
            "sslcert" | "ssl-cert" => "PGSSLCERT",
            "sslkey" | "ssl-key" => "PGSSLKEY",
            _ => continue,
        };
        variables.push((variable, value.as_ref().into()));
    }
    variables
}

fn ssl_mode(mode: PgSslMode) -> &'static str {
    match mode {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    }
}

/// As a shell reads it back.
fn quoted(text: &OsString) -> String {
    let text = text.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(url: &str) -> PostgresTool {
        PostgresTool::dump(url, &url.parse().unwrap(), "shop one", Path::new("b/it's"))
    }

    #[test]
    fn the_password_is_in_the_environment_and_never_on_the_command_line() {
        for url in [
            "postgres://u:can%40ary@db:6000/x?sslmode=require",
            "postgres://u@db:6000/x?sslmode=require&password=can%40ary",
        ] {
            let tool = tool(url);
            assert!(tool.environment.contains(&("PGPASSWORD", "can@ary".into())));
            let text = tool.text();
            assert!(!text.contains("ary"), "{text}");
            assert_eq!(
                text,
                "PGHOST=db PGPORT=6000 PGUSER=u PGDATABASE=x PGSSLMODE=require pg_dump --format=custom \
                 '--schema=\"shop one\"' '--file=b/it'\\''s'"
            );
        }
    }
}
