//! Every kernel that this processor has computes what the scalar one computes.

use linker_kernels::{Grading, Kernel, KernelChoice, Sifted, Tile, available, limits, selected};
use proptest::prelude::*;

fn scalar() -> Kernel {
    selected(KernelChoice::Scalar).expect("the scalar kernel is always there")
}

fn grading(row_words: usize) -> Grading {
    let cuts = |bits: u32| vec![0, bits / 8, bits / 5, bits / 3, bits * 2 / 5];
    let parts = [
        (0..1, vec![0]),
        (1..5, cuts(256)),
        (5..6, vec![0, 1, 2, 3, 4, 5, 6]),
        (
            6..row_words,
            cuts(64 * u32::try_from(row_words - 6).expect("rows are short")),
        ),
    ];
    Grading::new(row_words, &parts).expect("the grading is sound")
}

/// What a sift is, pair by pair.
fn loud(
    queries: &[u64],
    missing: u8,
    rows: &[u64],
    marks: &[u8],
    grading: &Grading,
    (watched, lowest): (u8, usize),
) -> Vec<Sifted> {
    let width = grading.row_words();
    let mut found = Vec::new();
    for (query, a) in (0..).zip(queries.chunks_exact(width)) {
        for ((row, b), mark) in (0..).zip(rows.chunks_exact(width)).zip(marks) {
            let pattern = grading.pattern(a, b, missing | mark);
            let above = |segment: usize| {
                let level = grading.level(pattern, segment);
                watched >> segment & 1 == 1
                    && level.is_some_and(|level| {
                        level <= (grading.levels(segment) - 2).saturating_sub(lowest)
                    })
            };
            if (0..grading.segment_count()).any(above) {
                found.push(Sifted {
                    query,
                    row,
                    pattern,
                });
            }
        }
    }
    found
}

/// Compares sifts of every kernel, and of single pairs, with the definition.
fn check_sift(
    grading: &Grading,
    rows: &[u64],
    marks: &[u8],
    queries: usize,
    (watched, lowest): (u8, usize),
) {
    let grading = &grading.hearing_less(lowest);
    let width = grading.row_words();
    let count = rows.len() / width;
    let queries = &rows[..queries.min(count) * width];
    let mut tile = Tile::new(width);
    for (row, &mark) in rows.chunks_exact(width).zip(marks) {
        tile.push(row, mark);
    }
    for &kernel in available() {
        for missing in [0, marks[0]] {
            let all = loud(queries, missing, rows, marks, grading, (watched, lowest));
            for first in [0, 1, tile.groups() / 2, tile.groups(), tile.groups() + 300] {
                let (mut buffer, mut found) = (Vec::new(), Vec::new());
                kernel.sift(
                    queries,
                    missing,
                    &tile,
                    first,
                    grading,
                    watched,
                    &mut buffer,
                    &mut found,
                );
                found.sort_unstable();
                let of_first = |pair: &&Sifted| pair.row as usize >= first * limits::LANES;
                let expected: Vec<Sifted> = all.iter().filter(of_first).copied().collect();
                assert_eq!(found, expected, "sift by {}", kernel.name());
            }
        }
        for (a, b) in queries
            .chunks_exact(width)
            .zip(rows.chunks_exact(width).rev())
        {
            let found = kernel.pattern_of(a, b, marks[0], grading);
            assert_eq!(found, grading.pattern(a, b, marks[0]), "{}", kernel.name());
        }
    }
}

/// A grading of any widths, with cuts near the distance of random rows so that all levels occur.
fn any_grading(row_words: usize, widths: &[usize], spread: u32) -> Grading {
    let (mut start, mut parts) = (0, Vec::new());
    for &width in widths {
        if start == row_words {
            break;
        }
        let end = row_words.min(start + width);
        let middle = 32 * u32::try_from(end - start).expect("rows are short");
        let cuts = [0, middle - spread, middle, middle + spread];
        parts.push((start..end, cuts[..1 + width % 4].to_vec()));
        start = end;
    }
    Grading::new(row_words, &parts).expect("the grading is sound")
}

/// Compares all kernels on these rows: every row against a tile of all of them.
fn check(row_words: usize, rows: &[u64], marks: &[u8]) {
    let tile = check_patterns(&grading(row_words), rows, marks);
    for &kernel in available() {
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        assert_eq!(
            kernel.common(rows, &tile, &mut found),
            scalar().common(rows, &tile, &mut expected),
            "common bits by {}",
            kernel.name()
        );
    }
}

fn check_patterns(grading: &Grading, rows: &[u64], marks: &[u8]) -> Tile {
    let row_words = grading.row_words();
    let mut tile = Tile::new(row_words);
    for (row, &mark) in rows.chunks_exact(row_words).zip(marks) {
        tile.push(row, mark);
    }
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    for &kernel in available() {
        for (index, (row, &mark)) in rows.chunks_exact(row_words).zip(marks).enumerate() {
            for first in [0, index / 8, tile.groups()] {
                let expected = scalar().patterns(row, mark, &tile, first, grading, &mut expected);
                let found = kernel.patterns(row, mark, &tile, first, grading, &mut found);
                assert_eq!(found, expected, "patterns by {}", kernel.name());
            }
        }
    }
    tile
}

/// The SplitMix64 finaliser.
fn mixed(index: u64) -> u64 {
    let mut word = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

#[test]
fn edge_rows_agree() {
    for row_words in limits::ROW_WORDS_ALLOWED {
        let mut rows = vec![0; row_words];
        rows.extend(vec![u64::MAX; row_words]);
        for word in 0..row_words {
            for bit in [0, 63] {
                let start = rows.len();
                rows.resize(start + row_words, 0);
                rows[start + word] = 1 << bit;
            }
        }
        let marks: Vec<u8> = (0..rows.len() / row_words)
            .map(|row| [0, 0, 1, 0b1010, 0xff][row % 5])
            .collect();
        check(row_words, &rows, &marks);
    }
}

#[test]
fn no_row_and_one_row_agree() {
    for row_words in limits::ROW_WORDS_ALLOWED {
        check(row_words, &[], &[]);
        check(row_words, &vec![0x0123_4567_89ab_cdef; row_words], &[0]);
    }
}

#[test]
fn the_scalar_kernel_is_the_definition() {
    let grading = grading(16);
    let rows: Vec<u64> = (0..160_u64)
        .map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .collect();
    let mut tile = Tile::new(16);
    for (index, row) in rows.chunks_exact(16).enumerate() {
        tile.push(row, u8::from(index == 3));
    }
    let (mut patterns, mut common) = (Vec::new(), Vec::new());
    let patterns = scalar().patterns(&rows[..16], 0, &tile, 0, &grading, &mut patterns);
    let common = scalar().common(&rows[..16], &tile, &mut common);
    for (index, row) in rows.chunks_exact(16).enumerate() {
        let single = grading.pattern(&rows[..16], row, u8::from(index == 3));
        assert_eq!(patterns[index], single);
        let pairs = rows[..16].iter().zip(row);
        let both: u32 = pairs.map(|(a, b)| (a & b).count_ones()).sum();
        assert_eq!(u32::from(common[index]), both);
    }
}

#[test]
#[should_panic(expected = "at most TILE_ROWS rows")]
fn a_full_tile_takes_no_row() {
    let mut tile = Tile::new(8);
    (0..=limits::TILE_ROWS).for_each(|_| tile.push(&[0; 8], 0));
}

#[test]
#[should_panic(expected = "row and tile fit")]
fn widths_must_fit() {
    scalar().patterns(&[0; 8], 0, &Tile::new(16), 0, &grading(8), &mut Vec::new());
}

/// The list a file enables and the list it asks the processor for are the same list.
#[test]
fn enabled_features_are_detected_features() {
    for source in [
        include_str!("../src/x86_64/popcnt.rs"),
        include_str!("../src/x86_64/avx2.rs"),
        include_str!("../src/x86_64/avx512.rs"),
        include_str!("../src/aarch64/neon.rs"),
    ] {
        let after = |start: &str| -> Vec<&str> {
            let parts = source.split(start).skip(1);
            parts.filter_map(|rest| rest.split('"').next()).collect()
        };
        let detected = after("_feature_detected!(\"").join(",");
        let mut enabled = after("#[target_feature(enable = \"");
        enabled.extend(after("loops!(\""));
        assert!(enabled.len() > 2, "the file enables features");
        assert!(enabled.iter().all(|list| *list == detected));
    }
}

proptest! {
    #[test]
    fn random_rows_agree(
        width in 0..3_usize,
        words in prop::collection::vec(prop_oneof![any::<u64>(), Just(0), Just(u64::MAX)], 0..800),
        marks in prop::collection::vec(any::<u8>(), 100),
    ) {
        let row_words = limits::ROW_WORDS_ALLOWED[width];
        let whole = words.len() / row_words * row_words;
        check(row_words, &words[..whole], &marks);
    }

    #[test]
    fn random_gradings_agree(
        width in 0..3_usize,
        seed in any::<u64>(),
        rows in 1..100_usize,
        widths in prop::collection::vec(1..33_usize, 1..9),
        spread in 1..32_u32,
        marks in prop::collection::vec(prop_oneof![Just(0), any::<u8>()], 100),
        queries in 0..10_usize,
        watched in any::<u8>(),
        lowest in 0..5_usize,
    ) {
        let row_words = limits::ROW_WORDS_ALLOWED[width];
        let words: Vec<u64> = (0..(rows * row_words) as u64).map(|n| mixed(seed ^ n)).collect();
        let grading = any_grading(row_words, &widths, spread);
        check_sift(&grading, &words, &marks[..rows], queries, (watched, lowest));
        check_patterns(&grading, &words, &marks[..rows]);
    }
}
