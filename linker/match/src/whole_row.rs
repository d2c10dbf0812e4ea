//! Every pair of rows that are similar as wholes, without blocks: an exhaustive, exact search.
//!
//! For rows without diffusion, where the Dice coefficient of whole rows says something. What is exact
//! and why it is fast stands in [`linker_kernels::fold`].

use linker_kernels::{
    Fold, FoldTile, Kernel, KernelChoice, Similar, limits::FOLD_SAMPLE_ROWS, limits::TILE_ROWS,
    selected,
};
use rayon::prelude::*;

use crate::{error::MatchError, limits, random::SplitMix};

/// Two rows that are similar, `a` before `b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SimilarRows {
    /// Number of a row.
    pub a: u32,
    /// A larger number.
    pub b: u32,
    /// Bits that both have.
    pub common: u32,
    /// Bits of both together: Dice = 2·common / bits.
    pub bits: u32,
}

/// What a search did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Pairs compared: all of them.
    pub pairs: u64,
    /// Pairs that are similar.
    pub hits: u64,
    /// Pairs that the folds could not tell apart from similar ones.
    pub passed: u64,
    /// Words of a fold; as many as a row has if no fold was worth while.
    pub fold_words: usize,
    /// Name of the kernel.
    pub kernel: &'static str,
}

/// Finds all pairs of `rows` (of `row_words` words, one after another) with a Dice coefficient of at
/// least `dice_permille` thousandths.
///
/// `sink` gets the hits of each thread as they come, at most [`limits::SEARCH_QUERIES`] rows against one tile at a time; their order
/// depends on the threads, the set of all does not. `threads` 0 means one per core.
///
/// # Errors
/// [`MatchError::Kernel`] also for a bad width or threshold, [`MatchError::RowWidth`] if `rows` are not
/// whole rows, [`MatchError::TooMany`], [`MatchError::Threads`].
pub fn similar_pairs(
    rows: &[u64],
    row_words: usize,
    dice_permille: u32,
    threads: usize,
    kernel: KernelChoice,
    sink: &(dyn Fn(&[SimilarRows]) + Sync),
) -> Result<Report, MatchError> {
    let kernel = selected(kernel).map_err(MatchError::Kernel)?;
    // Also refuses a bad width or threshold before anything is divided by it.
    Fold::new(row_words, 1, dice_permille).map_err(MatchError::Kernel)?;
    if !rows.len().is_multiple_of(row_words) {
        return Err(MatchError::RowWidth);
    }
    let count = rows.len() / row_words;
    if count > limits::ROWS_MAX {
        return Err(MatchError::TooMany {
            what: "the rows of a search",
            limit: limits::ROWS_MAX as u64,
        });
    }
    let fold = kernel
        .fitting_fold(row_words, dice_permille, &sample(rows, row_words))
        .map_err(MatchError::Kernel)?;
    let (hits, passed) = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(MatchError::Threads)?
        .install(|| search(kernel, fold, rows, row_words, sink));
    let count = count as u64;
    Ok(Report {
        pairs: count * count.saturating_sub(1) / 2,
        hits,
        passed,
        fold_words: fold.fold_words(),
        kernel: kernel.name(),
    })
}

/// Every tile against itself and those after it; hits and pairs that passed the fold.
fn search(
    kernel: Kernel,
    fold: Fold,
    rows: &[u64],
    row_words: usize,
    sink: &(dyn Fn(&[SimilarRows]) + Sync),
) -> (u64, u64) {
    let tiles = rows.par_chunks(TILE_ROWS * row_words);
    let tiles: Vec<FoldTile<'_>> = tiles.map(|rows| FoldTile::new(fold, rows)).collect();
    (0..tiles.len())
        .into_par_iter()
        .with_max_len(1)
        .map_init(
            || (Vec::new(), Vec::new()),
            |(found, hits), i| {
                let mut sums = (0, 0);
                for j in i..tiles.len() {
                    for start in (0..tiles[i].len()).step_by(limits::SEARCH_QUERIES) {
                        let end = tiles[i].len().min(start + limits::SEARCH_QUERIES);
                        found.clear();
                        sums.1 += kernel.similar(&tiles[i], start..end, &tiles[j], i == j, found);
                        sums.0 += found.len() as u64;
                        if !found.is_empty() {
                            hits.clear();
                            hits.extend(found.iter().map(|&pair| numbered(pair, i, j)));
                            sink(hits);
                        }
                    }
                }
                sums
            },
        )
        .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
}

fn numbered(pair: Similar, i: usize, j: usize) -> SimilarRows {
    let number =
        |tile: usize, row: u32| u32::try_from(tile * TILE_ROWS).expect("rows are bounded") + row;
    SimilarRows {
        a: number(i, pair.query),
        b: number(j, pair.row),
        common: pair.common,
        bits: pair.bits,
    }
}

/// Rows drawn at random, one from each of equal stretches; the same for the same number of rows.
fn sample(rows: &[u64], row_words: usize) -> Vec<u64> {
    let count = rows.len() / row_words;
    let stretch = (count / FOLD_SAMPLE_ROWS).max(1);
    let mut random = SplitMix::new(limits::SEARCH_SEED);
    rows.chunks_exact(stretch * row_words)
        .take(FOLD_SAMPLE_ROWS)
        .flat_map(|rows| {
            let row = usize::try_from(random.below(stretch as u64)).unwrap_or(0);
            rows[row * row_words..(row + 1) * row_words].to_vec()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Rows at about 0.45 fill; every seventh is its predecessor with a few bits less.
    fn rows(count: usize, row_words: usize) -> Vec<u64> {
        let mut random = SplitMix::new(7);
        let mut rows: Vec<u64> = Vec::with_capacity(count * row_words);
        for row in 0..count {
            for word in 0..row_words {
                let earlier = rows.len().checked_sub(row_words).filter(|_| row % 7 == 6);
                let bits = if let Some(earlier) = earlier {
                    let damage = random.next() & random.next();
                    rows[earlier]
                        & if word % 4 == row % 4 {
                            !damage
                        } else {
                            u64::MAX
                        }
                } else {
                    random.next() & (random.next() | random.next() | random.next())
                };
                rows.push(bits);
            }
        }
        rows
    }

    fn found(
        rows: &[u64],
        permille: u32,
        threads: usize,
        kernel: KernelChoice,
    ) -> (Vec<SimilarRows>, Report) {
        let hits = Mutex::new(Vec::new());
        let take = |some: &[SimilarRows]| {
            hits.lock()
                .expect("no thread panics")
                .extend_from_slice(some)
        };
        let report =
            similar_pairs(rows, 16, permille, threads, kernel, &take).expect("it is sound");
        let mut hits = hits.into_inner().expect("no thread panics");
        hits.sort_unstable();
        (hits, report)
    }

    #[test]
    fn all_pairs_are_found_whatever_the_threads_and_the_kernel() {
        let rows = rows(2 * TILE_ROWS + 77, 16);
        let rows_of: Vec<&[u64]> = rows.chunks_exact(16).collect();
        let mut expected = Vec::new();
        for (a, x) in (0..).zip(&rows_of) {
            for (b, y) in (a + 1..).zip(&rows_of[a as usize + 1..]) {
                let ones = |count: u32, (x, y): (&u64, &u64)| count + (x & y).count_ones();
                let common = x.iter().zip(*y).fold(0, ones);
                let bits = x
                    .iter()
                    .chain(*y)
                    .map(|word| word.count_ones())
                    .sum::<u32>();
                if 2000 * common >= 850 * bits {
                    expected.push(SimilarRows { a, b, common, bits });
                }
            }
        }
        assert!(expected.len() > 500, "{}", expected.len());
        for (threads, kernel) in [
            (1, KernelChoice::Auto),
            (3, KernelChoice::Auto),
            (2, KernelChoice::Scalar),
        ] {
            let (hits, report) = found(&rows, 850, threads, kernel);
            assert_eq!(hits, expected);
            assert_eq!(report.hits, expected.len() as u64);
            assert_eq!(report.pairs, 4173 * 4172 / 2);
            assert!(report.passed >= report.hits);
            assert!(report.fold_words < 16, "such rows are far apart");
        }
    }

    #[test]
    fn few_rows_and_bad_settings_are_no_surprise() {
        for count in 0..3 {
            let (hits, report) = found(&vec![u64::MAX; 16 * count], 1000, 1, KernelChoice::Auto);
            assert_eq!(hits.len(), count.saturating_sub(1));
            assert_eq!(report.pairs, hits.len() as u64);
        }
        let search = |rows: &[u64], words, permille| {
            similar_pairs(rows, words, permille, 1, KernelChoice::Auto, &|_| ()).map(|_report| ())
        };
        assert!(matches!(
            search(&[0; 15], 16, 800),
            Err(MatchError::RowWidth)
        ));
        assert!(matches!(
            search(&[0; 16], 0, 800),
            Err(MatchError::Kernel(_))
        ));
        assert!(matches!(
            search(&[0; 16], 16, 0),
            Err(MatchError::Kernel(_))
        ));
        assert!(matches!(
            search(&[0; 16], 16, 1001),
            Err(MatchError::Kernel(_))
        ));
    }
}
