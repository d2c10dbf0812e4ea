//! The disk as the scratch space of a run: one policy for the service and for whoever measures it.

use std::path::Path;

use appliance_store::{ScratchRoom, SealedScratch, StoreError};
use linker_match::{Dataset, Scratch, ScratchError, ScratchFault};
use linker_token::RecordRef;

use crate::limits;

/// Sealed scratch space of one run.
#[derive(Debug)]
pub struct RunScratch(SealedScratch);

impl RunScratch {
    /// Opens scratch space for the rows of a data set that are not in memory; none for one in memory.
    ///
    /// # Errors
    /// What opening a folder and drawing its key can fail with.
    pub fn open_for(dataset: &Dataset, folder: &Path) -> Result<Option<Self>, StoreError> {
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

impl Scratch for RunScratch {
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
    let fault = if matches!(error, StoreError::DiskFull) {
        ScratchFault::Full
    } else if matches!(error, StoreError::Damaged { .. }) {
        ScratchFault::Damaged
    } else {
        ScratchFault::Io
    };
    ScratchError::caused(fault, error)
}
