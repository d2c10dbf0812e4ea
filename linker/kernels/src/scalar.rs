//! The reference: what every other kernel must compute, written for reading.

use crate::{
    fold::FoldTile,
    grading::{Grading, SegmentGrading},
    limits::{LANES, QUERY_STEP, TILE_GROUPS},
    tile::Tile,
};

/// Patterns of `row` against `groups` of `tile`, eight per group.
pub(crate) fn patterns(
    row: &[u64],
    missing: u8,
    tile: &Tile,
    groups: &[u16],
    grading: &Grading,
    out: &mut [[u32; LANES]],
) {
    for (&group, out) in groups.iter().zip(out) {
        let group = usize::from(group);
        for (lane, pattern) in out.iter_mut().enumerate() {
            *pattern = 0;
            for (index, part) in grading.segments().iter().enumerate() {
                let present = tile.present(index)[group] >> lane & 1 == 1;
                if present && missing >> index & 1 == 0 {
                    *pattern += part.digit(distance(row, tile, group, lane, part)) * part.stride;
                }
            }
        }
    }
}

/// For each query the lanes of the groups from `first` on in which segment `part` is heard, by
/// default above its bottom level, whether or not the row has the segment.
pub(crate) fn loud(
    queries: &[u64],
    tile: &Tile,
    first: usize,
    part: &SegmentGrading,
    loud: &mut [[u8; TILE_GROUPS]; QUERY_STEP],
) {
    for (row, loud) in queries.chunks_exact(tile.row_words()).zip(loud) {
        for (group, loud) in (first..tile.groups()).zip(loud) {
            *loud = (0..LANES).fold(0, |lanes, lane| {
                let near = distance(row, tile, group, lane, part) <= part.heard_cut();
                lanes | u8::from(near) << lane
            });
        }
    }
}

/// See `Grading::pattern`.
pub(crate) fn pattern_of(a: &[u64], b: &[u64], missing: u8, grading: &Grading) -> u32 {
    grading.pattern(a, b, missing)
}

/// Bits that two rows have in common, and bits of both together.
#[inline(always)]
pub(crate) fn overlap(a: &[u64], b: &[u64]) -> (u32, u32) {
    a.iter().zip(b).fold((0, 0), |(common, bits), (a, b)| {
        let more = a.count_ones() + b.count_ones();
        (common + (a & b).count_ones(), bits + more)
    })
}

/// For each folded query the lanes of the groups from `first` on whose sum is at most its limit: the
/// distance of the folds, counted from the row's start.
pub(crate) fn folded(
    queries: &[u64],
    limits: &[i64],
    tile: &FoldTile<'_>,
    first: usize,
    near: &mut [[u8; TILE_GROUPS]; QUERY_STEP],
) {
    let queries = queries.chunks_exact(tile.fold().fold_words()).zip(limits);
    for ((query, &limit), near) in queries.zip(near) {
        for ((words, starts), near) in tile.groups_from(first).zip(near) {
            *near = (0..LANES).fold(0, |lanes, lane| {
                let pairs = words.iter().zip(query);
                let distance: u32 = pairs
                    .map(|(lanes, word)| (lanes.0[lane] ^ word).count_ones())
                    .sum();
                let sum = starts.0[lane].cast_signed() + i64::from(distance);
                lanes | u8::from(sum <= limit) << lane
            });
        }
    }
}

/// Bits that `row` has in common with each row of `tile`: one line per segment for each group, and an
/// unused one.
pub(crate) fn segment_common(
    row: &[u64],
    tile: &Tile,
    grading: &Grading,
    out: &mut [[u16; LANES]],
) {
    let lines = out.chunks_exact_mut(grading.segment_count() + 1);
    for (group, lines) in tile.groups_from(0).zip(lines) {
        for (part, line) in grading.segments().iter().zip(lines) {
            *line = [0; LANES];
            for (lanes, word) in group[part.words.clone()]
                .iter()
                .zip(&row[part.words.clone()])
            {
                for (count, lane) in line.iter_mut().zip(&lanes.0) {
                    *count += u16::try_from((lane & word).count_ones()).unwrap_or(0);
                }
            }
        }
    }
}

fn distance(row: &[u64], tile: &Tile, group: usize, lane: usize, part: &SegmentGrading) -> u32 {
    let words = &tile.group(group)[part.words.clone()];
    let pairs = words.iter().zip(&row[part.words.clone()]);
    pairs
        .map(|(lanes, word)| (lanes.0[lane] ^ word).count_ones())
        .sum()
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
