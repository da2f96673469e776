//! The places of readers that wait for messages: streams and long polls. They are many and stay for long, so they have
//! places of their own and leave those of senders free.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connections::{LentPlace, OwnConnection};
use super::error::ApiError;

/// The places of readers.
#[derive(Debug)]
pub(super) struct Readers(Arc<Semaphore>);

/// The place of a reader, until it is dropped.
#[derive(Debug)]
pub(super) struct ReaderPlace {
    _permit: OwnedSemaphorePermit,
    _lent: Option<LentPlace>,
}

impl Readers {
    pub(super) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// Takes a place for a reader, and gives back the one that its connection has.
    pub(super) fn enter(&self, connection: &OwnConnection) -> Result<ReaderPlace, ApiError> {
        let permit = self.0.clone().try_acquire_owned();
        Ok(ReaderPlace {
            _permit: permit.map_err(|_| ApiError::TooManyReaders)?,
            _lent: connection.lend_place(),
        })
    }
}
