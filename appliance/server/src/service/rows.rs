//! The store's batches as the rows of a run, and the disk as its scratch space.

use std::{path::Path, sync::Arc};

use appliance_store::{BatchRow, ScratchRoom, SealedScratch, Store, StoreError};
use linker_match::{Dataset, MatchError, Scratch, ScratchError, ScratchFault, Source};
use linker_token::{RecordRef, TokenBatch};

use crate::{error::ServiceError, limits};

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

/// Sealed scratch space of one run.
pub(super) struct DiskScratch(SealedScratch);

impl DiskScratch {
    /// Opens scratch space for the rows of a data set that are not in memory; none for one in memory.
    pub(super) fn open_for(dataset: &Dataset, folder: &Path) -> Result<Option<Self>, ServiceError> {
        if dataset.is_held() {
            return Ok(None);
        }
        let row_bytes = dataset.schema().row_words() * 8 + size_of::<RecordRef>();
        // A run hands over each row once per pass, and no two passes wait at one time. Rows of pieces
        // that are split again wait twice.
        let planned_bytes = (dataset.row_count() * row_bytes) as u64 * 6 / 5;
        let room = ScratchRoom {
            planned_bytes,
            bytes_max: planned_bytes * limits::SCRATCH_FACTOR_MAX,
            buffer_bytes: limits::SCRATCH_BUFFER_BYTES,
        };
        Ok(Some(Self(SealedScratch::open(folder, room)?)))
    }
}

impl Scratch for DiskScratch {
    fn append(&mut self, part: u32, bytes: &[u8]) -> Result<(), ScratchError> {
        self.0.append(part, bytes).map_err(scratch_error)
    }

    fn take(&mut self, part: u32, sink: &mut dyn FnMut(&[u8])) -> Result<(), ScratchError> {
        self.0.take(part, sink).map_err(scratch_error)
    }

    fn peak_bytes(&self) -> u64 {
        self.0.peak_bytes()
    }
}

fn scratch_error(error: StoreError) -> ScratchError {
    let fault = match error.code() {
        "DISK_FULL" => ScratchFault::Full,
        "DAMAGED" => ScratchFault::Damaged,
        _ => ScratchFault::Io,
    };
    ScratchError::caused(fault, error)
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
