//! The operations that are measured and compared, each as one piece of work.

use std::ops::Range;

use linker_kernels::{
    FoldTile, Grading, Kernel, Sifted, Similar, Tile, limits::LANES, limits::QUERY_STEP,
};

/// An operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    /// Common bits of every pair.
    Full,
    /// Pairs of at least so many thousandths, exactly.
    Similar(u32),
    /// Patterns of every pair.
    Patterns,
    /// Patterns of the pairs that are worth a look.
    Sift,
}

impl Operation {
    pub(super) const ALL: [Self; 6] = [
        Self::Full,
        Self::Similar(850),
        Self::Similar(800),
        Self::Similar(750),
        Self::Patterns,
        Self::Sift,
    ];

    pub(super) fn name(self) -> String {
        match self {
            Self::Full => "full".to_owned(),
            Self::Similar(permille) => format!("similar-{permille}"),
            Self::Patterns => "patterns".to_owned(),
            Self::Sift => "sift".to_owned(),
        }
    }

    /// What its rate is divided by: the same answer from the base line. A sift replaces patterns.
    pub(super) fn base(self) -> Self {
        match self {
            Self::Full | Self::Similar(_) => Self::Full,
            Self::Patterns | Self::Sift => Self::Patterns,
        }
    }
}

/// As many rows as a tile holds, in the forms that the operations need.
pub(super) struct Block<'r> {
    /// Whole rows without diffusion.
    pub(super) whole: &'r [u64],
    pub(super) whole_tile: Tile,
    /// Their folds, per threshold.
    pub(super) folds: Vec<(u32, FoldTile<'r>)>,
    /// Rows of the shipped schema, and which segments each lacks.
    pub(super) segmented: &'r [u64],
    pub(super) missing: &'r [u8],
    pub(super) segmented_tile: Tile,
}

impl Block<'_> {
    fn fold(&self, permille: u32) -> &FoldTile<'_> {
        let mut folds = self.folds.iter();
        let fold = folds.find(|fold| fold.0 == permille);
        &fold.expect("each threshold has folds").1
    }
}

/// How rows of the shipped schema are graded, and which segments a sift watches.
pub(super) struct Marks {
    pub(super) grading: Grading,
    pub(super) watched: u8,
}

/// What came out, whatever the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Outcome {
    pub(super) pairs: u64,
    pub(super) hits: u64,
    pub(super) checksum: u64,
}

impl Outcome {
    pub(super) fn add(&mut self, other: Self) {
        self.pairs += other.pairs;
        self.hits += other.hits;
        self.checksum = self.checksum.wrapping_add(other.checksum);
    }

    fn hit(&mut self, query: u32, row: u32, value: u32) {
        let value = mixed(u64::from(query) << 32 | u64::from(row)) ^ u64::from(value);
        self.checksum = self.checksum.wrapping_add(mixed(value));
        self.hits += 1;
    }
}

/// Working memory.
#[derive(Default)]
pub(super) struct Buffers {
    wide: Vec<[u32; LANES]>,
    narrow: Vec<[u16; LANES]>,
    sifted: Vec<Sifted>,
    similar: Vec<Similar>,
}

/// Runs some rows of one block against another. With `check` all results are summed up, which takes
/// longer than the fastest kernels; without, only as much is read as keeps the work from being left out.
pub(super) fn run(
    kernel: Kernel,
    operation: Operation,
    (queries, range): (&Block<'_>, Range<usize>),
    tile: &Block<'_>,
    marks: &Marks,
    buffers: &mut Buffers,
    check: bool,
) -> Outcome {
    let mut outcome = Outcome {
        pairs: range.len() as u64 * tile.whole_tile.len() as u64,
        ..Outcome::default()
    };
    match operation {
        Operation::Full => {
            let (width, groups) = (tile.whole_tile.row_words(), tile.whole_tile.groups());
            let rows = &queries.whole[range.start * width..range.end * width];
            for (step, rows) in rows.chunks(QUERY_STEP * width).enumerate() {
                let counts = kernel.common(rows, &tile.whole_tile, &mut buffers.narrow);
                let first = (range.start + step * QUERY_STEP) * groups * LANES;
                sum(
                    &mut outcome,
                    first,
                    counts.iter().map(|&count| u64::from(count)),
                    check,
                );
            }
        }
        Operation::Similar(permille) => {
            let (queries, tile) = (queries.fold(permille), tile.fold(permille));
            buffers.similar.clear();
            kernel.similar(queries, range, tile, false, &mut buffers.similar);
            for pair in &buffers.similar {
                outcome.hit(pair.query, pair.row, pair.common);
            }
        }
        Operation::Patterns => {
            let (width, rows) = (marks.grading.row_words(), tile.segmented_tile.len());
            for query in range {
                let row = &queries.segmented[query * width..(query + 1) * width];
                let missing = queries.missing[query];
                let (tile, grading) = (&tile.segmented_tile, &marks.grading);
                let patterns = kernel.patterns(row, missing, tile, 0, grading, &mut buffers.wide);
                let patterns = patterns.iter().map(|&pattern| u64::from(pattern));
                sum(&mut outcome, query * rows, patterns, check);
            }
        }
        Operation::Sift => sift(kernel, (queries, range), tile, marks, buffers, &mut outcome),
    }
    outcome
}

/// Queries that lack the same segments go together, at most [`QUERY_STEP`] at a time.
fn sift(
    kernel: Kernel,
    (queries, range): (&Block<'_>, Range<usize>),
    tile: &Block<'_>,
    marks: &Marks,
    buffers: &mut Buffers,
    outcome: &mut Outcome,
) {
    let width = marks.grading.row_words();
    let mut at = range.start;
    for alike in queries.missing[range].chunk_by(|a, b| a == b) {
        for some in alike.chunks(QUERY_STEP) {
            buffers.sifted.clear();
            kernel.sift(
                &queries.segmented[at * width..(at + some.len()) * width],
                some[0],
                &tile.segmented_tile,
                0,
                &marks.grading,
                marks.watched,
                &mut buffers.wide,
                &mut buffers.sifted,
            );
            let first = u32::try_from(at).unwrap_or(u32::MAX);
            for pair in &buffers.sifted {
                outcome.hit(first + pair.query, pair.row, pair.pattern);
            }
            at += some.len();
        }
    }
}

/// Adds values with their places to the checksum, or only the last of them.
fn sum(
    outcome: &mut Outcome,
    first: usize,
    mut values: impl DoubleEndedIterator<Item = u64>,
    check: bool,
) {
    if check {
        for (place, value) in (first as u64..).zip(values) {
            // An odd factor per place: a value in a wrong place does not cancel out.
            let factor = (2 * place + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            outcome.checksum = outcome
                .checksum
                .wrapping_add((value + 1).wrapping_mul(factor));
        }
    } else if let Some(last) = values.next_back() {
        outcome.checksum = outcome.checksum.wrapping_add(std::hint::black_box(last));
    }
}

/// The SplitMix64 finaliser.
fn mixed(mut word: u64) -> u64 {
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}
