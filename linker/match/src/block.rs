//! Candidate pairs without extra keys: rows whose bits are equal in one segment form a block.
//!
//! There is one pass per segment: birth, then names, then numbers, then places. A block above the
//! cap is split by a second segment, the one that leaves the smallest largest piece; a piece that no
//! segment can split is cut into slices. Pairs lost that way are counted. A pair belongs to the
//! first pass that has both its rows in one block, so no list of pairs is ever needed.

use linker_token::schema::Role;
use rayon::prelude::*;

use crate::{dataset::Dataset, limits, settings::Settings};

/// The mark of a row that is in no block.
const NONE: u32 = u32::MAX;

/// One pass: blocks of row numbers, one after another.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    pub(crate) name: String,
    /// The segment that is equal in each block; `None` means that everything is one block.
    pub(crate) segment: Option<usize>,
    rows: Vec<u32>,
    /// Where the blocks start in `rows`, and the end.
    starts: Vec<u32>,
    /// For every row of the data set its block.
    block_of_row: Vec<u32>,
    /// Row pairs inside blocks.
    pub(crate) pairs: u64,
    /// Row pairs that splitting lost.
    pub(crate) dropped: u64,
    /// Blocks that were above the cap.
    pub(crate) split: u64,
    /// Rows of the largest block.
    pub(crate) largest: u64,
}

/// All passes, and how often each row's value occurs in each segment.
#[derive(Debug)]
pub(crate) struct Blocks {
    pub(crate) passes: Vec<Pass>,
    /// Rows that may be compared, in order.
    pub(crate) eligible: Vec<u32>,
    /// Per segment and row: eight times the binary logarithm of the number of rows with these bits.
    pub(crate) classes: Vec<Vec<u8>>,
    /// Per segment: rows that have it.
    pub(crate) present: Vec<u64>,
}

impl Pass {
    pub(crate) fn block_count(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    pub(crate) fn block(&self, block: usize) -> &[u32] {
        &self.rows[self.starts[block] as usize..self.starts[block + 1] as usize]
    }

    /// Whether this pass compares these two rows.
    pub(crate) fn has(&self, a: u32, b: u32) -> bool {
        let block = |row: u32| self.block_of_row[row as usize];
        self.segment.is_none() || (block(a) != NONE && block(a) == block(b))
    }

    fn push(&mut self, rows: &[u32]) {
        let len = rows.len() as u64;
        if len < 2 {
            return;
        }
        for &row in rows {
            self.block_of_row[row as usize] = count(self.starts.len());
        }
        self.starts.push(count(self.rows.len()));
        self.rows.extend_from_slice(rows);
        self.pairs += pairs_of(len);
        self.largest = self.largest.max(len);
    }
}

/// Pairs among `rows` rows.
pub(crate) fn pairs_of(rows: u64) -> u64 {
    rows * rows.saturating_sub(1) / 2
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("rows are bounded")
}

/// Makes the blocks of all passes and counts values.
pub(crate) fn build(dataset: &Dataset, settings: &Settings, done: &dyn Fn(u64)) -> Blocks {
    let eligible = dataset.eligible();
    let exhaustive = pairs_of(eligible.len() as u64) <= settings.exhaustive_pairs_max;
    let segments = dataset.schema().segments();
    let mut passes = Vec::new();
    let mut classes = vec![Vec::new(); segments.len()];
    let mut present = vec![0; segments.len()];
    for (step, index) in (1..).zip(order_of_passes(dataset)) {
        let runs = equal_runs(dataset, &eligible, index);
        classes[index] = vec![0; dataset.row_count()];
        for run in runs.chunk_by(|a, b| a.0 == b.0) {
            let class = class_of(run.len());
            run.iter()
                .for_each(|&(_, row)| classes[index][row as usize] = class);
        }
        present[index] = runs.len() as u64;
        if !exhaustive {
            passes.push(pass_over(dataset, settings, index, &runs));
        }
        done(step);
    }
    if exhaustive {
        passes.push(everything(&eligible));
    }
    Blocks {
        passes,
        eligible,
        classes,
        present,
    }
}

/// Birth first: it makes even blocks of equal people. Places last: their blocks are households.
fn order_of_passes(dataset: &Dataset) -> Vec<usize> {
    let segments = dataset.schema().segments();
    let roles = [Role::Birth, Role::Name, Role::Number, Role::Place];
    let all = roles.into_iter().flat_map(|role| {
        let with_role = segments.iter().enumerate();
        with_role.filter_map(move |(index, segment)| (segment.role == role).then_some(index))
    });
    all.collect()
}

fn everything(eligible: &[u32]) -> Pass {
    let rows = eligible.len() as u64;
    Pass {
        name: "all-pairs".to_owned(),
        rows: eligible.to_vec(),
        starts: vec![0, count(eligible.len())],
        pairs: pairs_of(rows),
        largest: rows,
        ..Pass::default()
    }
}

/// Rows that have the segment, sorted so that equal bits stand together; the number beside a row is
/// the same for equal bits and different for different ones.
fn equal_runs(dataset: &Dataset, eligible: &[u32], segment: usize) -> Vec<(u64, u32)> {
    let mut rows: Vec<(u64, u32)> = eligible
        .par_iter()
        .filter(|&&row| !dataset.flags(row).is_missing(segment))
        .map(|&row| (fingerprint(dataset.segment(row, segment)), row))
        .collect();
    rows.par_sort_unstable();
    let mut start = 0;
    for end in 1..=rows.len() {
        if end < rows.len() && rows[end].0 == rows[start].0 {
            continue;
        }
        separate(dataset, segment, &mut rows[start..end]);
        start = end;
    }
    number_runs(dataset, segment, &mut rows);
    rows
}

/// Sorts rows of one fingerprint by their bits, if two values share it.
fn separate(dataset: &Dataset, segment: usize, rows: &mut [(u64, u32)]) {
    let first = dataset.segment(rows[0].1, segment);
    if rows
        .iter()
        .any(|&(_, row)| dataset.segment(row, segment) != first)
    {
        rows.sort_unstable_by_key(|&(_, row)| (dataset.segment(row, segment), row));
    }
}

/// Replaces fingerprints by the number of the run.
fn number_runs(dataset: &Dataset, segment: usize, rows: &mut [(u64, u32)]) {
    let (mut run, mut last) = (0, None);
    for (fingerprint, row) in rows {
        let bits = dataset.segment(*row, segment);
        if last.is_some_and(|last| last != bits) {
            run += 1;
        }
        last = Some(bits);
        *fingerprint = run;
    }
}

/// Mixes words into a number that only speeds up sorting; equality is checked on the bits.
fn fingerprint(words: &[u64]) -> u64 {
    let mixed = words.iter().fold(0_u64, |hash, &word| {
        (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    mixed ^ mixed >> 32
}

/// Eight times log2 of a count, rounded: a byte reaches 2^31.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are below 2^27, so the value lies between 0 and 216"
)]
fn class_of(rows: usize) -> u8 {
    ((rows as f64).log2() * 8.0).round() as u8
}

fn pass_over(dataset: &Dataset, settings: &Settings, segment: usize, runs: &[(u64, u32)]) -> Pass {
    let mut pass = Pass {
        name: dataset.schema().segments()[segment].name.clone(),
        segment: Some(segment),
        block_of_row: vec![NONE; dataset.row_count()],
        ..Pass::default()
    };
    for run in runs.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1) {
        let mut rows: Vec<u32> = run.iter().map(|&(_, row)| row).collect();
        if rows.len() <= settings.block_rows_max {
            pass.push(&rows);
            continue;
        }
        let before = pass.pairs;
        let splitter = Splitter {
            dataset,
            cap: settings.block_rows_max,
        };
        splitter.split(&mut rows, 1 << segment, &mut pass);
        pass.split += 1;
        pass.dropped += pairs_of(rows.len() as u64) - (pass.pairs - before);
    }
    pass.starts.push(count(pass.rows.len()));
    pass.rows.shrink_to_fit();
    pass
}

struct Splitter<'a> {
    dataset: &'a Dataset,
    cap: usize,
}

impl Splitter<'_> {
    /// Pushes pieces of at most the cap. `used` marks segments that are equal in all the rows.
    fn split(&self, rows: &mut [u32], used: u8, pass: &mut Pass) {
        if rows.len() <= self.cap {
            rows.sort_unstable();
            return pass.push(rows);
        }
        let open = (0..self.dataset.grading().segment_count()).filter(|s| used >> s & 1 == 0);
        let best = open.min_by_key(|&segment| {
            self.sort(rows, segment);
            let pieces = rows.chunk_by(|&a, &b| self.value(a, segment) == self.value(b, segment));
            pieces.map(<[u32]>::len).max()
        });
        let Some(segment) = best else {
            rows.sort_unstable();
            return rows.chunks(self.cap).for_each(|slice| pass.push(slice));
        };
        self.sort(rows, segment);
        let same = |a: &u32, b: &u32| self.value(*a, segment) == self.value(*b, segment);
        for piece in rows.chunk_by_mut(same) {
            self.split(piece, used | 1 << segment, pass);
        }
    }

    fn sort(&self, rows: &mut [u32], segment: usize) {
        rows.par_sort_unstable_by_key(|&row| (self.value(row, segment), row));
    }

    /// A row's bits in a segment; rows without it stand together.
    fn value(&self, row: u32, segment: usize) -> Option<&[u64]> {
        let missing = self.dataset.flags(row).is_missing(segment);
        (!missing).then(|| self.dataset.segment(row, segment))
    }
}

const _: () = assert!(limits::ROWS_MAX.ilog2() * 8 <= u8::MAX as u32);
