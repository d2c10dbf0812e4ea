//! The store's batches as the rows of a run.

use std::sync::Arc;

use appliance_store::{BatchRow, Store, StoreError};
use linker_match::{MatchError, ScratchFault, Source};
use linker_token::TokenBatch;

use crate::error::ServiceError;

/// The batches of a run, opened one by one whenever the run asks for its rows.
pub(super) struct Segments {
    store: Arc<Store>,
    /// Each with its site's place in the run's sorted list.
    batches: Vec<(u16, BatchRow)>,
}

impl Segments {
    pub(super) fn new(store: Arc<Store>, batches: Vec<(u16, BatchRow)>) -> Self {
        Self { store, batches }
    }
}

impl Source for Segments {
    fn rows(&self) -> u64 {
        let rows = self.batches.iter().map(|(_, batch)| u64::from(batch.rows));
        rows.sum()
    }

    fn read(
        &self,
        visit: &mut dyn FnMut(u16, TokenBatch) -> Result<(), MatchError>,
    ) -> Result<(), MatchError> {
        for (site, batch) in &self.batches {
            let tokens = self.store.read_segment(batch);
            let tokens = tokens.map_err(|error| MatchError::Source(Box::new(error)))?;
            visit(*site, tokens)?;
        }
        Ok(())
    }
}

/// What a failed run says: the store's own words where the store failed.
pub(super) fn run_error(error: MatchError) -> ServiceError {
    if let MatchError::Source(cause) = error {
        return match cause.downcast::<StoreError>() {
            Ok(error) => (*error).into(),
            Err(cause) => ServiceError::RunFailed(MatchError::Source(cause)),
        };
    }
    if let MatchError::Scratch(error) = error {
        return if error.fault() == ScratchFault::Full {
            ServiceError::ScratchFull(error)
        } else {
            ServiceError::RunFailed(MatchError::Scratch(error))
        };
    }
    if matches!(error, MatchError::Cancelled) {
        ServiceError::Stopping
    } else if matches!(error, MatchError::Memory { .. }) {
        ServiceError::RunTooLarge(error)
    } else {
        ServiceError::RunFailed(error)
    }
}
