//! Whole rows that are similar: an exact search that looks at few bits of most pairs.
//!
//! Words of a row are XORed together, word `w` into word `w mod f` of its *fold*. A bit of two folds
//! differs only if an odd number of the bits behind it do, so
//!
//! ```text
//! distance(fold a, fold b) ≤ distance(a, b).
//! ```
//!
//! With threshold T in thousandths, and |a| the bits of a row,
//!
//! ```text
//! Dice ≥ T/1000  ⇔  1000·distance ≤ (1000 − T)·(|a| + |b|)
//!                ⇒  distance(fold a, fold b) ≤ n(a) + n(b) + 1,   n(x) = ⌊(1000 − T)·|x| / 1000⌋,
//! ```
//!
//! because the floor of a sum is at most one more than the sum of the floors. So a group of a tile
//! starts its sums at −n(b), ends with one compare, and only pairs that pass are looked at in full. No
//! similar pair is lost, and a fold of random rows is nearly random, so few others pass. A fold as wide
//! as the row is the row: then every pair is compared in full.

use std::ops::Range;

use crate::{
    error::KernelError,
    kernel::Loops,
    limits::{
        EXACT_CHECK_WORDS, FOLD_SAMPLE_ROWS, LANES, QUERY_STEP, ROW_WORDS_ALLOWED, TILE_GROUPS,
        TILE_ROWS,
    },
    sift,
    tile::Lanes,
};

/// Words of the widest row.
const WIDEST: usize = ROW_WORDS_ALLOWED[ROW_WORDS_ALLOWED.len() - 1];
/// What no sum of a row can be below: the start of lanes that hold no row.
const NEVER: i64 = 1 << 32;

/// How rows are folded, and from which Dice coefficient on two are similar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fold {
    row_words: usize,
    fold_words: usize,
    dice_permille: u32,
}

impl Fold {
    /// Rows of `row_words` words, folded to `fold_words`; similar from `dice_permille` thousandths on.
    ///
    /// # Errors
    /// [`KernelError::Fold`] names the rule that is broken.
    pub fn new(
        row_words: usize,
        fold_words: usize,
        dice_permille: u32,
    ) -> Result<Self, KernelError> {
        let refuse = |rule| Err(KernelError::Fold { rule });
        if !ROW_WORDS_ALLOWED.contains(&row_words) {
            return refuse("a row has 8, 16 or 32 words");
        }
        if fold_words == 0 || fold_words > row_words {
            return refuse("a fold has at least one word and no more than the row");
        }
        if dice_permille == 0 || dice_permille > 1000 {
            return refuse("a threshold lies in 1 to 1000 thousandths");
        }
        Ok(Self {
            row_words,
            fold_words,
            dice_permille,
        })
    }

    /// Words of a fold. As many as a row has: nothing is folded.
    #[must_use]
    pub fn fold_words(&self) -> usize {
        self.fold_words
    }

    /// Whether two rows with so many `common` bits, and so many `bits` in both together, are similar.
    /// Rows without any bit are not.
    #[must_use]
    pub fn is_similar(&self, common: u32, bits: u32) -> bool {
        let (common, bits) = (u64::from(common), u64::from(bits));
        bits > 0 && 2000 * common >= u64::from(self.dice_permille) * bits
    }

    /// n(x) of the module's text.
    fn allowed(&self, row: &[u64]) -> i64 {
        let bits: u32 = row.iter().map(|word| word.count_ones()).sum();
        i64::from((1000 - self.dice_permille) * bits / 1000)
    }
}

/// Up to [`TILE_ROWS`] rows, folded and transposed in groups of eight.
#[derive(Debug, Clone)]
pub struct FoldTile<'r> {
    fold: Fold,
    rows: &'r [u64],
    words: Vec<Lanes>,
    /// −n(x) of every row.
    starts: Vec<Lanes>,
}

impl<'r> FoldTile<'r> {
    /// Folds `rows`, one after another.
    ///
    /// # Panics
    /// If they are not whole rows, or more than a tile holds.
    #[must_use]
    pub fn new(fold: Fold, rows: &'r [u64]) -> Self {
        let width = fold.row_words;
        assert!(rows.len().is_multiple_of(width), "rows come whole");
        assert!(
            rows.len() / width <= TILE_ROWS,
            "a tile holds at most TILE_ROWS rows"
        );
        let groups = rows.len().div_ceil(width * LANES);
        let mut words = vec![Lanes::default(); groups * fold.fold_words];
        let mut starts = vec![Lanes([NEVER.cast_unsigned(); LANES]); groups];
        let groups = words.chunks_exact_mut(fold.fold_words).zip(&mut starts);
        for ((words, starts), rows) in groups.zip(rows.chunks(width * LANES)) {
            for (lane, row) in rows.chunks_exact(width).enumerate() {
                for part in row.chunks(fold.fold_words) {
                    for (word, bits) in words.iter_mut().zip(part) {
                        word.0[lane] ^= bits;
                    }
                }
                starts.0[lane] = (-fold.allowed(row)).cast_unsigned();
            }
        }
        Self {
            fold,
            rows,
            words,
            starts,
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len() / self.fold.row_words
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How the rows are folded.
    #[must_use]
    pub fn fold(&self) -> Fold {
        self.fold
    }

    pub(crate) fn row(&self, row: usize) -> &'r [u64] {
        &self.rows[row * self.fold.row_words..(row + 1) * self.fold.row_words]
    }

    /// The words and the starts of each group from `first` on.
    #[inline]
    pub(crate) fn groups_from(&self, first: usize) -> impl Iterator<Item = (&[Lanes], &Lanes)> {
        let words = self.words[first * self.fold.fold_words..].chunks_exact(self.fold.fold_words);
        words.zip(&self.starts[first..])
    }

    /// Writes a row's fold and returns n(row) + 1.
    fn query(&self, row: usize, fold: &mut [u64]) -> i64 {
        let (group, lane) = (row / LANES, row % LANES);
        let words = &self.words[group * self.fold.fold_words..][..self.fold.fold_words];
        for (word, lanes) in fold.iter_mut().zip(words) {
            *word = lanes.0[lane];
        }
        1 - self.starts[group].0[lane].cast_signed()
    }
}

/// Two rows that are similar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Similar {
    /// Number of the query in its tile.
    pub query: u32,
    /// Number of the row in its tile.
    pub row: u32,
    /// Bits that both have.
    pub common: u32,
    /// Bits of both together: Dice = 2·common / bits.
    pub bits: u32,
}

/// See `Kernel::similar`. Returns how many pairs passed the fold.
///
/// # Safety
/// The processor has the features that the loops are compiled for.
pub(crate) unsafe fn run(
    loops: Loops,
    queries: &FoldTile<'_>,
    range: Range<usize>,
    tile: &FoldTile<'_>,
    after: bool,
    out: &mut Vec<Similar>,
) -> u64 {
    let (words, groups) = (tile.fold.fold_words, tile.starts.len());
    let (mut folds, mut limits) = ([0; QUERY_STEP * WIDEST], [0; QUERY_STEP]);
    let mut near = [[0; TILE_GROUPS]; QUERY_STEP];
    let (mut list, mut lanes) = ([0; TILE_GROUPS], [0; TILE_GROUPS]);
    let mut passed = 0;
    for start in range.clone().step_by(QUERY_STEP) {
        let count = QUERY_STEP.min(range.end - start);
        let first = if after { start / LANES } else { 0 };
        let folds = &mut folds[..count * words];
        for (query, (fold, limit)) in folds.chunks_exact_mut(words).zip(&mut limits).enumerate() {
            *limit = queries.query(start + query, fold);
        }
        // SAFETY: the caller's promise.
        unsafe { (loops.folded)(folds, &limits[..count], tile, first, &mut near) };
        for (query, near) in (start..start + count).zip(&near) {
            let count = sift::listed(&near[..groups - first], first, &mut list, &mut lanes);
            for (&group, &lanes) in list[..count].iter().zip(&lanes) {
                for row in sift::rows_of(group, lanes) {
                    if after && row as usize <= query {
                        continue;
                    }
                    passed += 1;
                    // SAFETY: the caller's promise.
                    let overlap =
                        unsafe { (loops.overlap)(queries.row(query), tile.row(row as usize)) };
                    if tile.fold.is_similar(overlap.0, overlap.1) {
                        out.push(Similar {
                            query: u32::try_from(query).unwrap_or(u32::MAX),
                            row,
                            common: overlap.0,
                            bits: overlap.1,
                        });
                    }
                }
            }
        }
    }
    passed
}

/// The cheapest fold for rows like these, which should be drawn at random.
///
/// A pair costs one look per word of the fold and, if it passes, a look at both rows, which is worth
/// some hundred words: a word too few costs far more than one too many.
///
/// # Safety
/// The processor has the features that the loops are compiled for.
pub(crate) unsafe fn fitting(
    loops: Loops,
    row_words: usize,
    dice_permille: u32,
    rows: &[u64],
) -> Result<Fold, KernelError> {
    let rows = &rows[..rows.len().min(FOLD_SAMPLE_ROWS * row_words)];
    let count = (rows.len() / row_words) as u64;
    let pairs = (count * count.saturating_sub(1) / 2).max(1);
    let mut best = (
        Fold::new(row_words, row_words, dice_permille)?,
        row_words as u64 * pairs,
    );
    for words in (1..row_words).rev() {
        let fold = Fold::new(row_words, words, dice_permille)?;
        let tile = FoldTile::new(fold, rows);
        // SAFETY: the caller's promise.
        let passed = unsafe { run(loops, &tile, 0..tile.len(), &tile, true, &mut Vec::new()) };
        let cost = words as u64 * pairs + passed * EXACT_CHECK_WORDS;
        if cost < best.1 {
            best = (fold, cost);
        }
    }
    Ok(best.0)
}
