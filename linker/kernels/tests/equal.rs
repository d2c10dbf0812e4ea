//! Every kernel that this processor has computes what the scalar one computes.

use linker_kernels::{Grading, Kernel, KernelChoice, Tile, available, limits, selected};
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

/// Compares all kernels on these rows: every row against a tile of all of them.
fn check(row_words: usize, rows: &[u64], marks: &[u8]) {
    let grading = grading(row_words);
    let mut tile = Tile::new(row_words);
    for (row, &mark) in rows.chunks_exact(row_words).zip(marks) {
        tile.push(row, mark);
    }
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    for &kernel in available() {
        for (index, (row, &mark)) in rows.chunks_exact(row_words).zip(marks).enumerate() {
            for first in [0, index / 8, tile.groups()] {
                let expected = scalar().patterns(row, mark, &tile, first, &grading, &mut expected);
                let found = kernel.patterns(row, mark, &tile, first, &grading, &mut found);
                assert_eq!(found, expected, "patterns by {}", kernel.name());
            }
        }
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        assert_eq!(
            kernel.common(rows, &tile, &mut found),
            scalar().common(rows, &tile, &mut expected),
            "common bits by {}",
            kernel.name()
        );
    }
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
#[cfg(target_arch = "x86_64")]
fn enabled_features_are_detected_features() {
    for source in [
        include_str!("../src/x86_64/avx2.rs"),
        include_str!("../src/x86_64/avx512.rs"),
    ] {
        let detected: Vec<&str> = source
            .split("is_x86_feature_detected!(\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let enabled: Vec<&str> = source
            .split("#[target_feature(enable = \"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(enabled.len() > 2, "the file enables features");
        assert!(enabled.iter().all(|list| *list == detected.join(",")));
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
}
