//! Where the rows of a run come from.

use linker_token::TokenBatch;

use crate::error::MatchError;

/// Gives the rows of a run, again each time it is asked: every time the same batches in the same
/// order. A run that keeps no rows in memory asks about once per pass.
pub trait Source: Send + Sync {
    /// Number of rows in all batches together.
    fn rows(&self) -> u64;

    /// Hands over all batches, each with its site's place in the caller's sorted list of sites. An
    /// error of `visit` ends the reading and is returned as it is.
    ///
    /// # Errors
    /// [`MatchError::Source`] if a batch cannot be read, or what `visit` returns.
    fn read(
        &self,
        visit: &mut dyn FnMut(u16, TokenBatch) -> Result<(), MatchError>,
    ) -> Result<(), MatchError>;
}

/// Batches that are in memory already, for tests and small runs.
#[derive(Debug, Clone, Default)]
pub struct Batches(pub Vec<(u16, TokenBatch)>);

impl Source for Batches {
    fn rows(&self) -> u64 {
        self.0.iter().map(|(_, batch)| batch.len() as u64).sum()
    }

    fn read(
        &self,
        visit: &mut dyn FnMut(u16, TokenBatch) -> Result<(), MatchError>,
    ) -> Result<(), MatchError> {
        let mut batches = self.0.iter();
        batches.try_for_each(|(site, batch)| visit(*site, batch.clone()))
    }
}
