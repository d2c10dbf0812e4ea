//! What a run needs of memory: arithmetic over the number of rows, done before anything starts.
//!
//! Bytes per row, S segments, T LSH tables (none by default where tokens are diffused), at the moment of the peak:
//!
//! | what | bytes |
//! |---|---|
//! | index: record key 18, first row 4, record 4, flags 4, place 4, fingerprints 8·S, compared 1 | 35 + 8·S |
//! | frequency classes | S |
//! | the number of the row's bucket in each LSH table | 4·T |
//! | blocks while they are made: rows 4·(S + T), starts 2·(S + T), and 16 to sort one pass | 16 + 6·(S + T) |
//! | or, once blocks are gone: two kept pairs of 16, their links again with a root 20, clusters 12 | 64 |
//! | the row itself, if it is in memory | 8·words |
//!
//! While rows are read there are no blocks yet but both the unsorted and the sorted keys, and 16 bytes
//! to sort them: 61 + 8·S. A run with more than two kept pairs per row needs more than this says.

use linker_token::Schema;

use crate::{block::pairs_of, error::MatchError, limits, lsh, settings::Settings};

/// Bytes that a run of some rows needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    held: u64,
    away: u64,
    /// The part of `away` in which rows stand.
    room: u64,
}

impl Need {
    /// The needs of a run.
    ///
    /// # Errors
    /// [`MatchError::TooMany`] rows.
    pub fn of(schema: &Schema, rows: u64, settings: &Settings) -> Result<Self, MatchError> {
        if rows > limits::ROWS_MAX as u64 {
            return Err(MatchError::TooMany {
                what: "the rows of a run",
                limit: limits::ROWS_MAX as u64,
            });
        }
        let segments = schema.segments().len() as u64;
        let row = 8 * schema.row_words() as u64;
        let index = 35 + 8 * segments;
        let exhaustive = pairs_of(rows) <= settings.exhaustive_pairs_max;
        let tables = lsh::decide(schema, settings, rows, exhaustive).tables_used() as u64;
        let run = index + segments + 4 * tables + (16 + 6 * (segments + tables)).max(64);
        let reading = 61 + 8 * segments;
        let patterns = schema.segments().iter().map(|s| s.levels() as u64 + 1);
        let patterns: u64 = patterns.product();
        let fixed = limits::RUN_BYTES + limits::PATTERN_BYTES * patterns;
        let block = if exhaustive {
            rows
        } else {
            settings.block_rows_max as u64
        };
        // A part takes at most half of the room. The largest block is a part, and so is a component.
        let room = 2 * row * block.max(limits::COMPONENT_ROWS_MAX as u64);
        let scattered = fixed + rows * run.max(reading);
        Ok(Self {
            held: scattered + rows * row,
            away: scattered + room,
            room,
        })
    }

    /// Bytes with all rows in memory.
    #[must_use]
    pub fn held(self) -> u64 {
        self.held
    }

    /// Bytes with the rows outside, at the least.
    #[must_use]
    pub fn away(self) -> u64 {
        self.away
    }

    /// The bytes that rows may take at a time, or `None` if all of them fit.
    pub(crate) fn room(self, bound: Option<u64>) -> Result<Option<usize>, MatchError> {
        let Some(bound) = bound.filter(|&bound| bound < self.held) else {
            return Ok(None);
        };
        let Some(spare) = bound.checked_sub(self.away) else {
            return Err(MatchError::Memory {
                needed: self.away,
                bound,
            });
        };
        Ok(Some(
            usize::try_from(spare + self.room).unwrap_or(usize::MAX),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(rows: u64) -> Need {
        let found = Need::of(&Schema::jp_1(), rows, &Settings::standard());
        found.expect("the run is not too large")
    }

    #[test]
    fn the_sizes_that_are_promised() {
        const MIB: u64 = 1 << 20;
        assert!(need(1_000_000).held() < 350 * MIB);
        assert!(need(10_000_000).held() < 3 * 1024 * MIB);
        assert!(need(100_000_000).away() < 14 * 1024 * MIB);
        let most = limits::ROWS_MAX as u64;
        let schema = Schema::jp_1();
        assert!(Need::of(&schema, most, &Settings::standard()).is_ok());
        assert!(Need::of(&schema, most + 1, &Settings::standard()).is_err());
    }

    #[test]
    fn rows_stay_outside_only_if_they_must() {
        let need = need(1_000_000);
        assert!(matches!(need.room(None), Ok(None)));
        assert!(matches!(need.room(Some(need.held)), Ok(None)));
        let room = |bound| need.room(Some(bound)).ok().flatten();
        assert_eq!(room(need.away), usize::try_from(need.room).ok());
        assert_eq!(
            room(need.held - 1).map(|room| room as u64),
            Some(need.held - 1 - need.away + need.room)
        );
        assert!(matches!(
            need.room(Some(need.away - 1)),
            Err(MatchError::Memory { needed, bound }) if needed == need.away && bound == need.away - 1
        ));
    }
}
