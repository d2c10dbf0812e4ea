//! The rows of a run in canonical order.

use std::{ops::Range, sync::Arc};

use linker_kernels::Grading;
use linker_token::{Flags, RecordRef, Schema, TokenBatch};

use crate::{
    error::MatchError,
    index::{Arrival, Index, NONE},
    memory::Need,
    rows::{Away, Store},
    settings::Settings,
    source::Source,
    watch::LOWEST_MAX,
};

/// Names a record across runs: the caller's site number and the site's opaque reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// Place of the site in the caller's sorted list of sites.
    pub site: u16,
    /// The site's reference.
    pub reference: RecordRef,
}

/// All rows of a run, numbered by site, reference and content, so that the order of arrival never
/// matters. Rows of one site with one reference are one record. A row that occurs twice with all its
/// bits and flags is kept once.
///
/// A segment of nothing but zeros or ones counts as missing. The rows may be in memory or outside; the
/// result of a run is the same.
pub struct Dataset {
    schema: Schema,
    /// The schema's grading, which hears everything, and then those that hear less.
    gradings: [Grading; LOWEST_MAX as usize + 1],
    index: Index,
    /// Per record whether it is compared at all.
    compared: Vec<bool>,
    quarantined: u64,
    store: Store,
}

impl std::fmt::Debug for Dataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (rows, records) = (self.row_count(), self.record_count());
        write!(f, "Dataset({rows} rows, {records} records)")
    }
}

impl Dataset {
    /// Takes the batches of all sites into memory.
    ///
    /// # Errors
    /// [`MatchError::RowWidth`], [`MatchError::TooMany`], or [`MatchError::Schema`] if the segments'
    /// cut points cannot be told apart at their width.
    pub fn build(
        schema: &Schema,
        parts: impl IntoIterator<Item = (u16, TokenBatch)>,
    ) -> Result<Self, MatchError> {
        let grading = graded(schema)?;
        let mut arrival = Arrival::new(schema, 0, true);
        for (site, batch) in parts {
            arrival.take(site, &batch)?;
        }
        Ok(Self::from_index(
            schema,
            &grading,
            arrival.into_index(),
            None,
        ))
    }

    /// Takes the rows of a source into memory, or only their index if the rows do not fit in the
    /// settings' memory bound; then [`crate::link_with`] needs scratch space.
    ///
    /// # Errors
    /// As [`Self::build`]; [`MatchError::Memory`] if not even the index fits, before anything is read;
    /// [`MatchError::Source`].
    ///
    /// # Panics
    /// Never: the number of rows is checked first.
    pub fn open(
        schema: &Schema,
        source: Arc<dyn Source>,
        settings: &Settings,
    ) -> Result<Self, MatchError> {
        let grading = graded(schema)?;
        let rows = source.rows();
        let need = Need::of(schema, rows, settings)?;
        let room = need.room(settings.memory_bytes)?;
        let capacity = usize::try_from(rows).expect("rows are bounded");
        let mut arrival = Arrival::new(schema, capacity, room.is_none());
        source.read(&mut |site, batch| {
            if (arrival.len() + batch.len()) as u64 > rows {
                return Err(MatchError::Source(
                    "the source has more rows than it says".into(),
                ));
            }
            arrival.take(site, &batch)
        })?;
        let away = room.map(|room| (source, room));
        Ok(Self::from_index(
            schema,
            &grading,
            arrival.into_index(),
            away,
        ))
    }

    fn from_index(
        schema: &Schema,
        grading: &Grading,
        mut index: Index,
        away: Option<(Arc<dyn Source>, usize)>,
    ) -> Self {
        let place = std::mem::take(&mut index.place);
        let store = match away {
            None => Store::Held {
                words: index.words.take().unwrap_or_default(),
                place,
            },
            Some((source, room)) => {
                let mut row_of = vec![NONE; index.arrived];
                for (row, &at) in (0..).zip(&place) {
                    row_of[at as usize] = row;
                }
                Store::Away(Away {
                    source,
                    row_of,
                    room,
                })
            }
        };
        let (compared, quarantined) = index.compared();
        Self {
            schema: schema.clone(),
            gradings: std::array::from_fn(|lowest| grading.hearing_less(lowest)),
            index,
            compared,
            quarantined,
            store,
        }
    }

    /// The schema of the rows.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Number of rows.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.index.flags.len()
    }

    /// Number of records.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.index.keys.len()
    }

    /// The records' names, in canonical order: record `i` is `keys()[i]`.
    #[must_use]
    pub fn keys(&self) -> &[RecordKey] {
        &self.index.keys
    }

    /// Whether the rows are in memory. If not, a run needs scratch space.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self.store, Store::Held { .. })
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

    /// Whether the record is compared: it is no test record, it has at most [`crate::limits::RECORD_ROWS_MAX`]
    /// rows, and none of them is shared by more than [`crate::limits::SAME_ROW_RECORDS_MAX`] records.
    ///
    /// # Panics
    /// If there is no such record.
    #[must_use]
    pub fn is_compared(&self, record: u32) -> bool {
        self.compared[record as usize]
    }

    /// Rows that more records share than people have, and rows of records that have more than people
    /// have. Their records are not compared.
    #[must_use]
    pub fn rows_quarantined(&self) -> u64 {
        self.quarantined
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn grading(&self) -> &Grading {
        &self.gradings[0]
    }

    /// The grading for a sift to which so many of the lowest levels above the bottom are quiet.
    pub(crate) fn hearing(&self, lowest: u8) -> &Grading {
        &self.gradings[usize::from(lowest)]
    }

    pub(crate) fn flags(&self, row: u32) -> Flags {
        self.index.flags[row as usize]
    }

    pub(crate) fn record_of(&self, row: u32) -> u32 {
        self.index.record_of_row[row as usize]
    }

    pub(crate) fn rows_of(&self, record: u32) -> Range<u32> {
        let first = &self.index.first_row;
        first[record as usize]..first[record as usize + 1]
    }

    /// A row's fingerprint in a segment; `None` if the row lacks it.
    pub(crate) fn print(&self, segment: usize, row: u32) -> Option<u64> {
        let missing = self.flags(row).is_missing(segment);
        (!missing).then(|| self.index.prints[segment][row as usize])
    }

    /// Rows that may be compared, in order.
    pub(crate) fn eligible(&self) -> impl Iterator<Item = u32> {
        let rows = (0..).zip(&self.index.record_of_row);
        rows.filter(|&(_, &record)| self.is_compared(record))
            .map(|(row, _)| row)
    }
}

fn graded(schema: &Schema) -> Result<Grading, MatchError> {
    let segments = schema.segments().iter();
    let segments: Vec<_> = segments.map(|s| (s.words.clone(), s.cuts())).collect();
    Grading::new(schema.row_words(), &segments).map_err(MatchError::Schema)
}

#[cfg(test)]
mod tests {
    use linker_token::Token;

    use super::*;
    use crate::settings::Cancel;

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
        let words = |dataset: &Dataset| {
            let rows = dataset.fetch(&Cancel::new(), &[0, 1, 2, 3, 4, 5]);
            let rows = rows.expect("the rows are in memory");
            rows.iter().step_by(16).copied().collect::<Vec<u64>>()
        };
        for dataset in [&one, &two] {
            assert_eq!(dataset.record_count(), 4);
            let mut sorted = words(dataset);
            assert_eq!((sorted[0], sorted[3]), (5, 8));
            sorted[1..3].sort_unstable();
            sorted[4..6].sort_unstable();
            assert_eq!(sorted, [5, 1, 7, 8, 2, 9]);
            assert_eq!(dataset.index.record_of_row, [0, 1, 1, 2, 3, 3]);
            assert_eq!(dataset.rows_of(1), 1..3);
        }
        assert_eq!(one.keys(), two.keys());
        assert_eq!(words(&one), words(&two));
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
