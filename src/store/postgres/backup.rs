//! What making and restoring a dump needs to know and to change.

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Error};
use tokio::time::timeout;

use super::{CLOSE_TIMEOUT, PostgresStore, prepare};
use crate::store::{PrepareError, RAISE_POSITIONS};

/// The schema that the tables are in, or will be.
#[derive(Debug, Clone)]
pub struct SchemaState {
    pub name: String,
    /// Whether nothing is in it.
    pub is_empty: bool,
}

impl PostgresStore {
    /// Looks at the schema.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub async fn schema(&self) -> Result<SchemaState, PrepareError> {
        const LOOK: &str = "SELECT coalesce(current_schema()::text, ''), NOT EXISTS ( \
              SELECT FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(current_schema())))";
        let (name, is_empty): (String, bool) = self
            .ask(async |connection| sqlx::query_as(LOOK).fetch_one(connection).await)
            .await?;
        if name.is_empty() {
            return Err(PrepareError::Unusable(
                "the search path of the user of DATABASE_URL names no schema that exists"
                    .to_owned(),
            ));
        }
        Ok(SchemaState { name, is_empty })
    }

    /// Gives a restored database positions that no reader has seen.
    ///
    /// # Errors
    /// [`PrepareError::Unusable`] when this program's tables are not in it.
    pub async fn raise_positions(&self) -> Result<(), PrepareError> {
        self.ask(async |connection| sqlx::raw_sql(RAISE_POSITIONS).execute(connection).await)
            .await
            .map(drop)
    }

    async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Error>,
    ) -> Result<T, PrepareError> {
        let failed = |error| prepare::connect_error(&error, &self.options);
        let mut connection = self.connect().await.map_err(failed)?;
        let answer = question(&mut connection).await;
        timeout(CLOSE_TIMEOUT, connection.close()).await.ok();
        answer.map_err(|error| PrepareError::Unusable(error.to_string()))
    }
}
