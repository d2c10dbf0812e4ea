//! What a run keeps of every row in memory, wherever the rows are: key, flags, fingerprints.
//!
//! A fingerprint is 64 mixed bits of a segment. Rows come under a key, so nobody can craft two values
//! with one fingerprint, and chance makes one such pair among 2^27 values once in two thousand runs;
//! it would put two values into one block, where their bits are compared anyhow.

use std::ops::Range;

use linker_token::{Flags, RecordRef, Schema, TokenBatch};
use rayon::prelude::*;

use crate::{dataset::RecordKey, error::MatchError, limits};

/// Row numbers are 32 bits; this one means "none".
pub(crate) const NONE: u32 = u32::MAX;

/// A row or record number.
pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).expect("rows are bounded")
}

/// Rows as they come, in columns.
pub(crate) struct Arrival {
    width: usize,
    segments: Vec<Range<usize>>,
    keys: Vec<RecordKey>,
    flags: Vec<Flags>,
    /// Per segment a column of fingerprints.
    prints: Vec<Vec<u64>>,
    /// The rows themselves, if they are kept.
    words: Option<Vec<u64>>,
}

/// The rows in canonical order: by site, reference, fingerprints and flags. The order of arrival has
/// no part in it. A row that occurs twice is kept once.
pub(crate) struct Index {
    /// One per record.
    pub(crate) keys: Vec<RecordKey>,
    /// Row numbers at which the records start, and the number of rows.
    pub(crate) first_row: Vec<u32>,
    pub(crate) record_of_row: Vec<u32>,
    pub(crate) flags: Vec<Flags>,
    pub(crate) prints: Vec<Vec<u64>>,
    /// For each row its place in the order of arrival.
    pub(crate) place: Vec<u32>,
    /// Rows that arrived.
    pub(crate) arrived: usize,
    /// The rows in the order of arrival, if they are kept.
    pub(crate) words: Option<Vec<u64>>,
}

impl Arrival {
    pub(crate) fn new(schema: &Schema, rows: usize, keep: bool) -> Self {
        let segments = schema.segments().iter().map(|s| s.words.clone());
        let segments: Vec<_> = segments.collect();
        Self {
            width: schema.row_words(),
            keys: Vec::with_capacity(rows),
            flags: Vec::with_capacity(rows),
            prints: segments.iter().map(|_| Vec::with_capacity(rows)).collect(),
            words: keep.then(|| Vec::with_capacity(rows * schema.row_words())),
            segments,
        }
    }

    /// Rows so far.
    pub(crate) fn len(&self) -> usize {
        self.flags.len()
    }

    pub(crate) fn take(&mut self, site: u16, batch: &TokenBatch) -> Result<(), MatchError> {
        if batch.row_words() != self.width {
            return Err(MatchError::RowWidth);
        }
        if self.flags.len() + batch.len() > limits::ROWS_MAX {
            return Err(MatchError::TooMany {
                what: "the rows of a run",
                limit: limits::ROWS_MAX as u64,
            });
        }
        let references = batch.references().iter();
        self.keys
            .extend(references.map(|&reference| RecordKey { site, reference }));
        for (row, &flags) in batch.rows().chunks_exact(self.width).zip(batch.flags()) {
            let mut flags = flags;
            for (index, words) in self.segments.iter().enumerate() {
                let words = &row[words.clone()];
                if is_blank(words) {
                    flags = flags.with_missing(index);
                }
                self.prints[index].push(fingerprint(words));
            }
            self.flags.push(flags);
        }
        if let Some(words) = &mut self.words {
            words.extend_from_slice(batch.rows());
        }
        Ok(())
    }

    /// Sorts and lets go of each column as soon as its sorted form is there.
    pub(crate) fn into_index(mut self) -> Index {
        let place = self.order();
        let mut keys: Vec<RecordKey> = Vec::new();
        let mut first_row = Vec::new();
        let mut record_of_row = Vec::with_capacity(place.len());
        for (row, &at) in (0_u32..).zip(&place) {
            let key = self.keys[at as usize];
            if keys.last() != Some(&key) {
                keys.push(key);
                first_row.push(row);
            }
            record_of_row.push(number(keys.len() - 1));
        }
        first_row.push(number(place.len()));
        let arrived = self.keys.len();
        self.keys = Vec::new();
        keys.shrink_to_fit();
        first_row.shrink_to_fit();
        Index {
            keys,
            first_row,
            record_of_row,
            flags: gathered(&self.flags, &place),
            prints: self
                .prints
                .into_iter()
                .map(|column| gathered(&column, &place))
                .collect(),
            place,
            arrived,
            words: self.words,
        }
    }

    /// Places of arrival in canonical order, without the repeats.
    fn order(&self) -> Vec<u32> {
        let row = |at: u32| {
            let prints = self.prints.iter().map(move |column| column[at as usize]);
            (prints, self.flags[at as usize].bits())
        };
        let key = |at: u32| self.keys[at as usize];
        // The first eight bytes of a key settle nearly every comparison without a look at the key.
        let mut order: Vec<(u64, u32)> = self
            .keys
            .par_iter()
            .map(head)
            .zip(0..number(self.keys.len()))
            .collect();
        order.par_sort_unstable_by(|a, b| {
            a.0.cmp(&b.0)
                .then_with(|| key(a.1).cmp(&key(b.1)))
                .then_with(|| row(a.1).0.cmp(row(b.1).0))
                .then_with(|| row(a.1).1.cmp(&row(b.1).1))
        });
        order.dedup_by(|b, a| {
            a.0 == b.0
                && key(a.1) == key(b.1)
                && row(a.1).0.eq(row(b.1).0)
                && row(a.1).1 == row(b.1).1
        });
        order.into_iter().map(|(_, at)| at).collect()
    }
}

/// Site and the first bytes of the reference, in the order of keys.
fn head(key: &RecordKey) -> u64 {
    let RecordRef(bytes) = key.reference;
    let mut head = [0; 8];
    head[..2].copy_from_slice(&key.site.to_be_bytes());
    head[2..].copy_from_slice(&bytes[..6]);
    u64::from_be_bytes(head)
}

fn gathered<T: Copy + Send + Sync>(column: &[T], order: &[u32]) -> Vec<T> {
    order.par_iter().map(|&at| column[at as usize]).collect()
}

/// A segment of zeros or of ones says nothing about a person: no honest encoder makes it.
fn is_blank(words: &[u64]) -> bool {
    words.iter().all(|&word| word == 0) || words.iter().all(|&word| word == u64::MAX)
}

/// 64 mixed bits of a segment.
fn fingerprint(words: &[u64]) -> u64 {
    mixed(words.iter().fold(0x6d75_7375_6269, |hash: u64, &word| {
        let hash = (hash.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^ hash >> 32
    }))
}

/// The finaliser of MurmurHash3: every bit of the input changes half of the output.
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}

impl Index {
    /// Which records are compared: those without a test row, without too many rows, and without a row
    /// that too many records share. And how many rows the last two reasons set aside.
    pub(crate) fn compared(&self) -> (Vec<bool>, u64) {
        let mut compared = vec![true; self.keys.len()];
        for (flags, &record) in self.flags.iter().zip(&self.record_of_row) {
            if flags.has(Flags::TEST_RECORD) {
                compared[record as usize] = false;
            }
        }
        let mut quarantined = 0;
        for (rows, compared) in self.first_row.windows(2).zip(&mut compared) {
            if *compared && (rows[1] - rows[0]) as usize > limits::RECORD_ROWS_MAX {
                quarantined += u64::from(rows[1] - rows[0]);
                *compared = false;
            }
        }
        for rows in self.crowds(&compared) {
            quarantined += rows.len() as u64;
            for (_, row) in rows {
                compared[self.record_of_row[row as usize] as usize] = false;
            }
        }
        (compared, quarantined)
    }

    /// Groups of equal rows that belong to more records than people have.
    fn crowds(&self, compared: &[bool]) -> Vec<Vec<(u64, u32)>> {
        let rows = || (0_u32..).take(self.flags.len());
        let whole = |row: u32| {
            let prints = self.prints.iter().map(|column| column[row as usize]);
            let missing = u64::from(self.flags[row as usize].missing_mask());
            mixed(prints.fold(missing, |hash, print| mixed(hash ^ print).rotate_left(1)))
        };
        // A table of small counts says cheaply which rows may be many; only those are sorted.
        let mask = self.flags.len().next_power_of_two() - 1;
        let slot = |hash: u64| usize::try_from(hash & mask as u64).expect("below the rows' number");
        let mut counts = vec![0_u8; mask + 1];
        for row in rows() {
            let count = &mut counts[slot(whole(row))];
            *count = count.saturating_add(1);
        }
        let many = |hash: u64| usize::from(counts[slot(hash)]) > limits::SAME_ROW_RECORDS_MAX;
        let mut found: Vec<(u64, u32)> = rows()
            .filter(|&row| compared[self.record_of_row[row as usize] as usize])
            .map(|row| (whole(row), row))
            .filter(|&(hash, _)| many(hash))
            .collect();
        found.par_sort_unstable();
        let groups = found.chunk_by(|a, b| a.0 == b.0);
        let crowds = groups.filter(|rows| {
            let record = |row: u32| self.record_of_row[row as usize];
            let records = rows.chunk_by(|a, b| record(a.1) == record(b.1)).count();
            records > limits::SAME_ROW_RECORDS_MAX
        });
        crowds.map(<[_]>::to_vec).collect()
    }
}

const _: () = assert!(
    limits::SAME_ROW_RECORDS_MAX < u8::MAX as usize,
    "a count of equal rows is a byte that saturates above the bound"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_mix() {
        let mut prints: Vec<u64> = (0..64 * 3)
            .map(|bit| {
                let mut words = [0; 3];
                words[bit / 64] = 1 << (bit % 64);
                fingerprint(&words)
            })
            .collect();
        let ones: u32 = prints.iter().map(|print| print.count_ones()).sum();
        assert!((28 * 192..36 * 192).contains(&ones), "{ones}");
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), 192);
    }

    #[test]
    fn blank_segments_are_those_of_one_kind_of_bit() {
        assert!(is_blank(&[0, 0]) && is_blank(&[u64::MAX, u64::MAX]));
        assert!(!is_blank(&[0, u64::MAX]) && !is_blank(&[0, 1]));
    }
}
