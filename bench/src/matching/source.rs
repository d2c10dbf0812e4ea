//! A token set as the matcher's source of rows.

use std::sync::Arc;

use linker_match::{MatchError, Source};
use linker_token::TokenBatch;

use crate::tokens::set::TokenSet;

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
