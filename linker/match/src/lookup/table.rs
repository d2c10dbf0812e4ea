//! One segment's rows by value: a compact index of equal bits.
//!
//! Rows that have the segment are sorted by a hash of its bits: the upper bits choose a bucket, the
//! next sixteen are the row's *tag*, and rows of one tag stand in row order. That is seven bytes a row,
//! and two dependent reads from memory to the rows of a value. Two values of one bucket and tag are
//! told apart by their bits, so a range never holds another value's rows.

use std::ops::Range;

use crate::limits;

/// Rows of a bucket, on average: a bucket's start costs four bytes.
const BUCKET_ROWS: usize = 4;
/// Bits of the hash that stand beside a row.
const TAG_BITS: u32 = 16;
/// Bits of a row number inside a generation.
const ROW_BITS: u32 = limits::LOOKUP_GENERATION_ROWS.ilog2() + 1;

/// Rows of one segment of one generation.
pub(super) struct Table {
    bucket_bits: u32,
    /// Where the buckets start in `rows`, and the end.
    starts: Vec<u32>,
    tags: Vec<u16>,
    rows: Vec<u32>,
    /// Starts of the ranges of one tag in which there are several values, each then in row order.
    mixed: Vec<u32>,
    /// Starts of the ranges of values with more than [`limits::LOOKUP_COUNTED_ROWS`] rows.
    counted: Vec<u32>,
}

impl Table {
    /// Indexes rows `0..count`. `value` gives a row's bits, or `None` where the segment is missing.
    pub(super) fn build<'a>(count: u32, value: &impl Fn(u32) -> Option<&'a [u64]>) -> Self {
        let buckets = (count as usize / BUCKET_ROWS).max(1).next_power_of_two();
        let bucket_bits = buckets.ilog2();
        let hashed = (0..count).filter_map(|row| {
            let key = key(value(row)?, bucket_bits);
            Some(key << ROW_BITS | u64::from(row))
        });
        let mut entries: Vec<u64> = hashed.collect();
        entries.sort_unstable();
        let mut table = Self {
            bucket_bits,
            starts: Vec::with_capacity(buckets + 1),
            tags: Vec::with_capacity(entries.len()),
            rows: Vec::with_capacity(entries.len()),
            mixed: Vec::new(),
            counted: Vec::new(),
        };
        for run in entries.chunk_by_mut(|a, b| *a >> ROW_BITS == *b >> ROW_BITS) {
            table.push(run, value);
        }
        table.fill_starts(buckets);
        table
    }

    /// Adds the entries of one key.
    fn push<'a>(&mut self, run: &mut [u64], value: &impl Fn(u32) -> Option<&'a [u64]>) {
        let row = |entry: u64| low(entry & ((1 << ROW_BITS) - 1));
        let key = run[0] >> ROW_BITS;
        let start = self.len();
        self.fill_starts(word(key >> TAG_BITS));
        let first = value(row(run[0]));
        if run.iter().any(|&entry| value(row(entry)) != first) {
            run.sort_unstable_by_key(|&entry| (value(row(entry)), row(entry)));
            self.mixed.push(start);
        }
        let mut at = start;
        for same in run.chunk_by(|&a, &b| value(row(a)) == value(row(b))) {
            if same.len() > limits::LOOKUP_COUNTED_ROWS {
                self.counted.push(at);
            }
            at += low(same.len() as u64);
        }
        let tag = u16::try_from(key & u64::from(u16::MAX)).expect("it is masked");
        self.tags.resize(self.tags.len() + run.len(), tag);
        self.rows.extend(run.iter().map(|&entry| row(entry)));
    }

    /// Buckets up to number `bucket` start here, unless they have started.
    fn fill_starts(&mut self, bucket: usize) {
        let here = self.len();
        if self.starts.len() <= bucket {
            self.starts.resize(bucket + 1, here);
        }
    }

    /// The places of the rows whose bits are `bits`; `value` as in [`Self::build`].
    pub(super) fn range<'a>(
        &self,
        bits: &[u64],
        value: impl Fn(u32) -> Option<&'a [u64]>,
    ) -> Range<u32> {
        let key = key(bits, self.bucket_bits);
        let bucket = word(key >> TAG_BITS);
        let tag = u16::try_from(key & u64::from(u16::MAX)).expect("it is masked");
        let (start, end) = (self.starts[bucket], self.starts[bucket + 1]);
        let tags = &self.tags[start as usize..end as usize];
        let from = tags.partition_point(|&other| other < tag);
        let len = tags[from..].partition_point(|&other| other == tag);
        let places = from + start as usize..from + len + start as usize;
        let range = low(places.start as u64)..low(places.end as u64);
        let rows = &self.rows[places];
        let Some(&first) = rows.first() else {
            return range;
        };
        if self.mixed.binary_search(&range.start).is_ok() {
            let from = rows.partition_point(|&row| value(row) < Some(bits));
            let len = rows[from..].partition_point(|&row| value(row) == Some(bits));
            let from = range.start + low(from as u64);
            return from..from + low(len as u64);
        }
        if value(first) == Some(bits) {
            range
        } else {
            range.start..range.start
        }
    }

    /// The rows at these places, in row order if the places are a value's.
    pub(super) fn rows(&self, places: &Range<u32>) -> &[u32] {
        &self.rows[places.start as usize..places.end as usize]
    }

    /// The number of this value among those with more than [`limits::LOOKUP_COUNTED_ROWS`] rows.
    pub(super) fn counted(&self, places: &Range<u32>) -> Option<usize> {
        if places.len() <= limits::LOOKUP_COUNTED_ROWS {
            return None;
        }
        self.counted.binary_search(&places.start).ok()
    }

    /// How many such values there are.
    pub(super) fn counted_values(&self) -> usize {
        self.counted.len()
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let numbers = [&self.starts, &self.rows, &self.mixed, &self.counted];
        let numbers: usize = numbers.iter().map(|list| list.capacity() * 4).sum();
        numbers + self.tags.capacity() * 2
    }

    fn len(&self) -> u32 {
        low(self.rows.len() as u64)
    }
}

/// Bucket and tag of a value. Equality is checked on the bits, so the hash needs no key: rows are under
/// the second layer's secret permutation, so nobody outside can aim at a bucket.
fn key(bits: &[u64], bucket_bits: u32) -> u64 {
    let mixed = bits.iter().fold(0_u64, |hash, &word| {
        (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed >> (64 - TAG_BITS - bucket_bits)
}

fn low(number: u64) -> u32 {
    u32::try_from(number).expect("a generation's rows are bounded")
}

fn word(number: u64) -> usize {
    usize::try_from(number).expect("a bucket is far below the width of an address")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[Option<Vec<u64>>]) -> Table {
        let count = low(values.len() as u64);
        let value = |row: u32| values[row as usize].as_deref();
        let table = Table::build(count, &value);
        for bits in values.iter().flatten() {
            let expected: Vec<u32> = (0..count).filter(|&row| value(row) == Some(bits)).collect();
            let places = table.range(bits, value);
            assert_eq!(table.rows(&places), expected);
        }
        table
    }

    #[test]
    fn a_value_has_its_rows_in_order_and_no_others() {
        let values: Vec<_> = (0..500_u64)
            .map(|row| (row % 7 > 0).then(|| vec![row * row % 31, row % 3]))
            .collect();
        let table = check(&values);
        let value = |row: u32| values[row as usize].as_deref();
        assert!(table.range(&[77, 0], value).is_empty());
        let empty = Table::build(0, &|_| None);
        assert!(empty.range(&[1], |_| None).is_empty());
    }

    /// One bucket and 2^16 tags: three hundred values almost surely share some.
    #[test]
    fn values_that_share_a_tag_are_told_apart() {
        let mut values: Vec<_> = (0..6_u64).map(|row| Some(vec![row % 2])).collect();
        let wanted = key(&[0], 0);
        let twin = (1..).find(|&word| key(&[word], 0) == wanted);
        values.push(Some(vec![twin.expect("tags are few")]));
        values.swap(0, 6);
        let table = check(&values);
        assert_eq!(table.mixed.len(), 1);
        // A third value of that tag has no rows at all.
        let third = (twin.map_or(1, |word| word + 1)..).find(|&word| key(&[word], 0) == wanted);
        let value = |row: u32| values[row as usize].as_deref();
        let third = third.expect("tags are few");
        assert!(table.range(&[third], value).is_empty());
    }

    #[test]
    fn large_values_are_numbered() {
        let values: Vec<_> = (0..5000_u64)
            .map(|row| Some(vec![if row < 3000 { row % 2 } else { row }]))
            .collect();
        let table = check(&values);
        assert_eq!(table.counted_values(), 2);
        let value = |row: u32| values[row as usize].as_deref();
        let mut numbers: Vec<_> = [[0], [1]]
            .iter()
            .map(|bits| table.counted(&table.range(bits, value)))
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [Some(0), Some(1)]);
        assert_eq!(table.counted(&table.range(&[4000], value)), None);
    }
}
