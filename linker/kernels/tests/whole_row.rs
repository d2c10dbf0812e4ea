//! Folds lose no similar pair, and counts by segment are counts.

use linker_kernels::{Fold, FoldTile, Grading, Similar, Tile, available, limits};
use proptest::prelude::*;

/// The definition, on integers: Dice = 2·common / (|a| + |b|) at least so many thousandths.
fn naive(a: &[u64], width: usize, b: &[u64], permille: u32, after: bool) -> Vec<Similar> {
    let mut found = Vec::new();
    for (query, x) in (0..).zip(a.chunks_exact(width)) {
        for (row, y) in (0..).zip(b.chunks_exact(width)) {
            let bits = |row: &[u64]| row.iter().map(|word| word.count_ones()).sum::<u32>();
            let both: Vec<u64> = x.iter().zip(y).map(|(x, y)| x & y).collect();
            let (common, bits) = (bits(&both), bits(x) + bits(y));
            if bits > 0 && 2000 * common >= permille * bits && (!after || row > query) {
                found.push(Similar {
                    query,
                    row,
                    common,
                    bits,
                });
            }
        }
    }
    found
}

/// All kernels and all widths of folds against the definition, in one piece and in two.
fn check(width: usize, a: &[u64], b: &[u64], permille: u32) {
    let expected = naive(a, width, b, permille, false);
    let expected_after = naive(a, width, a, permille, true);
    for fold_words in 1..=width {
        let fold = Fold::new(width, fold_words, permille).expect("the fold is sound");
        let (queries, tile) = (FoldTile::new(fold, a), FoldTile::new(fold, b));
        for &kernel in available() {
            let name = kernel.name();
            let mut found = Vec::new();
            let half = queries.len() / 2;
            let passed = kernel.similar(&queries, 0..half, &tile, false, &mut found)
                + kernel.similar(&queries, half..queries.len(), &tile, false, &mut found);
            found.sort_unstable();
            assert_eq!(found, expected, "{name}, {fold_words} words");
            assert!(passed >= found.len() as u64);
            found.clear();
            kernel.similar(&queries, 0..queries.len(), &queries, true, &mut found);
            found.sort_unstable();
            assert_eq!(found, expected_after, "{name}, {fold_words} words, after");
        }
    }
}

/// A row with the bits `from..to` set.
fn run_of(width: usize, from: usize, to: usize) -> Vec<u64> {
    (0..width)
        .map(|word| {
            (0..64).fold(0, |bits, bit| {
                bits | u64::from((from..to).contains(&(64 * word + bit))) << bit
            })
        })
        .collect()
}

#[test]
fn equality_at_the_threshold_is_similar_and_a_bit_less_is_not() {
    for width in limits::ROW_WORDS_ALLOWED {
        // 100 bits each, 80 in common: Dice is exactly 0.8; then 79.
        let rows = [
            run_of(width, 0, 100),
            run_of(width, 20, 120),
            run_of(width, 21, 121),
        ]
        .concat();
        for (permille, hits) in [(800, 2), (801, 1), (790, 3), (791, 2)] {
            assert_eq!(naive(&rows, width, &rows, permille, true).len(), hits);
            check(width, &rows, &rows, permille);
        }
    }
}

#[test]
fn empty_and_full_rows_are_no_exception() {
    for width in limits::ROW_WORDS_ALLOWED {
        let rows = [
            vec![0; width],
            vec![u64::MAX; width],
            vec![0; width],
            vec![u64::MAX; width],
            run_of(width, 0, 1),
            run_of(width, 0, 64 * width - 1),
        ]
        .concat();
        for permille in [1, 500, 999, 1000] {
            check(width, &rows, &rows, permille);
        }
        check(width, &[], &rows, 500);
        check(width, &rows, &[], 500);
    }
}

#[test]
fn unusable_folds_are_refused() {
    for (width, words, permille) in [
        (12, 4, 800),
        (16, 0, 800),
        (16, 17, 800),
        (16, 8, 0),
        (16, 8, 1001),
    ] {
        assert!(Fold::new(width, words, permille).is_err());
    }
}

#[test]
#[should_panic(expected = "at most TILE_ROWS rows")]
fn a_fold_tile_has_a_bound() {
    let fold = Fold::new(8, 4, 800).expect("the fold is sound");
    let _tile = FoldTile::new(fold, &vec![0; 8 * (limits::TILE_ROWS + 1)]);
}

#[test]
fn a_full_tile_is_searched_to_its_last_row() {
    let mut rows: Vec<u64> = (0..8 * limits::TILE_ROWS as u64).map(mixed).collect();
    let last = rows.len() - 8;
    rows.copy_within(0..8, last);
    for fold_words in [2, 8] {
        let fold = Fold::new(8, fold_words, 950).expect("the fold is sound");
        let tile = FoldTile::new(fold, &rows);
        for &kernel in available() {
            let mut found = Vec::new();
            kernel.similar(&tile, 0..8, &tile, true, &mut found);
            let pairs: Vec<_> = found.iter().map(|pair| (pair.query, pair.row)).collect();
            assert_eq!(pairs, [(0, 2047)]);
        }
    }
}

#[test]
fn the_fitting_fold_is_narrow_where_rows_are_far_apart_and_the_row_where_they_are_not() {
    let far: Vec<u64> = (0..16 * 600).map(mixed).collect();
    let near: Vec<u64> = (0..16 * 600)
        .map(|n| 0xffff << 16 | mixed(n) >> 60)
        .collect();
    for &kernel in available() {
        let words = |rows: &[u64]| {
            let fold = kernel
                .fitting_fold(16, 850, rows)
                .expect("the threshold is sound");
            fold.fold_words()
        };
        assert!((3..9).contains(&words(&far)), "{}", words(&far));
        assert_eq!(words(&near), 16);
        assert_eq!(words(&[]), 1);
    }
}

/// The SplitMix64 finaliser.
fn mixed(index: u64) -> u64 {
    let mut word = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// Rows of a few families: members of one differ in few bits, so that all Dice values occur.
fn families(width: usize, rows: usize, seed: u64) -> Vec<u64> {
    let damage = |n: u64| mixed(n) & mixed(n ^ 1 << 40) & mixed(n ^ 1 << 41);
    (0..rows as u64)
        .flat_map(|row| {
            let (family, strength) = (seed ^ (row % 5) << 32, mixed(seed ^ row) % 3);
            (0..width as u64).map(move |word| {
                let bits = mixed(family ^ word << 8);
                let noise = damage(seed ^ row << 16 ^ word << 50);
                let noise = if word % 3 < strength { noise } else { 0 };
                bits ^ noise
            })
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_similar_pair_is_lost(
        width in 0..3_usize,
        seed in any::<u64>(),
        queries in 0..20_usize,
        rows in 0..40_usize,
        permille in prop_oneof![1..1001_u32, 700..1001_u32],
    ) {
        let width = limits::ROW_WORDS_ALLOWED[width];
        let all = families(width, queries.max(rows), seed);
        check(width, &all[..queries * width], &all[..rows * width], permille);
    }

    #[test]
    fn counts_by_segment_are_the_common_bits_of_its_words(
        width in 0..3_usize,
        seed in any::<u64>(),
        rows in 0..40_usize,
        first in 1..8_usize,
    ) {
        let width = limits::ROW_WORDS_ALLOWED[width];
        let parts = [(0..first, vec![0]), (first..width, vec![0]), (0..width, vec![0])];
        let parts = if first == width { &parts[2..] } else { &parts[..] };
        let grading = Grading::new(width, parts).expect("the grading is sound");
        let all = families(width, rows + 1, seed);
        let (query, rows) = all.split_at(width);
        let mut tile = Tile::new(width);
        rows.chunks_exact(width).for_each(|row| tile.push(row, 0));
        for &kernel in available() {
            let mut buffer = Vec::new();
            let lines = kernel.segment_common(query, &tile, &grading, &mut buffer);
            let groups: Vec<_> = lines.chunks_exact(grading.segment_count() + 1).collect();
            prop_assert_eq!(groups.len(), tile.groups());
            for (index, row) in rows.chunks_exact(width).enumerate() {
                let counts: Vec<u32> = groups[index / 8].iter().map(|line| u32::from(line[index % 8])).collect();
                let expected: Vec<u32> = parts.iter().map(|(words, _)| {
                    let pairs = query[words.clone()].iter().zip(&row[words.clone()]);
                    pairs.map(|(a, b)| (a & b).count_ones()).sum()
                }).collect();
                let (sum, segments) = counts.split_last().expect("there is a sum");
                prop_assert_eq!(segments, &expected[..], "{}", kernel.name());
                prop_assert_eq!(*sum, expected.iter().sum::<u32>());
            }
        }
    }
}
