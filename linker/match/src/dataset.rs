//! The rows of a run in canonical order.

use linker_kernels::{Grading, Tile};
use linker_token::{Flags, RecordRef, Schema, TokenBatch};
use rayon::prelude::*;

use crate::{error::MatchError, limits};

/// Names a record across runs: the caller's site number and the site's opaque reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// Place of the site in the caller's sorted list of sites.
    pub site: u16,
    /// The site's reference.
    pub reference: RecordRef,
}

/// All rows of a run, sorted by site, reference and bits, so that the order of arrival never
/// matters. Rows of one site with one reference are one record. A row that occurs twice with all its
/// bits and flags is kept once.
pub struct Dataset {
    schema: Schema,
    grading: Grading,
    rows: Vec<u64>,
    flags: Vec<Flags>,
    record_of_row: Vec<u32>,
    /// Row numbers at which the records start, and the number of rows.
    first_row: Vec<u32>,
    keys: Vec<RecordKey>,
}

impl std::fmt::Debug for Dataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (rows, records) = (self.row_count(), self.record_count());
        write!(f, "Dataset({rows} rows, {records} records)")
    }
}

impl Dataset {
    /// Takes the batches of all sites and puts their rows in canonical order.
    ///
    /// # Errors
    /// [`MatchError::RowWidth`], [`MatchError::TooMany`], or [`MatchError::Schema`] if the segments'
    /// cut points cannot be told apart at their width.
    ///
    /// # Panics
    /// Never: the number of rows is checked first.
    pub fn build(
        schema: &Schema,
        parts: impl IntoIterator<Item = (u16, TokenBatch)>,
    ) -> Result<Self, MatchError> {
        let segments = schema.segments().iter();
        let segments: Vec<_> = segments.map(|s| (s.words.clone(), s.cuts())).collect();
        let grading = Grading::new(schema.row_words(), &segments).map_err(MatchError::Schema)?;
        let width = schema.row_words();
        let mut arrival = Arrival::default();
        for (site, batch) in parts {
            arrival.take(width, site, &batch)?;
        }
        let order = arrival.sort(width);
        Ok(arrival.into_dataset(schema.clone(), grading, &order))
    }

    /// The schema of the rows.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Number of rows.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.flags.len()
    }

    /// Number of records.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.keys.len()
    }

    /// The records' names, in canonical order: record `i` is `keys()[i]`.
    #[must_use]
    pub fn keys(&self) -> &[RecordKey] {
        &self.keys
    }

    /// Whether any row of the record is flagged as a test record. Such records are never compared.
    ///
    /// # Panics
    /// If there is no such record.
    #[must_use]
    pub fn is_test(&self, record: u32) -> bool {
        self.rows_of(record)
            .any(|row| self.flags(row).has(Flags::TEST_RECORD))
    }

    pub(crate) fn grading(&self) -> &Grading {
        &self.grading
    }

    pub(crate) fn row(&self, row: u32) -> &[u64] {
        let width = self.grading.row_words();
        &self.rows[row as usize * width..(row as usize + 1) * width]
    }

    pub(crate) fn segment(&self, row: u32, segment: usize) -> &[u64] {
        &self.row(row)[self.schema.segments()[segment].words.clone()]
    }

    pub(crate) fn flags(&self, row: u32) -> Flags {
        self.flags[row as usize]
    }

    pub(crate) fn record_of(&self, row: u32) -> u32 {
        self.record_of_row[row as usize]
    }

    pub(crate) fn rows_of(&self, record: u32) -> std::ops::Range<u32> {
        self.first_row[record as usize]..self.first_row[record as usize + 1]
    }

    /// Rows that may be compared, in order: all but those of test records.
    pub(crate) fn eligible(&self) -> Vec<u32> {
        let records = (0..).take(self.record_count());
        records
            .filter(|&record| !self.is_test(record))
            .flat_map(|record| self.rows_of(record))
            .collect()
    }

    /// Fills `tile` with rows.
    pub(crate) fn fill(&self, tile: &mut Tile, rows: &[u32]) {
        tile.clear();
        for &row in rows {
            tile.push(self.row(row), self.flags(row).missing_mask());
        }
    }
}

/// Rows as they come, in columns.
#[derive(Default)]
struct Arrival {
    rows: Vec<u64>,
    flags: Vec<Flags>,
    keys: Vec<RecordKey>,
}

impl Arrival {
    fn take(&mut self, width: usize, site: u16, batch: &TokenBatch) -> Result<(), MatchError> {
        if batch.row_words() != width {
            return Err(MatchError::RowWidth);
        }
        if self.flags.len() + batch.len() > limits::ROWS_MAX {
            return Err(MatchError::TooMany {
                what: "the rows of a run",
                limit: limits::ROWS_MAX as u64,
            });
        }
        self.rows.extend_from_slice(batch.rows());
        self.flags.extend_from_slice(batch.flags());
        let references = batch.references().iter();
        self.keys
            .extend(references.map(|&reference| RecordKey { site, reference }));
        Ok(())
    }

    /// Row numbers in canonical order, without the repeats.
    fn sort(&self, width: usize) -> Vec<u32> {
        let row = |row: u32| &self.rows[row as usize * width..(row as usize + 1) * width];
        let flags = |row: u32| self.flags[row as usize].bits();
        let mut order: Vec<(RecordKey, u32)> = self.keys.iter().copied().zip(0..).collect();
        order.par_sort_unstable_by(|a, b| {
            a.0.cmp(&b.0)
                .then_with(|| (row(a.1), flags(a.1)).cmp(&(row(b.1), flags(b.1))))
        });
        order.dedup_by(|b, a| a.0 == b.0 && row(a.1) == row(b.1) && flags(a.1) == flags(b.1));
        order.into_iter().map(|(_, row)| row).collect()
    }

    fn into_dataset(mut self, schema: Schema, grading: Grading, order: &[u32]) -> Dataset {
        let flags = order.iter().map(|&row| self.flags[row as usize]).collect();
        let mut keys: Vec<RecordKey> = Vec::new();
        let mut first_row = Vec::new();
        let mut record_of_row = Vec::with_capacity(order.len());
        for (at, &row) in (0_u32..).zip(order) {
            let key = self.keys[row as usize];
            if keys.last() != Some(&key) {
                keys.push(key);
                first_row.push(at);
            }
            record_of_row.push(u32::try_from(keys.len() - 1).expect("rows are bounded"));
        }
        first_row.push(u32::try_from(order.len()).expect("rows are bounded"));
        gather(&mut self.rows, grading.row_words(), order);
        Dataset {
            schema,
            grading,
            rows: self.rows,
            flags,
            record_of_row,
            first_row,
            keys,
        }
    }
}

/// Moves row `order[i]` to place `i`, in place, along the cycles of the permutation; rows that
/// `order` does not name are lost. A second copy of all rows would double the peak of a run.
fn gather(rows: &mut Vec<u64>, width: usize, order: &[u32]) {
    let count = rows.len() / width;
    let mut named = vec![false; count];
    order.iter().for_each(|&row| named[row as usize] = true);
    let unnamed = (0_u32..).zip(&named).filter(|(_, named)| !**named);
    let mut source: Vec<u32> = order.to_vec();
    source.extend(unnamed.map(|(row, _)| row));
    let mut held = vec![0; width];
    for start in 0..count {
        if source[start] as usize == start {
            continue;
        }
        held.copy_from_slice(&rows[start * width..(start + 1) * width]);
        let mut at = start;
        loop {
            let from = source[at] as usize;
            source[at] = u32::try_from(at).expect("rows are bounded");
            if from == start {
                break;
            }
            rows.copy_within(from * width..(from + 1) * width, at * width);
            at = from;
        }
        rows[at * width..(at + 1) * width].copy_from_slice(&held);
    }
    rows.truncate(order.len() * width);
    rows.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use linker_token::Token;

    use super::*;

    fn batch(rows: &[(u8, u64)]) -> TokenBatch {
        let schema = Schema::jp_1();
        let mut batch = TokenBatch::new(&schema);
        for &(reference, word) in rows {
            let token = Token {
                reference: RecordRef([reference; 16]),
                flags: Flags::default(),
                row: vec![word; schema.row_words()],
            };
            batch.push(&token).expect("the row has the schema's width");
        }
        batch
    }

    #[test]
    fn arrival_order_does_not_matter_and_repeats_are_kept_once() {
        let schema = Schema::jp_1();
        let parts = [
            (1, batch(&[(4, 9), (2, 8)])),
            (0, batch(&[(4, 7), (4, 1), (3, 5)])),
            (1, batch(&[(2, 8), (4, 2)])),
        ];
        let one = Dataset::build(&schema, parts.clone()).expect("the batches fit");
        let two = Dataset::build(&schema, parts.into_iter().rev()).expect("the batches fit");
        for dataset in [&one, &two] {
            assert_eq!(dataset.record_count(), 4);
            let words: Vec<u64> = (0..6).map(|row| dataset.row(row)[0]).collect();
            assert_eq!(words, [5, 1, 7, 8, 2, 9]);
            assert_eq!(dataset.record_of_row, [0, 1, 1, 2, 3, 3]);
            assert_eq!(dataset.rows_of(1), 1..3);
        }
        assert_eq!(one.keys(), two.keys());
    }

    #[test]
    fn rows_of_another_width_are_refused() {
        let narrow = include_str!("../../token/schemas/jp-1.toml")
            .replacen("row-words = 16", "row-words = 32", 1)
            .replacen("words = 5", "words = 21", 1);
        let other = Schema::parse(&narrow).expect("the schema is sound");
        let parts = [(0, TokenBatch::new(&other))];
        assert!(matches!(
            Dataset::build(&Schema::jp_1(), parts),
            Err(MatchError::RowWidth)
        ));
    }
}
