//! The messages in a file that another process may write.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Connection as _, SqliteConnection, SqlitePool};

use super::messages;
use super::open::missing_migrations;
use crate::message::Message;
use crate::store::{MessageFilter, MessageReader, PageRequest, PrepareError, Scan, StoreError};

/// The messages in a file that another process may write: only read, and without its lock.
#[derive(Debug)]
pub struct SqliteReader {
    readers: SqlitePool,
}

impl SqliteReader {
    /// Opens the file.
    ///
    /// # Errors
    /// [`PrepareError::Unusable`] when it is not there, is no database of this version, or cannot be read.
    pub async fn open(path: &Path) -> Result<Self, PrepareError> {
        let unusable = |error: &dyn std::fmt::Display| {
            PrepareError::Unusable(format!(
                "the database file {} cannot be read: {error}",
                path.display()
            ))
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .with_regexp()
            .busy_timeout(Duration::from_secs(5));
        let mut connection = SqliteConnection::connect_with(&options)
            .await
            .map_err(|error| unusable(&error))?;
        let missing = missing_migrations(&mut connection)
            .await
            .map_err(|error| unusable(&error))?;
        connection.close().await.ok();
        if !missing.is_empty() {
            return Err(unusable(&format!(
                "{} migration(s) are missing: start the service of this version once",
                missing.len()
            )));
        }
        let readers = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_lazy_with(options);
        Ok(Self { readers })
    }
}

#[async_trait]
impl MessageReader for SqliteReader {
    async fn head(&self) -> Result<i64, StoreError> {
        Ok(messages::head(&self.readers).await?)
    }

    async fn hour_range(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        Ok(messages::hour_range(&self.readers, since, until).await?)
    }

    async fn messages(
        &self,
        filter: &MessageFilter,
        request: PageRequest,
    ) -> Result<Scan<Message>, StoreError> {
        Ok(messages::page(&self.readers, filter, request).await?)
    }
}
