//! A token set as the matcher's source of rows, and a folder as its scratch space.

use std::{path::Path, sync::Arc};

use appliance_store::{ScratchRoom, SealedScratch, StoreError};
use linker_match::{MatchError, Scratch, ScratchError, ScratchFault, Source};
use linker_token::TokenBatch;

use crate::{
    error::{BenchError, file},
    tokens::set::TokenSet,
};

/// The rows of a set, read from disk whenever they are asked for.
pub(super) struct SetSource(pub(super) Arc<TokenSet>);

impl Source for SetSource {
    fn rows(&self) -> u64 {
        self.0.rows()
    }

    fn read(
        &self,
        visit: &mut dyn FnMut(u16, TokenBatch) -> Result<(), MatchError>,
    ) -> Result<(), MatchError> {
        for index in 0..self.0.batches().len() {
            let batch = self.0.read(index);
            let (site, batch) = batch.map_err(|error| MatchError::Source(Box::new(error)))?;
            visit(site, batch)?;
        }
        Ok(())
    }
}

/// Memory for what is not yet sealed. The matcher hands over pieces of a frame's size, so little waits.
const BUFFER_BYTES: usize = 16 << 20;

/// Sealed scratch space in a folder, as the appliance has it.
pub(super) struct DiskScratch(SealedScratch);

impl DiskScratch {
    /// Opens it with room for the rows of a set, which wait in parts, a fifth of them more than once.
    pub(super) fn open(folder: &Path, set: &TokenSet) -> Result<Self, BenchError> {
        let row_bytes = set.schema().row_words() as u64 * 8 + 16;
        let planned_bytes = set.rows() * row_bytes * 6 / 5;
        let room = ScratchRoom {
            planned_bytes,
            bytes_max: 4 * planned_bytes,
            buffer_bytes: BUFFER_BYTES,
        };
        SealedScratch::open(folder, room)
            .map(Self)
            .map_err(|error| file("open scratch space")(std::io::Error::other(error)))
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
