//! Values that both databases keep, each in its own way.

use std::str::FromStr;

use jiff::Timestamp;
use jiff_sqlx::{Timestamp as PgTimestamp, ToSqlx as _};
use serde::de::DeserializeOwned;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef};
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Database, Decode, Encode, Postgres, Sqlite, Type};

use crate::delivery::Outcome;
use crate::message::{Channel, Direction, Kind, SentAtSource, Shape};

/// A time: `timestamptz` in Postgres, milliseconds since 1970 in SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(pub(super) Timestamp);

impl From<Time> for Timestamp {
    fn from(time: Time) -> Self {
        time.0
    }
}

impl Type<Postgres> for Time {
    fn type_info() -> PgTypeInfo {
        <PgTimestamp as Type<Postgres>>::type_info()
    }
}

impl PgHasArrayType for Time {
    fn array_type_info() -> PgTypeInfo {
        <PgTimestamp as PgHasArrayType>::array_type_info()
    }
}

impl Encode<'_, Postgres> for Time {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(self.0.to_sqlx(), buffer)
    }
}

impl Decode<'_, Postgres> for Time {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let time: PgTimestamp = Decode::<Postgres>::decode(value)?;
        Ok(Self(time.to_jiff()))
    }
}

impl Type<Sqlite> for Time {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }

    fn compatible(given: &SqliteTypeInfo) -> bool {
        <i64 as Type<Sqlite>>::compatible(given)
    }
}

impl Encode<'_, Sqlite> for Time {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(self.0.as_millisecond(), buffer)
    }
}

impl Decode<'_, Sqlite> for Time {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(Timestamp::from_millisecond(
            Decode::<Sqlite>::decode(value)?,
        )?))
    }
}

/// One of a fixed list of names, kept as text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<T>(T);

impl<DB: Database, T> Type<DB> for Name<T>
where
    String: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        String::type_info()
    }

    fn compatible(given: &DB::TypeInfo) -> bool {
        String::compatible(given)
    }
}

impl<'r, DB: Database, T: FromStr> Decode<'r, DB> for Name<T>
where
    String: Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        let text = String::decode(value)?;
        let name = text.parse().map(Self);
        name.map_err(|_| format!("this version does not know `{text}`").into())
    }
}

/// For `#[sqlx(try_from = "Name<…>")]`.
macro_rules! named {
    ($($name:ty),+ $(,)?) => {
        $(impl From<Name<$name>> for $name {
            fn from(name: Name<$name>) -> Self {
                name.0
            }
        })+
    };
}

named!(Direction, Kind, Outcome, SentAtSource, Shape);

impl From<String> for Channel {
    fn from(name: String) -> Self {
        Self::named(&name)
    }
}

/// A list as JSON text, where NULL is the empty list. For `#[sqlx(try_from = "JsonList<…>")]`.
#[derive(Debug, Clone)]
pub(super) struct JsonList<T>(Vec<T>);

impl<T> From<JsonList<T>> for Vec<T> {
    fn from(list: JsonList<T>) -> Self {
        list.0
    }
}

impl<DB: Database, T> Type<DB> for JsonList<T>
where
    String: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        String::type_info()
    }

    fn compatible(given: &DB::TypeInfo) -> bool {
        String::compatible(given)
    }
}

impl<'r, DB: Database, T: DeserializeOwned> Decode<'r, DB> for JsonList<T>
where
    Option<String>: Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        match Option::decode(value)? {
            Some::<String>(json) => Ok(Self(serde_json::from_str(&json)?)),
            None => Ok(Self(Vec::new())),
        }
    }
}

/// A list as JSON text; nothing for an empty one.
pub(super) fn json_list<T: serde::Serialize>(list: &[T]) -> Option<String> {
    // Only a map with keys that are no strings cannot be written.
    (!list.is_empty()).then(|| serde_json::to_string(list).unwrap_or_default())
}
