//! The reference: what every other kernel must compute, written for reading.

use crate::{grading::Grading, limits::LANES, tile::Tile};

/// Patterns of `row` against the groups of `tile` from `first` on, eight per group.
pub(crate) fn patterns(
    row: &[u64],
    missing: u8,
    tile: &Tile,
    first: usize,
    grading: &Grading,
    out: &mut [[u32; LANES]],
) {
    for (group, out) in (first..tile.groups()).zip(out) {
        let (words, marks) = (tile.group(group), tile.marks(group));
        for (lane, pattern) in out.iter_mut().enumerate() {
            *pattern = 0;
            for (index, part) in grading.segments().iter().enumerate() {
                if (missing | marks[lane]) >> index & 1 == 0 {
                    let pairs = words[part.words.clone()]
                        .iter()
                        .zip(&row[part.words.clone()]);
                    let distance = pairs
                        .map(|(lanes, word)| (lanes.0[lane] ^ word).count_ones())
                        .sum();
                    *pattern += part.digit(distance) * part.stride;
                }
            }
        }
    }
}

/// Bits that each query row has in common with each row of `tile`: one line of groups per query.
pub(crate) fn common(queries: &[u64], tile: &Tile, out: &mut [[u16; LANES]]) {
    let width = tile.row_words();
    let lines = out.chunks_exact_mut(tile.groups());
    for (query, line) in queries.chunks_exact(width).zip(lines) {
        for (group, counts) in line.iter_mut().enumerate() {
            *counts = [0; LANES];
            for (lanes, word) in tile.group(group).iter().zip(query) {
                for (count, lane) in counts.iter_mut().zip(&lanes.0) {
                    *count += u16::try_from((lane & word).count_ones()).unwrap_or(0);
                }
            }
        }
    }
}
