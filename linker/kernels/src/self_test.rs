//! Whether the kernels agree, asked at start-up.

use crate::{
    dispatch::{KernelChoice, available, selected},
    error::KernelError,
    fold::{Fold, FoldTile},
    grading::Grading,
    kernel::Kernel,
    limits,
    tile::Tile,
};

/// Rows of the test: two full groups and a part of one, and not a multiple of [`limits::QUERY_STEP`].
const ROWS: usize = 21;

/// Runs every operation of every available kernel on fixed rows and compares it with the scalar one.
///
/// # Errors
/// [`KernelError::SelfTest`]: the machine must not compute.
pub fn self_test() -> Result<(), KernelError> {
    let scalar = selected(KernelChoice::Scalar)?;
    for row_words in limits::ROW_WORDS_ALLOWED {
        let rows: Vec<u64> = (0..(row_words * ROWS) as u64).map(mixed).collect();
        let expected = answers(scalar, row_words, &rows)?;
        for &kernel in available() {
            if answers(kernel, row_words, &rows)? != expected {
                return Err(KernelError::SelfTest {
                    name: kernel.name(),
                });
            }
        }
    }
    Ok(())
}

/// What a kernel says about the rows, operation after operation.
fn answers(kernel: Kernel, row_words: usize, rows: &[u64]) -> Result<Vec<u32>, KernelError> {
    let cuts = vec![0, 20, 80, 120];
    let parts = [
        (0..3, cuts.clone()),
        (3..5, cuts.clone()),
        (5..row_words, cuts),
    ];
    let grading = Grading::new(row_words, &parts)?;
    let mut tile = Tile::new(row_words);
    for (index, row) in rows.chunks_exact(row_words).enumerate() {
        tile.push(row, [0, 0, 1, 4][index % 4]);
    }
    let mut all = Vec::new();
    let (mut wide, mut narrow) = (Vec::new(), Vec::new());
    for (index, row) in rows.chunks_exact(row_words).enumerate() {
        let missing = [0, 0, 0, 2][index % 4];
        all.extend_from_slice(kernel.patterns(row, missing, &tile, 0, &grading, &mut wide));
        all.push(kernel.pattern_of(row, &rows[..row_words], missing, &grading));
        let lines = kernel.segment_common(row, &tile, &grading, &mut narrow);
        all.extend(lines.as_flattened().iter().map(|&count| u32::from(count)));
    }
    let common = kernel.common(rows, &tile, &mut narrow);
    all.extend(common.iter().map(|&count| u32::from(count)));
    let mut sifted = Vec::new();
    kernel.sift(rows, 2, &tile, 0, &grading, 0b101, &mut wide, &mut sifted);
    sifted.sort_unstable();
    all.extend(
        sifted
            .iter()
            .flat_map(|pair| [pair.query, pair.row, pair.pattern]),
    );
    for words in [row_words / 2, row_words] {
        let tile = FoldTile::new(Fold::new(row_words, words, 600)?, rows);
        let mut similar = Vec::new();
        kernel.similar(&tile, 0..ROWS, &tile, true, &mut similar);
        similar.sort_unstable();
        all.extend(
            similar
                .iter()
                .flat_map(|pair| [pair.query, pair.row, pair.common]),
        );
    }
    Ok(all)
}

/// Fixed test words: some full, some empty, the rest mixed by the SplitMix64 finaliser.
fn mixed(index: u64) -> u64 {
    let mut word = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    match index % 61 {
        0..20 => u64::MAX,
        20..35 => 0,
        _ => word ^ word >> 27,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_passes_its_self_test() {
        assert_eq!(self_test(), Ok(()));
    }

    #[test]
    fn the_rows_of_the_test_are_telling() {
        for row_words in limits::ROW_WORDS_ALLOWED {
            let rows: Vec<u64> = (0..(row_words * ROWS) as u64).map(mixed).collect();
            let scalar = selected(KernelChoice::Scalar).expect("the scalar kernel is always there");
            let all = answers(scalar, row_words, &rows).expect("the grading is sound");
            let different: std::collections::BTreeSet<u32> = all.iter().copied().collect();
            assert!(different.len() > 100, "{}", different.len());
            let fold = Fold::new(row_words, row_words, 600).expect("the fold is sound");
            let (tile, mut similar) = (FoldTile::new(fold, &rows), Vec::new());
            scalar.similar(&tile, 0..ROWS, &tile, true, &mut similar);
            assert!((3..200).contains(&similar.len()), "{}", similar.len());
        }
    }
}
